"""Builds the parameters of an architecture from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ocrx.errors import ModelError
from ocrx.schema import build

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = TypeVar("P", bound="DataclassInstance")


def parse_params(kind: type[P], values: Mapping[str, Any], where: str) -> P:
    """Build a parameter dataclass.

    Args:
        kind: The parameter class of the architecture.
        values: Parameter → value.
        where: Names the architecture in errors.

    Returns:
        The parameters.

    Raises:
        ModelError: For an unknown name (with the closest one), a value of another type or not among the choices.
    """
    return build(kind, values, error=ModelError, prefix=f"{where}: ")
