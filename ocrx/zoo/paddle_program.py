"""Reads Paddle's inference form without Paddle: the program of a network and its parameters.

A program comes in two forms. ``inference.pdmodel`` is a protobuf message, ProgramDesc (Paddle 1 and 2);
``inference.json`` is the newer PIR (Paddle 3). Both are brought into one form here, in the older one's words. The
parameters stand one after another in ``inference.pdiparams``, in the order of their names.

Nothing in the files is executed: a program is data, and only ``ocrx.zoo.paddle_to_onnx`` gives it a meaning.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from ocrx.errors import ModelError
from ocrx.files import read_bytes
from ocrx.zoo.plain_pickle import DamagedError, RefusedError, load_plain_pickle

Array = npt.NDArray[np.generic]

PROGRAM_SUFFIXES = (".pdmodel", ".json")
MAX_PROGRAM_BYTES = 64 * 1024**2
MAX_PARAMETER_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Operator:
    """One step of a program.

    Attributes:
        type: What it computes, e.g. ``conv2d``.
        inputs: Names of values by the name of the input; an input may take several.
        outputs: Names of the values that it computes; the first is the result.
        attributes: Its settings: numbers, texts, truth values and lists of them.
    """

    type: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A network in Paddle's inference form.

    Attributes:
        operators: In the order in which they run.
        parameters: The trained arrays by name.
        ranks: Number of dimensions of each value, where the program states it.
        input: Name of the images.
        output: Name of the result.
    """

    operators: tuple[Operator, ...]
    parameters: Mapping[str, Array]
    ranks: Mapping[str, int]
    input: str
    output: str


@dataclass(frozen=True)
class _Declared:
    """A program before its parameters are read; ``shapes``: those that it declares for them."""

    operators: tuple[Operator, ...]
    shapes: Mapping[str, tuple[int, ...]]
    ranks: Mapping[str, int]
    input: str
    output: str


def read_program(path: Path) -> Program:
    """Read a program and the parameters beside it.

    Args:
        path: ``inference.pdmodel`` or ``inference.json``; ``inference.pdiparams`` lies beside it.

    Returns:
        Operators and parameters.

    Raises:
        ModelError: A file is missing, damaged or too large, or the two do not belong together.
    """
    data = _bytes(path, MAX_PROGRAM_BYTES)
    try:
        declared = _read_pir(data) if path.suffix == ".json" else _read_program_desc(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}") from None
    except (DecodeError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a Paddle program, or damaged ({type(error).__name__}: {error})"[:300]) from None

    weights = path.with_suffix(".pdiparams")
    parameters = _read_parameters(weights, declared.shapes)
    _check_info(weights.with_suffix(".pdiparams.info"), parameters)
    return Program(declared.operators, parameters, declared.ranks, declared.input, declared.output)


def _bytes(path: Path, limit: int) -> bytes:
    if not path.exists():
        raise ModelError(f"{path}: no such file; a model in Paddle's inference form needs it")
    return read_bytes(path, max_bytes=limit, error=ModelError)


# --- inference.pdiparams ---------------------------------------------------------------------------------------------

# Numbers of Paddle's VarType.Type.
_NUMPY_TYPES = {4: np.float16, 5: np.float32, 6: np.float64}


def _read_parameters(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """The arrays in ``path``, which are those of ``shapes`` in the order of their names."""
    data = memoryview(_bytes(path, MAX_PARAMETER_BYTES))
    message = program_messages()["TensorDesc"]
    parameters: dict[str, Array] = {}
    place = 0

    try:
        for name in sorted(shapes):
            parameters[name], place = _read_tensor(data, place, message)
            if parameters[name].shape != shapes[name]:
                raise ValueError(f"{name} has the shape {parameters[name].shape}, the program says {shapes[name]}")
    except (struct.error, DecodeError, ValueError, KeyError, OverflowError) as error:
        raise ModelError(f"{path}: damaged, or not the parameters of this program ({error})"[:300]) from None

    if place != len(data):
        raise ModelError(f"{path}: {len(data) - place} bytes are left over after the {len(shapes)} parameters")
    return parameters


def _read_tensor(data: memoryview, place: int, message: type[Message]) -> tuple[Array, int]:
    """The array that begins at ``place``, and where the next begins."""
    version, levels = struct.unpack_from("<IQ", data, place)
    place += 12
    if version != 0 or levels > 8:
        raise ValueError("an unknown version")
    for _ in range(levels):
        (size,) = struct.unpack_from("<Q", data, place)
        place += 8 + size

    version, size = struct.unpack_from("<Ii", data, place)
    place += 8
    if version != 0 or not 0 <= size <= 1024:
        raise ValueError("an unknown version")
    described: Any = message.FromString(bytes(data[place : place + size]))
    place += size

    kind = _NUMPY_TYPES.get(described.data_type)
    if kind is None:
        raise ValueError(f"numbers of the type {described.data_type}; expected floats of 16, 32 or 64 bits")
    shape = tuple(described.dims)
    if any(length < 0 for length in shape):
        raise ValueError("a negative size")
    count = math.prod(shape)
    end = place + count * np.dtype(kind).itemsize
    if end > len(data):
        raise ValueError("the file ends too early")
    array = np.frombuffer(data[place:end], dtype=kind).reshape(shape).astype(np.float32)
    return array, end


def _check_info(path: Path, parameters: Mapping[str, Array]) -> None:
    """Raise ModelError where the list of a network's parameters beside the file lacks one that the file holds."""
    if not path.is_file():
        return
    try:
        listed = load_plain_pickle(_bytes(path, MAX_PROGRAM_BYTES))
    except (RefusedError, DamagedError) as error:
        raise ModelError(f"{path}: damaged ({error})") from None
    # It also lists what serves training only.
    if isinstance(listed, dict) and (strange := sorted(set(parameters) - set(map(str, listed)))):
        raise ModelError(f"{path}: belongs to another network: {strange[0]} is not in it")


# --- inference.pdmodel -----------------------------------------------------------------------------------------------

# Messages of ProgramDesc that are needed: field name, number, type; ``*`` marks a repeated one.
_FIELDS = {
    "TensorDesc": "data_type 1 int32, dims 2 int64*",
    "DenseTensor": "tensor 1 TensorDesc",
    "VarType": "type 1 int32, dense 3 DenseTensor",
    "VarDesc": "name 1 string, type 2 VarType, persistable 3 bool",
    "Attr": "name 1 string, type 2 int32, i 3 int32, f 4 float, s 5 bytes, ints 6 int32*, floats 7 float*, "
    "strings 8 bytes*, b 10 bool, bools 11 bool*, l 13 int64, longs 15 int64*, float64s 16 double*, float64 19 double",
    "OpVar": "parameter 1 string, arguments 2 string*",
    "OpDesc": "inputs 1 OpVar*, outputs 2 OpVar*, type 3 string, attrs 4 Attr*",
    "BlockDesc": "vars 3 VarDesc*, ops 4 OpDesc*",
    "ProgramDesc": "blocks 1 BlockDesc*",
}
# Number of an attribute's type → the field that holds it.
_ATTRIBUTE_FIELDS = {
    0: "i",
    1: "f",
    2: "s",
    3: "ints",
    4: "floats",
    5: "strings",
    6: "b",
    7: "bools",
    9: "l",
    11: "longs",
    12: "float64s",
    15: "float64",
}
_DENSE_TENSOR, _FEED, _FETCH = 7, 9, 10


def program_messages() -> dict[str, type[Message]]:
    """Classes that read Paddle's protobuf messages.

    Returns:
        The classes by message name.
    """
    proto = descriptor_pb2.FileDescriptorProto(name="paddle_framework.proto", package="paddle", syntax="proto2")
    for name, fields in _FIELDS.items():
        described = proto.message_type.add(name=name)
        for field in fields.split(", "):
            label, number, kind = field.split()
            repeated = kind.endswith("*")
            kind = kind.rstrip("*")
            entry = described.field.add(name=label, number=int(number))
            entry.label = entry.LABEL_REPEATED if repeated else entry.LABEL_OPTIONAL
            entry.type = entry.TYPE_MESSAGE if kind in _FIELDS else getattr(entry, f"TYPE_{kind.upper()}")
            if kind in _FIELDS:
                entry.type_name = f".paddle.{kind}"

    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"paddle.{name}")) for name in _FIELDS}


def _read_program_desc(data: bytes) -> _Declared:
    program: Any = program_messages()["ProgramDesc"].FromString(data)
    if not program.blocks:
        raise ModelError("not a Paddle program (it holds no block)")
    if len(program.blocks) > 1:
        raise ModelError("the program has branches or loops, which no text recogniser with CTC needs")
    block = program.blocks[0]

    tensors = {var.name: var for var in block.vars if var.type.type == _DENSE_TENSOR}
    dims = {name: tuple(var.type.dense.tensor.dims) for name, var in tensors.items()}
    shapes = {name: dims[name] for name, var in tensors.items() if var.persistable}
    operators = [_operator_desc(op) for op in block.ops]
    return _declared(operators, shapes, {name: len(sizes) for name, sizes in dims.items()})


def _operator_desc(op: Any) -> Operator:
    attributes: dict[str, Any] = {}
    for attr in op.attrs:
        field = _ATTRIBUTE_FIELDS.get(attr.type)
        # Other kinds refer to blocks or to values for training; no operator here has a use for them.
        if field is not None:
            attributes[attr.name] = _plain(getattr(attr, field))
    inputs = {var.parameter: tuple(var.arguments) for var in op.inputs if var.arguments}
    outputs = {var.parameter: tuple(var.arguments) for var in op.outputs if var.arguments}
    first = next((slot for slot in ("Out", "Output", "Y") if slot in outputs), next(iter(outputs), ""))
    names = (*outputs.get(first, ()), *(n for slot, values in outputs.items() if slot != first for n in values))
    return Operator(op.type, inputs, names, attributes)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, int | float | str | bool):
        return value
    return [_plain(part) for part in value]


def _declared(operators: list[Operator], shapes: Mapping[str, tuple[int, ...]], ranks: Mapping[str, int]) -> _Declared:
    """The program without its feed and fetch, which say what goes in and comes out."""
    feeds = [op for op in operators if op.type == "feed"]
    fetches = [op for op in operators if op.type == "fetch"]
    if len(feeds) != 1 or len(fetches) != 1 or not feeds[0].outputs or not fetches[0].inputs.get("X"):
        raise ModelError(f"{len(feeds)} inputs and {len(fetches)} outputs; a text recogniser has one of each")
    kept = tuple(op for op in operators if op.type not in ("feed", "fetch"))
    return _Declared(kept, shapes, ranks, feeds[0].outputs[0], fetches[0].inputs["X"][0])


# --- inference.json --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pir:
    """How an operator of PIR is called in the older form.

    ``inputs`` names its inputs in order. One with ``@`` is a setting: if its value is a constant, it becomes the
    attribute of that name; otherwise it stays an input. ``attributes`` are those with another name.
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


def _read_pir(data: bytes) -> _Declared:
    tree = json.loads(data)
    if not isinstance(tree, dict) or tree.get("base_code", {}).get("magic") != "pir":
        raise ModelError("not a Paddle program (a JSON file of another kind)")
    regions = tree["program"]["regions"]
    if len(regions) != 1 or len(regions[0]["blocks"]) != 1:
        raise ModelError("the program has branches or loops, which no text recogniser with CTC needs")

    reader = _PirReader()
    for entry in regions[0]["blocks"][0]["ops"]:
        reader.add(entry)
    return _declared(reader.operators, reader.shapes, reader.ranks)


class _PirReader:
    """Brings the operators of PIR into the older form, one after another."""

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
            raise ModelError(f"the operator {name!r} is not known; nothing was imported")
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
