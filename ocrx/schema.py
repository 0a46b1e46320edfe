"""Builds frozen dataclasses from mappings and checks every value: settings, model descriptions, network parameters.

The annotations of a dataclass are its schema. Ranges and choices are declared at the field::

    @dataclass(frozen=True)
    class Settings:
        batch_size: Annotated[int, Range(1, 65536)] = 32
        precision: Annotated[str, Choice("fp32", "fp16")] = "fp32"

``build`` understands bool, int, float, str, Any, Literal, ``X | None``, tuples, mappings and nested dataclasses.
Imports nothing but the standard library and ``ocrx.errors``.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ocrx.errors import OcrxError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_SHOWN_LENGTH = 40


@dataclass(frozen=True)
class Range:
    """The numbers that a field accepts; NaN is in no range.

    Attributes:
        least: Smallest number accepted.
        most: Largest number accepted.
        above: Numbers must be larger than this one.
        below: Numbers must be smaller than this one.
    """

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def accepts(self, value: Any) -> bool:
        """Whether a number is in the range.

        Args:
            value: The number.

        Returns:
            True if it is.
        """
        return bool(self.least <= value <= self.most and self.above < value < self.below)

    def __str__(self) -> str:
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"{self.least:,} to {self.most:,}"
        bounds = {
            "at least": self.least,
            "more than": self.above,
            "at most": self.most,
            "less than": self.below,
        }
        return " and ".join(f"{words} {bound:,}" for words, bound in bounds.items() if math.isfinite(bound))


class Choice:
    """The texts that a field accepts.

    Where the choices contain ``on`` or ``off``, booleans stand for them, since YAML reads these words as booleans.
    """

    def __init__(self, *values: str) -> None:
        self.values = values

    def accepts(self, value: Any) -> bool:
        """Whether a text is one of the choices.

        Args:
            value: The text.

        Returns:
            True if it is.
        """
        return value in self.values

    def __str__(self) -> str:
        return f"one of {', '.join(self.values)}"


def build(kind: type[T], values: Mapping[str, Any], *, error: type[OcrxError], prefix: str = "") -> T:
    """Build a dataclass from plain values, as YAML and JSON give them.

    Integers become floats and lists become tuples where the annotation says so; nothing else is converted.

    Args:
        kind: The dataclass.
        values: Field name → value; fields that are left out keep their defaults.
        error: Class of the errors raised.
        prefix: What errors begin with, such as ``model.json: ``; the path of the field follows.

    Returns:
        An instance whose fields, and those of the dataclasses in it, all fit their annotations.

    Raises:
        OcrxError: Of class ``error``, for an unknown field (with the closest known one), a value of another type,
            outside its range or choices, or one that the dataclass itself refuses.
    """
    return _build(kind, values, _Place(prefix, "", error, kind))


def check_ranges(instance: DataclassInstance, *, error: type[OcrxError]) -> None:
    """Check the ranges and choices of a dataclass that was built in Python; for use in ``__post_init__``.

    Args:
        instance: The dataclass.
        error: Class of the errors raised.

    Raises:
        OcrxError: Of class ``error``, for a value outside the range or choices that its field declares.
    """
    place = _Place("", "", error, type(instance))
    for name, hint in _hints(type(instance)).items():
        _check_rules(hint, getattr(instance, name), place.at(name))


def field_paths(kind: type) -> list[str]:
    """List the fields of a dataclass and of those nested in it.

    Args:
        kind: The dataclass.

    Returns:
        Dotted paths, such as ``Train`` and ``Train.batch_size``.
    """
    return list(_paths(kind, ""))


def accepts_text(kind: type, path: str) -> bool:
    """Whether a field holds text, so that what a user writes for it is not to be read as a number.

    Args:
        kind: The dataclass.
        path: Dotted path of the field, such as ``Train.optimizer``.

    Returns:
        True for a field of type ``str`` or ``str | None``; False for others and for paths that do not exist.
    """
    hint: Any = kind
    for name in path.split("."):
        hint = _hints(hint).get(name) if _is_nested(hint) else None
    while get_origin(hint) in (Annotated, Union, types.UnionType):
        hint = next(argument for argument in get_args(hint) if argument is not type(None))
    return hint is str


def closest(word: str, known: Sequence[str]) -> str | None:
    """Suggest a correction for a mistyped name.

    Args:
        word: What was written.
        known: The names there are.

    Returns:
        A hint such as ``did you mean Train.epochs_iters?``, or None where nothing is similar.
    """
    by_folded = {name.casefold(): name for name in known}
    match = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f"did you mean {by_folded[match[0]]}?" if match else None


@dataclass(frozen=True)
class _Place:
    """Where a value is, for errors about it."""

    prefix: str
    key: str
    error: type[OcrxError]
    root: type

    def at(self, name: str) -> _Place:
        return _Place(self.prefix, f"{self.key}.{name}" if self.key else name, self.error, self.root)

    def wrong(self, value: Any, expected: object, hint: str | None = None) -> OcrxError:
        shown = repr(value)
        shown = f"{shown[:_SHOWN_LENGTH]}…" if len(shown) > _SHOWN_LENGTH else shown
        return self.error(f"{self.prefix}{self.key}: {shown}; expected {expected}", hint=hint)


def _build(kind: type[T], values: Any, place: _Place) -> T:
    if not isinstance(values, Mapping):
        raise place.wrong(values, "a section with keys")
    hints = _hints(kind)
    for name in values:
        if name not in hints:
            key = place.at(str(name)).key
            hint = closest(key, field_paths(place.root)) or f"it has {', '.join(hints) or 'no keys'}"
            raise place.error(f"{place.prefix}{key}: no such key", hint=hint)
    # A section without keys reads as None in YAML.
    empty = {name for name, value in values.items() if value is None and _is_nested(hints[name])}
    for field in fields(kind):
        given = field.name in values and field.name not in empty
        if not given and field.default is MISSING and field.default_factory is MISSING:
            raise place.error(f"{place.prefix}{place.at(field.name).key}: missing")

    converted = {
        name: _convert(hints[name], value, place.at(name)) for name, value in values.items() if name not in empty
    }
    try:
        return kind(**converted)
    except OcrxError as problem:
        path = f"{place.key}." if place.key else ""
        raise place.error(f"{place.prefix}{path}{problem.message}", hint=problem.hint) from None


def _convert(hint: Any, value: Any, place: _Place) -> Any:
    """``value`` as the annotation ``hint`` wants it; raises the error of ``place`` where it does not fit."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        converted = _convert(arguments[0], _spelled(value, arguments[1:]), place)
        _check_rules(hint, converted, place)
        return converted
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _convert(inner, value, place)

    if origin is not None:
        return _container(origin, arguments, value, place)
    if _is_nested(hint):
        return _build(hint, value, place)
    return value if hint is Any else _scalar(hint, value, place)


def _container(origin: Any, arguments: Sequence[Any], value: Any, place: _Place) -> Any:
    if origin is Literal:
        return _literal(arguments, value, place)
    if origin is tuple:
        return _tuple(arguments, value, place)
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise place.wrong(value, "a section with keys")
    return dict(value)


def _spelled(value: Any, rules: Sequence[object]) -> Any:
    """``on`` or ``off`` for a boolean where that word is among the choices."""
    word = {True: "on", False: "off"}.get(value) if isinstance(value, bool) else None
    return word if any(isinstance(rule, Choice) and word in rule.values for rule in rules) else value


def _literal(choices: Sequence[Any], value: Any, place: _Place) -> Any:
    # 4 == 4.0 == True in Python: the type has to agree as well.
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        raise place.wrong(value, f"one of {', '.join(map(str, choices))}")
    return value


def _tuple(arguments: Sequence[Any], value: Any, place: _Place) -> tuple[Any, ...]:
    endless = len(arguments) == 2 and arguments[1] is Ellipsis
    if not isinstance(value, list | tuple):
        raise place.wrong(value, "a list" if endless else f"a list of {len(arguments)} values")
    if endless and arguments[0] is str and all(type(item) is str for item in value):
        return tuple(value)  # a charset has thousands of entries
    if endless:
        return tuple(_convert(arguments[0], item, place) for item in value)
    if len(value) != len(arguments):
        raise place.wrong(value, f"a list of {len(arguments)} values")
    return tuple(_convert(argument, item, place) for argument, item in zip(arguments, value, strict=True))


_SCALARS: Mapping[type, str] = {bool: "true or false", int: "an integer", float: "a number", str: "text"}


def _scalar(kind: type, value: Any, place: _Place) -> Any:
    if kind is float and type(value) is int and abs(value) < 2**1000:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        hint = "write it in quotes" if kind is str and isinstance(value, bool | int | float) else None
        raise place.wrong(value, _SCALARS[kind], hint)
    if isinstance(value, float) and not math.isfinite(value):
        raise place.wrong(value, "a finite number")
    return value


def _check_rules(hint: Any, value: Any, place: _Place) -> None:
    """Raise the error of ``place`` where a range or choices in ``hint`` do not accept ``value``."""
    origin, arguments = get_origin(hint), get_args(hint)
    if value is None:
        return

    if origin is Annotated:
        _check_rules(arguments[0], value, place)
        for rule in arguments[1:]:
            if isinstance(rule, Range | Choice) and not rule.accepts(value):
                suggestion = closest(str(value), rule.values) if isinstance(rule, Choice) else None
                raise place.wrong(value, rule, suggestion)
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            _check_rules(argument, value, place)
    elif origin is tuple and isinstance(value, tuple):
        kinds = [arguments[0]] * len(value) if Ellipsis in arguments else arguments
        for kind, item in zip(kinds, value, strict=False):
            _check_rules(kind, item, place)


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Field name → annotation with its ranges and choices."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def _is_nested(hint: Any) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _paths(kind: type, before: str) -> Iterator[str]:
    for name, hint in _hints(kind).items():
        yield before + name
        if _is_nested(hint):
            yield from _paths(hint, f"{before}{name}.")
