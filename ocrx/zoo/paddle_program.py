"""Paddle's inference format in memory: the operators of a network and its parameters.

Paddle has two program formats, ``inference.pdmodel`` (see ``paddle_protobuf``) and ``inference.json`` (see
``paddle_pir``). Both are represented here, with the operator names of the former.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.errors import ModelError

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Operator:
    """One operator of a program.

    Attributes:
        type: Its kind, such as ``conv2d``.
        inputs: Names of its input values by slot; a slot may take several.
        outputs: Names of its output values; the first is the result.
        attributes: Its attributes: numbers, strings, booleans and lists of them.
    """

    type: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A network in Paddle's inference format.

    Attributes:
        operators: Operators in order of execution.
        parameters: The trained arrays by name.
        ranks: Number of dimensions of each value, if the program states it.
        input: Name of the input value, the images.
        output: Name of the output value.
    """

    operators: tuple[Operator, ...]
    parameters: Mapping[str, Array]
    ranks: Mapping[str, int]
    input: str
    output: str


@dataclass(frozen=True)
class ProgramHeader:
    """A program whose parameters have not been read yet.

    Attributes:
        operators: Operators in order of execution.
        shapes: Declared shapes of the parameters by name.
        ranks: Number of dimensions of each value, if the program states it.
        input: Name of the input value.
        output: Name of the output value.
    """

    operators: tuple[Operator, ...]
    shapes: Mapping[str, tuple[int, ...]]
    ranks: Mapping[str, int]
    input: str
    output: str


def program_header(
    operators: list[Operator], shapes: Mapping[str, tuple[int, ...]], ranks: Mapping[str, int]
) -> ProgramHeader:
    """Take the names of input and output from the feed and fetch operators, and drop these.

    Args:
        operators: All operators of the program.
        shapes: Declared shapes of the parameters by name.
        ranks: Number of dimensions of each value.

    Returns:
        The header.
    """
    feeds = [op for op in operators if op.type == "feed"]
    fetches = [op for op in operators if op.type == "fetch"]
    if len(feeds) != 1 or len(fetches) != 1 or not feeds[0].outputs or not fetches[0].inputs.get("X"):
        raise ModelError(f"{len(feeds)} inputs and {len(fetches)} outputs; a text recogniser has one of each")
    kept = tuple(op for op in operators if op.type not in ("feed", "fetch"))
    return ProgramHeader(kept, shapes, ranks, feeds[0].outputs[0], fetches[0].inputs["X"][0])
