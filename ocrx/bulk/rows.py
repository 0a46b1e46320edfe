"""Input and output of a reader: a ``Row`` of the manifest, and its ``Reading``."""

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
"""The first columns of a result; columns carried from the manifest follow."""

DECIMALS = 4
"""Decimals of scores: batches of other lines change a score in its sixth."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line image of a manifest.

    Attributes:
        id: The id column, or the number of the row, from 0.
        name: The path as written in the manifest; None for an image without one.
        image: Location of the image, or its bytes; None if the manifest has neither.
        carried: Values of the carried columns.
    """

    id: str
    name: str | None
    image: str | bytes | None
    carried: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The result for one image: the fields of ``Prediction`` that are part of the output.

    Attributes:
        text: The text; '' on failure.
        score: Its score.
        confidence: The calibrated probability that it is right; None without calibration.
        warning: What is unusual about the image, if anything.
        matched: False if the text does not satisfy a constraint.
        error: Why the image could not be read, if so.
    """

    text: str = ""
    score: float = 0.0
    confidence: float | None = None
    warning: str | None = None
    matched: bool = True
    error: str | None = None


@dataclass(frozen=True)
class Columns:
    """The columns carried from a manifest to the result.

    Attributes:
        names: Their names.
        kinds: Their types: ``string``, ``int``, ``float``, ``bool`` or ``json`` (anything, as JSON).
        arrow: Arrow schema of the columns of a Parquet manifest, serialised in base64; it replaces ``kinds``.
    """

    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    arrow: str | None = None


def result_values(row: Row, reading: Reading) -> tuple[Any, ...]:
    """Combine a row and its reading.

    Args:
        row: The row of the manifest.
        reading: Its reading.

    Returns:
        The values of ``RESULT_FIELDS``, then the carried ones; a pure function of the arguments.
    """
    confidence = None if reading.confidence is None else round(reading.confidence, DECIMALS)
    score = round(reading.score, DECIMALS)
    return (
        *(row.id, row.name, reading.text, score, confidence, reading.warning, reading.matched, reading.error),
        *row.carried,
    )


def plain_json(value: Any) -> str:
    """Serialise any value of a manifest as JSON, deterministically.

    Args:
        value: The value; bytes become base64, dates and numbers that JSON lacks become strings.

    Returns:
        The JSON text.
    """
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _ENCODER.encode(_finite(value))


def storable(text: str) -> str:
    """Escape characters that UTF-8 cannot encode, such as the bytes of a file name in another encoding.

    Args:
        text: The text.

    Returns:
        The text, with backslash escapes for such characters.
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
