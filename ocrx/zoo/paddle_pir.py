"""Reads ``inference.json``, the PIR program format of Paddle 3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ocrx.errors import ModelError
from ocrx.zoo.paddle_program import Operator, ProgramHeader, program_header


@dataclass(frozen=True)
class _Pir:
    """Maps an operator of PIR to the protobuf format.

    Attributes:
        type: The operator's name in the protobuf format.
        inputs: Slots of its inputs, in order. A slot with ``@`` becomes an attribute if its value is a constant.
        attributes: Attributes that are renamed, PIR's name first; None if there are none.
    """

    type: str
    inputs: tuple[str, ...] = ("X",)
    attributes: Mapping[str, str] | None = None


_PIR = {
    "conv2d": _Pir("conv2d", ("Input", "Filter")),
    "depthwise_conv2d": _Pir("depthwise_conv2d", ("Input", "Filter")),
    "batch_norm_": _Pir("batch_norm", ("X", "Mean", "Variance", "Scale", "Bias")),
    "batch_norm": _Pir("batch_norm", ("X", "Mean", "Variance", "Scale", "Bias")),
    "layer_norm": _Pir("layer_norm", ("X", "Scale", "Bias")),
    "add": _Pir("elementwise_add", ("X", "Y")),
    "subtract": _Pir("elementwise_sub", ("X", "Y")),
    "multiply": _Pir("elementwise_mul", ("X", "Y")),
    "divide": _Pir("elementwise_div", ("X", "Y")),
    "matmul": _Pir("matmul_v2", ("X", "Y"), {"transpose_x": "trans_x", "transpose_y": "trans_y"}),
    "hardswish": _Pir("hard_swish"),
    "hardsigmoid": _Pir("hard_sigmoid"),
    "dropout": _Pir("dropout", ("X", "Seed", "@dropout_prob"), {"mode": "dropout_implementation"}),
    "scale": _Pir("scale", ("X", "@scale")),
    "reshape": _Pir("reshape2", ("X", "@shape")),
    "transpose": _Pir("transpose2", ("X",), {"perm": "axis"}),
    "squeeze": _Pir("squeeze2", ("X", "@axes")),
    "unsqueeze": _Pir("unsqueeze2", ("X", "@axes")),
    "flatten": _Pir("flatten_contiguous_range"),
    "concat": _Pir("concat", ("X", "@axis")),
    "mean": _Pir("reduce_mean", ("X", "@dim"), {"axis": "dim", "keepdim": "keep_dim"}),
    "pool2d": _Pir("pool2d", ("X", "@ksize")),
    "slice": _Pir("slice", ("Input", "@starts", "@ends")),
    "shape64": _Pir("shape", ("Input",)),
    "shape": _Pir("shape", ("Input",)),
    "fetch": _Pir("fetch"),
    **{name: _Pir(name) for name in ("relu", "sigmoid", "swish", "silu", "gelu", "softmax", "assign", "stack", "cast")},
}


def read_pir(data: bytes) -> ProgramHeader:
    """Parse a program in the PIR format.

    Args:
        data: Contents of ``inference.json``.

    Returns:
        The program without its parameters.

    Raises:
        ModelError: It is not a Paddle program, has branches or loops, or an unknown operator.
        ValueError, LookupError, TypeError: It is damaged.
    """
    tree = json.loads(data)
    if not isinstance(tree, dict) or tree.get("base_code", {}).get("magic") != "pir":
        raise ModelError("not a Paddle program (a JSON file of another kind)")
    regions = tree["program"]["regions"]
    if len(regions) != 1 or len(regions[0]["blocks"]) != 1:
        raise ModelError("the program has branches or loops; no CTC text recogniser needs them")

    reader = _PirReader()
    for entry in regions[0]["blocks"][0]["ops"]:
        reader.add(entry)
    return program_header(reader.operators, reader.shapes, reader.ranks)


class _PirReader:
    """Converts the operators of PIR to the protobuf format's, one after another."""

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.ranks: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._lists: dict[str, tuple[str, ...]] = {}
        self._constants: dict[str, Any] = {}

    def add(self, entry: Mapping[str, Any]) -> None:
        name = str(entry["#"]).rpartition(".")[2]
        outputs = self._outputs(entry)
        if name == "p":
            parameter = str(entry["A"][3])
            self._names[entry["O"]["%"]] = parameter
            self.shapes[parameter] = self._shape(entry["O"])
            self.ranks[parameter] = len(self.shapes[parameter])
            return

        attributes = {a["N"]: _pir_value(a["AT"]) for a in entry["A"] if isinstance(a, dict) and "N" in a}
        inputs = [self._names[i["%"]] if i["%"] else "" for i in entry.get("I", ())]
        if name == "combine":
            self._lists[outputs[0]] = tuple(inputs)
        elif name in ("data", "feed"):
            self.operators.append(Operator("feed", {}, outputs, {}))
        elif name in ("full", "full_int_array"):
            self._constants[outputs[0]] = attributes["value"]
            shape = attributes.get("shape", [len(attributes["value"])] if name == "full_int_array" else [])
            kept = {"value": attributes["value"], "shape": shape, "dtype": attributes["dtype"]}
            self.operators.append(Operator("fill_constant", {}, outputs, kept))
        else:
            self.operators.append(self._operator(name, inputs, outputs, attributes))

    def _operator(self, name: str, inputs: list[str], outputs: tuple[str, ...], attributes: dict[str, Any]) -> Operator:
        known = _PIR.get(name)
        if known is None:
            raise ModelError(f"unknown operator {name!r}; nothing was imported")
        if len(inputs) > len(known.inputs):
            raise ModelError(f"the operator {name!r} has {len(inputs)} inputs; expected {len(known.inputs)} at most")
        renamed = {(known.attributes or {}).get(key, key): value for key, value in attributes.items()}
        named: dict[str, tuple[str, ...]] = {}

        for slot, value in zip(known.inputs, inputs, strict=False):
            if not value:
                continue
            setting = slot.removeprefix("@")
            if slot != setting and value in self._constants:
                renamed[setting] = self._constants[value]
            else:
                named[setting] = self._lists.get(value, (value,))

        return Operator(known.type, named, outputs, renamed)

    def _outputs(self, entry: Mapping[str, Any]) -> tuple[str, ...]:
        values = entry["O"] if isinstance(entry["O"], list) else [entry["O"]]
        for value in values:
            name = f"%{int(value['%'])}"
            self._names[value["%"]] = name
            self.ranks[name] = len(self._shape(value))
        return tuple(self._names[value["%"]] for value in values)

    @staticmethod
    def _shape(value: Mapping[str, Any]) -> tuple[int, ...]:
        described = value["TT"]
        return tuple(int(size) for size in described["D"][1]) if described["#"].endswith("t_dtensor") else ()


def _pir_value(attribute: Mapping[str, Any]) -> Any:
    value = attribute.get("D")
    if isinstance(value, list):
        return [part["D"] if isinstance(part, dict) else part for part in value]
    return value
