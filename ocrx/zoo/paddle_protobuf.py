"""Reads ``inference.pdmodel``, the program format of Paddle 1 and 2: a protobuf message, ProgramDesc."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from ocrx.errors import ModelError
from ocrx.zoo.paddle_program import Operator, ProgramHeader, program_header

# The fields needed of each message: name, number and type; ``*`` marks a repeated field.
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
# Attribute type → field that holds the value.
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
    """Build the classes that parse Paddle's protobuf messages.

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


def read_program_desc(data: bytes) -> ProgramHeader:
    """Parse a program in the protobuf format.

    Args:
        data: Contents of ``inference.pdmodel``.

    Returns:
        The program without its parameters.

    Raises:
        ModelError: It contains no block, or more than one.
        DecodeError: It is damaged.
    """
    program: Any = program_messages()["ProgramDesc"].FromString(data)
    if not program.blocks:
        raise ModelError("not a Paddle program (it contains no block)")
    if len(program.blocks) > 1:
        raise ModelError("the program has branches or loops; no CTC text recogniser needs them")
    block = program.blocks[0]

    tensors = {var.name: var for var in block.vars if var.type.type == _DENSE_TENSOR}
    dims = {name: tuple(var.type.dense.tensor.dims) for name, var in tensors.items()}
    shapes = {name: dims[name] for name, var in tensors.items() if var.persistable}
    operators = [_operator_desc(op) for op in block.ops]
    return program_header(operators, shapes, {name: len(sizes) for name, sizes in dims.items()})


def _operator_desc(op: Any) -> Operator:
    attributes: dict[str, Any] = {}
    for attr in op.attrs:
        field = _ATTRIBUTE_FIELDS.get(attr.type)
        # The other types refer to blocks or to values for training, which no operator here needs.
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
