"""Checks the parameters of an architecture: every name known, every value of its type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ocrx.errors import ModelError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = TypeVar("P", bound="DataclassInstance")


def parse_params(kind: type[P], values: Mapping[str, Any], where: str) -> P:
    """Build the parameter dataclass ``kind`` from ``values``; ``where`` names the architecture in errors.

    Raises ModelError for a name that does not exist (with the nearest one), a value of another type, or one that
    is not among the choices.
    """
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            raise ModelError(
                f"{where}: unknown parameter {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known) or 'no parameters'}",
            )
    return kind(**{name: _checked(hints[name], value, f"{where}: {name}") for name, value in values.items()})


def _checked(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        # 4 == 4.0 == True in Python: the type has to agree as well.
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            raise ModelError(f"{where} must be one of {', '.join(map(str, choices))}, not {value!r}")
        return value
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        if not isinstance(value, list | tuple) or len(value) != len(kinds):
            raise ModelError(f"{where} must be a list of {len(kinds)} values, not {value!r}")
        return tuple(_checked(kind, one, where) for kind, one in zip(kinds, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ModelError(f"{where} must be of type {hint.__name__}, not {value!r}")
    return value
