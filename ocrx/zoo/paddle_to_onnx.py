"""Translates a Paddle program to an equivalent ONNX model.

The import needs the model twice: its layers are matched with those of one of our networks, and ONNX Runtime runs it to
check that the imported network computes the same.
"""

from __future__ import annotations

import onnx

from ocrx.errors import ModelError
from ocrx.zoo.paddle_graph import GraphBuilder
from ocrx.zoo.paddle_operators import TRANSLATIONS
from ocrx.zoo.paddle_program import Operator, Program


def to_onnx(program: Program) -> onnx.ModelProto:
    """Translate a program to ONNX; parameters keep their names.

    Args:
        program: The program.

    Returns:
        The ONNX model.

    Raises:
        ModelError: An operator or one of its attributes is not supported, or a parameter is not used.
    """
    builder = GraphBuilder(program)
    for operator in program.operators:
        _translate(builder, operator)

    unused = sorted(set(program.parameters) - builder.used)
    if unused:
        raise ModelError(f"no operator uses the parameter {unused[0]}" + _more(len(unused) - 1))
    return builder.model()


def _translate(builder: GraphBuilder, op: Operator) -> None:
    translate = TRANSLATIONS.get(op.type)
    if translate is None:
        raise ModelError(f"unknown operator {op.type!r}; nothing was imported")
    try:
        translate(builder, op)
    except (KeyError, IndexError) as error:
        raise ModelError(f"the operator {op.type!r} lacks {error}") from None


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""
