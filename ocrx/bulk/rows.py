"""What goes into a reader and what comes out of it: one ``Row`` of the manifest, one ``Reading``."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
"""A record of a manifest: column → value."""

RESULT_FIELDS = ("id", "input_path", "rec_text", "rec_score", "confidence", "warning", "matched", "error")
"""The first columns of a result; those that the manifest carries along follow."""

DECIMALS = 4
"""Decimals of scores: batches of other lines change a score in its sixth."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line image of a manifest.

    Attributes:
        id: The id column, or the number of the row, from 0.
        name: The path as the manifest has it; None for an image without one.
        image: Where the image lies, or its bytes; None where the manifest has neither.
        carried: Values of the columns that are carried along.
    """

    id: str
    name: str | None
    image: str | bytes | None
    carried: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found in one image: the fields of ``Prediction`` that a result holds.

    Attributes:
        text: The text, '' on failure.
        score: Its score.
        confidence: The calibrated probability that it is right; None without calibration.
        warning: What makes the image unusual.
        matched: False where a constraint was set that the text does not satisfy.
        error: Why the image could not be read.
    """

    text: str = ""
    score: float = 0.0
    confidence: float | None = None
    warning: str | None = None
    matched: bool = True
    error: str | None = None


@dataclass(frozen=True)
class Columns:
    """The columns that a manifest carries along.

    Attributes:
        names: Their names.
        kinds: ``string``, ``int``, ``float``, ``bool`` or ``json`` (anything, as JSON) of each.
        arrow: The Arrow schema of the columns of a Parquet manifest, serialised and in base64; it replaces ``kinds``.
    """

    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    arrow: str | None = None


def result_values(row: Row, reading: Reading) -> tuple[Any, ...]:
    """Join a row and its reading.

    Args:
        row: The row of the manifest.
        reading: What was read.

    Returns:
        The values of ``RESULT_FIELDS``, then those that are carried along. They depend on nothing but the arguments.
    """
    confidence = None if reading.confidence is None else round(reading.confidence, DECIMALS)
    score = round(reading.score, DECIMALS)
    return (
        *(row.id, row.name, reading.text, score, confidence, reading.warning, reading.matched, reading.error),
        *row.carried,
    )


def plain_json(value: Any) -> str:
    """Write any value of a manifest as JSON, always in the same way.

    Args:
        value: Also bytes (as base64), dates, and numbers that JSON does not know (as text).

    Returns:
        The JSON text.
    """
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _ENCODER.encode(_finite(value))


def storable(text: str) -> str:
    """Replace what UTF-8 cannot hold, such as the bytes of a file name in another encoding.

    Args:
        text: The text.

    Returns:
        The text, with such characters as backslash escapes.
    """
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> str:
    return b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


# Made once: json.dumps would make one for each row.
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain, allow_nan=False)
