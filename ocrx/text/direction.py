"""Right-to-left lines: conversion between logical order, as text is stored, and visual order, as an image shows it.

The frames and classes of a line run from left to right, while labels and results are in logical order.
Source: Unicode Standard Annex 9, for one line whose paragraph direction is right-to-left if it holds a right-to-left
letter or an Arabic digit; without explicit embeddings and without the rule for paired brackets (N0).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_RIGHT = ("R", "AL")
_NUMBERS = ("EN", "AN")
_STRONG = ("L", "R", "EN", "AN")

MIRRORED = dict(zip("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤", strict=True))


def runs_right_to_left(characters: Iterable[str]) -> bool:
    """Check whether a line runs from right to left.

    Args:
        characters: Its characters; of entries with several code points the first one counts.

    Returns:
        True if a right-to-left letter or an Arabic digit is among them.
    """
    return any(unicodedata.bidirectional(entry[0]) in (*_RIGHT, "AN") for entry in characters)


def visual_order(tokens: Sequence[str]) -> list[tuple[int, bool]]:
    """Order the tokens of a text as an image shows them.

    Args:
        tokens: Characters or charset entries in logical order.

    Returns:
        (position in ``tokens``, whether it is mirrored there) of every token, from left to right.
    """
    if not runs_right_to_left(tokens):
        return [(i, False) for i in range(len(tokens))]
    levels = _levels([unicodedata.bidirectional(token[0]) for token in tokens])
    return [(i, levels[i] == 1) for stretch in reversed(_stretches(levels)) for i in stretch]


def logical_order(tokens: Sequence[str]) -> list[tuple[int, bool]]:
    """Restore the logical order of tokens that an image shows.

    Some images have two possible texts; the one with the longer left-to-right run is chosen. Where Latin words and
    Arabic digits are adjacent, the result may differ from the original text.

    Args:
        tokens: Characters or charset entries from left to right.

    Returns:
        (position in ``tokens``, whether it is mirrored there) of every token, in logical order.
    """
    if not runs_right_to_left(tokens):
        return [(i, False) for i in range(len(tokens))]
    runs = _left_to_right_runs([unicodedata.bidirectional(token[0]) for token in tokens])
    return [(i, level == 1) for level, stretch in reversed(runs) for i in stretch]


def _levels(types: Sequence[str]) -> list[int]:
    """Embedding levels: 2 for what runs from left to right, else 1."""
    return [2 if kind in ("L", *_NUMBERS) else 1 for kind in _neutrals(_weak(types))]


def _weak(types: Sequence[str]) -> list[str]:
    """Rules W1 to W7."""
    kinds = list(types)
    before, strong = "R", "R"
    for i, kind in enumerate(kinds):
        kind = before if kind == "NSM" else kind
        strong = kind if kind in ("L", *_RIGHT) else strong
        kinds[i] = before = "AN" if kind == "EN" and strong == "AL" else kind

    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for i in range(1, len(kinds) - 1):
        left, kind, right = kinds[i - 1 : i + 2]
        if left == right and ((kind == "ES" and left == "EN") or (kind == "CS" and left in _NUMBERS)):
            kinds[i] = left

    for order in (range(1, len(kinds)), range(len(kinds) - 2, -1, -1)):
        for i in order:
            if kinds[i] == "ET" and kinds[i - 1 if order.step > 0 else i + 1] == "EN":
                kinds[i] = "EN"

    strong = "R"
    for i, kind in enumerate(kinds):
        strong = kind if kind in ("L", "R") else strong
        kinds[i] = "L" if kind == "EN" and strong == "L" else kind
    return kinds


def _neutrals(kinds: Sequence[str]) -> list[str]:
    """Rules N1 and N2: neutral characters take the direction of both neighbours, or the line's."""
    done, i = list(kinds), 0
    while i < len(done):
        end = i
        while end < len(done) and done[end] not in _STRONG:
            end += 1
        beside = [done[i - 1] if i else "R", done[end] if end < len(done) else "R"]
        done[i:end] = ["L" if beside == ["L", "L"] else "R"] * (end - i)
        i = end + 1
    return done


def _stretches(levels: Sequence[int]) -> list[list[int]]:
    """Runs of positions that keep their order: left-to-right runs as a whole, others one by one."""
    stretches: list[list[int]] = []
    for i, level in enumerate(levels):
        if i and level == 2 and levels[i - 1] == 2:
            stretches[-1].append(i)
        else:
            stretches.append([i])
    return stretches


def _left_to_right_runs(types: Sequence[str]) -> list[tuple[int, list[int]]]:
    """Runs of a line in visual order, from left to right, with their levels."""
    runs: list[tuple[int, list[int]]] = []
    outside, i = _arabic_numbers(types), 0

    while i < len(types):
        if types[i] not in ("L", *_NUMBERS) and not _starts_number(outside, i):
            runs.append((1, [i]))
            i += 1
            continue

        following: int | None = i
        kinds: Sequence[str] = outside
        while following is not None:
            end = following
            # After a Latin letter numbers belong to its run, whatever precedes it.
            kinds = types if types[end] == "L" else kinds
            following = _next_in_run(kinds, end, latin=kinds is types)
        runs.append((2, list(range(i, end + 1))))
        i = end + 1
    return runs


def _arabic_numbers(types: Sequence[str]) -> list[str]:
    """Rule W2 in visual order, where the letter that precedes a number is on its right."""
    kinds, strong = list(types), "R"
    for i in range(len(types) - 1, -1, -1):
        strong = types[i] if types[i] in ("L", *_RIGHT) else strong
        kinds[i] = "AN" if types[i] == "EN" and strong == "AL" else types[i]
    return kinds


def _starts_number(types: Sequence[str], i: int) -> bool:
    while i < len(types) and types[i] == "ET":
        i += 1
    return i < len(types) and types[i] == "EN"


def _next_in_run(types: Sequence[str], i: int, *, latin: bool) -> int | None:
    """The next position of the run that ``i`` is in, or None; ``latin``: the run holds a letter."""
    following = i + 1
    while following < len(types) and types[following] not in (*_STRONG, "AL"):
        following += 1

    between = types[i + 1 : following]
    reaches = following < len(types) and types[following] in ("L", *_NUMBERS)
    letters = latin and reaches and "AN" not in (types[i], types[following])
    if reaches and (letters or set(between) <= {"NSM"}):
        return following
    same = reaches and types[following] == types[i]
    if same and (between == ["CS"] or (between == ["ES"] and types[i] == "EN")):
        return following
    return i + 1 if between and between[0] == "ET" and types[i] in ("EN", "ET") else None
