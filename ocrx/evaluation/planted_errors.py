"""Plants errors in labels, to learn from them what wrong labels look like to a model."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_OTHER_LINE = 0.2
"""Share of the planted labels that belong to another line; the others have a typing error."""
_ATTEMPTS = 20


def plant_error(text: str, others: Sequence[str], characters: Sequence[str], rng: Random) -> str:
    """Make a label wrong as people do: a character replaced, left out or doubled, two swapped, or another line's label.

    Args:
        text: The label.
        others: Labels of other lines.
        characters: Characters that may be typed instead, at least one.
        rng: Source of randomness.

    Returns:
        The wrong label; the same one in the rare case that no attempt changes it.
    """
    wrong = text
    for _ in range(_ATTEMPTS):
        wrong = rng.choice(others) if others and rng.random() < _OTHER_LINE else _mistyped(text, characters, rng)
        if wrong != text:
            break
    return wrong


def _mistyped(text: str, characters: Sequence[str], rng: Random) -> str:
    if not text:
        return rng.choice(characters)

    at = rng.randrange(len(text))
    kind = rng.choice(("replace", "omit", "double", "swap")) if len(text) > 1 else "replace"
    if kind == "replace":
        return text[:at] + rng.choice(characters) + text[at + 1 :]
    if kind == "omit":
        return text[:at] + text[at + 1 :]
    if kind == "double":
        return text[:at] + text[at] + text[at:]
    at = min(at, len(text) - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
