"""Prefix beam search of a single line with a language model, fast where most frames have one clear class.

It returns the same text as ``beam.beam_search`` with the same beam and classes. That function works on arrays and takes
as long for one line as for twenty. This one works on Python numbers and spends almost no time on frames without
competing classes, which suits the one or two low-confidence lines of a batch.

Source: Hannun et al. 2014, as in ``beam``.
"""

from __future__ import annotations

import math

import numpy as np

from ocrx.arrays import Float64s
from ocrx.decoding.language_model import CharacterModel
from ocrx.text.charset import BLANK

FLOOR = 1e-3
CLASSES_PER_FRAME = 5

_LEAST_BLANK = 1e-30  # so that every text can continue
_RESCALE_BELOW = 1e-200
_PRUNE_NATS = 12.0  # below the best text; a greater gap is never made up


class _Prefixes:
    """All prefixes, as a tree: each adds a class to its parent; number 0 is the empty prefix."""

    def __init__(self, lm: CharacterModel) -> None:
        self._lm = lm
        self._children: dict[tuple[int, int], int] = {}
        self.parent, self.last, self.context, self.bonus = [0], [BLANK], [0], [0.0]

    def extend(self, prefix: int, c: int) -> int:
        """Return the number of ``prefix`` with class ``c`` appended."""
        found = self._children.get((prefix, c))
        if found is None:
            found = self._children[prefix, c] = len(self.last)
            context = self.context[prefix]
            self.parent.append(prefix)
            self.last.append(c)
            self.bonus.append(self.bonus[prefix] + self._lm.value(context, c))
            self.context.append(self._lm.step(context, c))
        return found

    def classes(self, prefix: int) -> tuple[int, ...]:
        """Return the classes of a prefix, from first to last."""
        spelled = []
        while prefix:
            spelled.append(self.last[prefix])
            prefix = self.parent[prefix]
        return tuple(reversed(spelled))


def single_line_beam_search(
    probs: Float64s, lm: CharacterModel, beam: int = 10, floor: float = FLOOR
) -> tuple[int, ...]:
    """Find the text with the highest sum of CTC log-probability and language model score.

    Args:
        probs: float64 [T, K], probabilities of one line.
        lm: The language model, locked by ``lm.search()``.
        beam: Prefixes kept after each frame.
        floor: At each frame only the five most probable classes above this probability may begin or continue a
            character.

    Returns:
        The classes of the text.
    """
    prefixes = _Prefixes(lm)
    alive = {0: (1.0, 0.0)}  # prefix: probability of its paths that end in a blank, and in its last character
    after_blank = False
    for blank, nonblank in _frames(probs, floor):
        if not nonblank and after_blank:
            continue  # another blank scales all prefixes alike
        after_blank = not nonblank
        alive = _prune(_advance(alive, blank, nonblank, prefixes), prefixes, beam)

    def total(prefix: int) -> float:
        end = lm.value(prefixes.context[prefix], 0)
        return math.log(sum(alive[prefix])) + prefixes.bonus[prefix] + end

    # Equal texts share a number, so a tie is between different texts: the smallest in order of classes wins.
    top = max(map(total, alive))
    return min(prefixes.classes(prefix) for prefix in alive if total(prefix) == top)


def _frames(probs: Float64s, floor: float) -> list[tuple[float, list[tuple[int, float]]]]:
    """The blank's probability at each frame, and the classes above the floor with theirs."""
    nonblank: list[list[tuple[int, float]]] = [[] for _ in probs]
    for t, c in np.argwhere(probs[:, 1:] > floor).tolist():
        nonblank[t].append((c + 1, float(probs[t, c + 1])))
    for t, row in enumerate(nonblank):
        if len(row) > CLASSES_PER_FRAME:
            nonblank[t] = sorted(row, key=lambda pair: -pair[1])[:CLASSES_PER_FRAME]
    return list(zip(np.maximum(probs[:, BLANK], _LEAST_BLANK).tolist(), nonblank, strict=True))


def _advance(
    alive: dict[int, tuple[float, float]], blank: float, nonblank: list[tuple[int, float]], prefixes: _Prefixes
) -> dict[int, tuple[float, float]]:
    """One frame: every prefix is kept, with a blank or its last character, and extended by every class."""
    advanced: dict[int, tuple[float, float]] = {}
    for prefix, (in_blank, in_character) in alive.items():
        total, last = in_blank + in_character, prefixes.last[prefix]
        before = advanced.get(prefix, (0.0, 0.0))
        advanced[prefix] = (before[0] + total * blank, before[1])

        for c, p in nonblank:
            if c == last:
                before = advanced[prefix]
                advanced[prefix] = (before[0], before[1] + in_character * p)
            # A repeated character needs a blank between.
            flow = (in_blank if c == last else total) * p
            if flow > 0:
                longer = prefixes.extend(prefix, c)
                before = advanced.get(longer, (0.0, 0.0))
                advanced[longer] = (before[0], before[1] + flow)
    return advanced


def _prune(advanced: dict[int, tuple[float, float]], prefixes: _Prefixes, beam: int) -> dict[int, tuple[float, float]]:
    """Keep the ``beam`` best prefixes under the language model, without those far below the best.

    Probabilities are rescaled before they underflow.
    """
    possible = ((prefix, blank + character) for prefix, (blank, character) in advanced.items() if blank + character > 0)
    ranked = sorted((-math.log(total) - prefixes.bonus[prefix], prefix) for prefix, total in possible)
    kept = [prefix for cost, prefix in ranked[:beam] if cost < ranked[0][0] + _PRUNE_NATS]

    top = sum(advanced[kept[0]])
    if top > _RESCALE_BELOW:
        return {prefix: advanced[prefix] for prefix in kept}
    return {prefix: (advanced[prefix][0] / top, advanced[prefix][1] / top) for prefix in kept}
