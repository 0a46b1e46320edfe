"""Writes networks in Paddle's inference form, as Paddle does, for tests of the reader."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.fx
from torch import nn

from ocrx.models.blocks import HardSigmoid
from ocrx.zoo.paddle_program import Operator
from ocrx.zoo.paddle_protobuf import program_messages

FLOAT32 = 5


@dataclass
class Written:
    """A program on its way to a file: operators in the older form, parameters, and the rank of every value."""

    operators: list[Operator] = field(default_factory=list)
    parameters: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, inputs: dict[str, tuple[str, ...]], rank: int, **attributes: Any) -> str:
        name = f"v{len(self.operators)}"
        self.operators.append(Operator(kind, inputs, (name,), attributes))
        self.ranks[name] = rank
        return name

    def parameter(self, name: str, value: np.ndarray[Any, Any]) -> str:
        self.parameters[name] = np.ascontiguousarray(value, np.float32)
        self.ranks[name] = value.ndim
        return name


def program_of(network: nn.Module) -> Written:
    """The program of a fused convolutional network, ending in a softmax as Paddle's recognisers do."""
    graph = _Tracer().trace(network)
    modules = dict(network.named_modules())
    program = Written()
    values: dict[str, str] = {}
    for node in graph.nodes:
        inputs = [values[arg.name] for arg in node.args if isinstance(arg, torch.fx.Node)]
        if node.op == "placeholder":
            values[node.name] = "x"
            program.ranks["x"] = 4
        elif node.op == "call_module":
            values[node.name] = _module(program, node.target.replace(".", "_"), modules[node.target], inputs[0])
        elif node.op in ("call_function", "call_method"):
            kind = node.target if isinstance(node.target, str) else node.target.__name__
            values[node.name] = _FUNCTIONS[kind](program, inputs, node)
        elif node.op == "output":
            program.add("softmax", {"X": (values[node.args[0].name],)}, 3, axis=-1)
    return program


class _Tracer(torch.fx.Tracer):
    """Leaves whole what is one operator in Paddle."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, HardSigmoid) or super().is_leaf_module(m, module_qualified_name)


def _module(program: Written, name: str, module: nn.Module, x: str) -> str:
    match module:
        case nn.Conv2d():
            weight = program.parameter(f"{name}.w_0", module.weight.detach().numpy())
            kind = "depthwise_conv2d" if module.groups > 1 else "conv2d"
            out = program.add(
                kind,
                {"Input": (x,), "Filter": (weight,)},
                4,
                strides=list(module.stride),
                paddings=[int(p) for p in module.padding],
                dilations=[1, 1],
                groups=module.groups,
                padding_algorithm="EXPLICIT",
                data_format="NCHW",
            )
            if module.bias is None:
                return out
            bias = program.parameter(f"{name}.b_0", module.bias.detach().numpy())
            return program.add("elementwise_add", {"X": (out,), "Y": (bias,)}, 4, axis=1)
        case nn.Linear():
            weight = program.parameter(f"{name}.w_0", module.weight.detach().numpy().T)
            out = program.add("matmul_v2", {"X": (x,), "Y": (weight,)}, 3, trans_x=False, trans_y=False)
            bias = program.parameter(f"{name}.b_0", module.bias.detach().numpy())
            return program.add("elementwise_add", {"X": (out,), "Y": (bias,)}, 3, axis=-1)
        case nn.AvgPool2d():
            return program.add(
                "pool2d",
                {"X": (x,)},
                4,
                ksize=list(module.kernel_size),
                strides=list(module.stride),
                paddings=[0, 0],
                ceil_mode=False,
                exclusive=True,
                adaptive=False,
                global_pooling=False,
                pooling_type="avg",
                padding_algorithm="EXPLICIT",
            )
    kinds = {nn.Identity: "assign", nn.GELU: "gelu", nn.Hardswish: "hard_swish", HardSigmoid: "hard_sigmoid"}
    settings = {"slope": 0.1666667, "offset": 0.5} if isinstance(module, HardSigmoid) else {}
    return program.add(kinds[type(module)], {"X": (x,)}, program.ranks[x], **settings)


_Function = Callable[[Written, list[str], Any], str]
_FUNCTIONS: dict[str, _Function] = {
    "add": lambda p, x, _: p.add("elementwise_add", {"X": (x[0],), "Y": (x[1],)}, 4, axis=-1),
    "mul": lambda p, x, _: p.add("elementwise_mul", {"X": (x[0],), "Y": (x[1],)}, 4, axis=-1),
    "relu": lambda p, x, _: p.add("relu", {"X": (x[0],)}, 4),
    "mean": lambda p, x, _: p.add("reduce_mean", {"X": (x[0],)}, 4, dim=[2, 3], keep_dim=True),
    "squeeze": lambda p, x, _: p.add("squeeze2", {"X": (x[0],)}, 3, axes=[2]),
    "transpose": lambda p, x, _: p.add("transpose2", {"X": (x[0],)}, 3, axis=[0, 2, 1]),
}


def write_parameters(program: Written, file: Path) -> None:
    """All parameters in the order of their names, as Paddle's save_combine does."""
    message = program_messages()["TensorDesc"]
    with file.open("wb") as out:
        for _, value in sorted(program.parameters.items()):
            described = message(data_type=FLOAT32, dims=list(value.shape)).SerializeToString()
            out.write(struct.pack("<IQ", 0, 0) + struct.pack("<Ii", 0, len(described)) + described + value.tobytes())


def write_pdmodel(program: Written, folder: Path) -> Path:
    """``inference.pdmodel`` and ``inference.pdiparams``."""
    messages = program_messages()
    desc: Any = messages["ProgramDesc"]()
    block = desc.blocks.add()
    for name, rank in program.ranks.items():
        shape = program.parameters[name].shape if name in program.parameters else (-1,) * rank
        var = block.vars.add(name=name, persistable=name in program.parameters)
        var.type.type = 7
        var.type.dense.tensor.data_type = FLOAT32
        var.type.dense.tensor.dims.extend(shape)
    last = program.operators[-1].outputs[0]
    feed = Operator("feed", {"X": ("feed",)}, ("x",), {"col": 0})
    fetch = Operator("fetch", {"X": (last,)}, ("fetch",), {"col": 0})
    for op in (feed, *program.operators, fetch):
        entry = block.ops.add(type=op.type)
        for slot, names in op.inputs.items():
            entry.inputs.add(parameter=slot, arguments=names)
        entry.outputs.add(parameter="Out", arguments=op.outputs)
        for name, value in op.attributes.items():
            _add_attribute(entry, name, value)
    (folder / "inference.pdmodel").write_bytes(desc.SerializeToString())
    write_parameters(program, folder / "inference.pdiparams")
    return folder / "inference.pdmodel"


def _add_attribute(entry: Any, name: str, value: Any) -> None:
    match value:
        case bool():
            entry.attrs.add(name=name, type=6, b=value)
        case int():
            entry.attrs.add(name=name, type=0, i=value)
        case float():
            entry.attrs.add(name=name, type=1, f=value)
        case str():
            entry.attrs.add(name=name, type=2, s=value.encode())
        case list():
            entry.attrs.add(name=name, type=3, ints=value)


# The older name of an operator → PIR's, the settings that are inputs there, and renamed settings.
_TO_PIR: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "elementwise_add": ("add", (), {}),
    "elementwise_mul": ("multiply", (), {}),
    "matmul_v2": ("matmul", (), {"trans_x": "transpose_x", "trans_y": "transpose_y"}),
    "hard_swish": ("hardswish", (), {}),
    "hard_sigmoid": ("hardsigmoid", (), {}),
    "squeeze2": ("squeeze", ("axes",), {}),
    "reshape2": ("reshape", ("shape",), {}),
    "transpose2": ("transpose", (), {"axis": "perm"}),
    "pool2d": ("pool2d", ("ksize",), {}),
    "reduce_mean": ("mean", (), {"dim": "axis", "keep_dim": "keepdim"}),
}


def write_pir(program: Written, folder: Path) -> Path:
    """``inference.json`` and ``inference.pdiparams``."""
    writer = _PirWriter(program)
    for name, value in program.parameters.items():
        writer.entry("p", [], name, value.shape, [0, 1, 1, name], single=True)
    writer.entry("1.data", [], "x", (-1, 3, 48, -1), [writer.attribute("name", "x")])
    for op in program.operators:
        writer.operator(op)
    last = program.operators[-1].outputs[0]
    writer.entry("1.fetch", [last], "fetched", (-1, -1, -1), [writer.attribute("col", 0)])
    block = {"#": "block_0", "args": [], "ops": writer.entries}
    tree = {
        "base_code": {"magic": "pir", "trainable": True, "version": 4},
        "program": {"regions": [{"#": "region_0", "blocks": [block]}]},
    }
    (folder / "inference.json").write_text(json.dumps(tree), encoding="utf-8")
    write_parameters(program, folder / "inference.pdiparams")
    return folder / "inference.json"


class _PirWriter:
    def __init__(self, program: Written) -> None:
        self.entries: list[dict[str, Any]] = []
        self._program = program
        self._numbers: dict[str, int] = {}

    def operator(self, op: Operator) -> None:
        name, settings, renamed = _TO_PIR.get(op.type, (op.type, (), {}))
        inputs = [value for values in op.inputs.values() for value in values]
        attributes = dict(op.attributes)
        if op.type.startswith("elementwise") and attributes.pop("axis") == 1:
            # PIR has no axis: the bias is given the shape that NumPy's rule wants.
            size = self._program.parameters[inputs[1]].size
            inputs[1] = self._numbers_list([1, size, 1, 1])
            self.entry("1.reshape", [op.inputs["Y"][0], inputs[1]], f"{inputs[1]}r", (1, size, 1, 1), [])
            inputs[1] += "r"
        inputs += [self._numbers_list(attributes.pop(setting)) for setting in settings]
        listed = [self.attribute(renamed.get(key, key), value) for key, value in attributes.items()]
        self.entry(f"1.{name}", inputs, op.outputs[0], (-1,) * self._program.ranks[op.outputs[0]], listed)

    def _numbers_list(self, values: list[int]) -> str:
        name = f"list{len(self.entries)}"
        listed = [self.attribute("value", values), self.attribute("dtype", "int64", "1.a_dtype")]
        self.entry("1.full_int_array", [], name, (len(values),), listed)
        return name

    def entry(
        self,
        kind: str,
        inputs: list[str],
        output: str,
        shape: tuple[int, ...],
        attributes: list[Any],
        single: bool = False,
    ) -> None:
        number = self._numbers.setdefault(output, len(self._numbers) + 1)
        described = {"#": "0.t_dtensor", "D": [{"#": "0.t_f32"}, list(shape), "NCHW", [], 0]}
        result = {"%": number, "TT": described}
        entry = {"#": kind, "A": attributes, "O": result if single else [result], "OA": []}
        if not single:
            entry["I"] = [{"%": self._numbers[name]} for name in inputs]
        self.entries.append(entry)

    @staticmethod
    def attribute(name: str, value: Any, kind: str = "") -> dict[str, Any]:
        match value:
            case list():
                data: Any = [{"#": "0.a_i64", "D": part} for part in value]
                return {"AT": {"#": "0.a_array", "D": data}, "N": name}
            case bool():
                kind = kind or "0.a_bool"
            case int():
                kind = kind or "0.a_i32"
            case float():
                kind = kind or "0.a_f32"
        return {"AT": {"#": kind or "0.a_str", "D": value}, "N": name}
