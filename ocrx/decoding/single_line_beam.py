"""Prefix search of a single line with a language model, over the few classes that its frames are in doubt about.

It finds what ``beam.beam_search`` finds with the same beam and classes. That one works on arrays, and one line costs
it as much as twenty; here a frame that is sure of itself costs next to nothing, which suits the one or two lines of a
batch that a second look is worth.
"""

from __future__ import annotations

import math

import numpy as np

from ocrx.arrays import Float64s
from ocrx.decoding.language_model import CharacterModel
from ocrx.text.charset import BLANK

FLOOR = 1e-3
CLASSES = 5
_SMALL = 1e-200
_LEAST = 1e-30  # of a blank, so that every text goes on
_HOPELESS = 12.0  # nats behind the best text: what is left of a line makes up for less


class _Texts:
    """Every text met, as a tree: each adds a class to its parent; 0 is the empty one."""

    def __init__(self, lm: CharacterModel) -> None:
        self._lm = lm
        self._children: dict[tuple[int, int], int] = {}
        self.parent, self.last, self.context, self.bonus = [0], [BLANK], [0], [0.0]

    def grown(self, text: int, c: int) -> int:
        found = self._children.get((text, c))
        if found is None:
            found = self._children[text, c] = len(self.last)
            context = self.context[text]
            self.parent.append(text)
            self.last.append(c)
            self.bonus.append(self.bonus[text] + self._lm.value(context, c))
            self.context.append(self._lm.step(context, c))
        return found

    def classes(self, text: int) -> tuple[int, ...]:
        spelled = []
        while text:
            spelled.append(self.last[text])
            text = self.parent[text]
        return tuple(reversed(spelled))


def sparse_search(probs: Float64s, lm: CharacterModel, beam: int = 10, floor: float = FLOOR) -> tuple[int, ...]:
    """The classes of the text with the highest CTC log-probability plus language model.

    ``probs`` [T, K] are probabilities; at each frame only the five most probable classes, of those with more than
    ``floor``, begin or go on with a character.
    """
    texts = _Texts(lm)
    alive = {0: (1.0, 0.0)}  # text: probability of its paths that end in a blank, and in its last character
    still = False  # whether the last frame was a blank for all
    for blank, inked in _frames(probs, floor):
        if not inked and still:
            continue  # one more blank scales all texts alike
        still = not inked
        alive = _best(_grow(alive, blank, inked, texts), texts, beam)

    def final(text: int) -> float:
        return math.log(sum(alive[text])) + texts.bonus[text] + lm.value(texts.context[text], 0)

    # Equal texts end in one entry, so that a tie is between different ones: the first in order of classes stands.
    top = max(map(final, alive))
    return min(texts.classes(text) for text in alive if final(text) == top)


def _frames(probs: Float64s, floor: float) -> list[tuple[float, list[tuple[int, float]]]]:
    """Of each frame the blank's probability and the classes above the floor with theirs."""
    inked: list[list[tuple[int, float]]] = [[] for _ in probs]
    for t, c in np.argwhere(probs[:, 1:] > floor).tolist():
        inked[t].append((c + 1, float(probs[t, c + 1])))
    inked = [sorted(row, key=lambda pair: -pair[1])[:CLASSES] if len(row) > CLASSES else row for row in inked]
    return list(zip(np.maximum(probs[:, BLANK], _LEAST).tolist(), inked, strict=True))


def _grow(
    alive: dict[int, tuple[float, float]], blank: float, inked: list[tuple[int, float]], texts: _Texts
) -> dict[int, tuple[float, float]]:
    """One frame: every text stays, with a blank or its last character, and grows by every class."""
    grown: dict[int, tuple[float, float]] = {}
    for text, (empty, full) in alive.items():
        total, last = empty + full, texts.last[text]
        before = grown.get(text, (0.0, 0.0))
        grown[text] = (before[0] + total * blank, before[1])
        for c, p in inked:
            if c == last:
                before = grown[text]
                grown[text] = (before[0], before[1] + full * p)
            # A second copy of the last character needs a blank between.
            flow = (empty if c == last else total) * p
            if flow > 0:
                longer = texts.grown(text, c)
                before = grown.get(longer, (0.0, 0.0))
                grown[longer] = (before[0], before[1] + flow)
    return grown


def _best(grown: dict[int, tuple[float, float]], texts: _Texts, beam: int) -> dict[int, tuple[float, float]]:
    """The ``beam`` best texts with the language model, less those that are hopeless.

    Probabilities are scaled up before they get too small for a float.
    """
    possible = ((text, empty + full) for text, (empty, full) in grown.items() if empty + full > 0)
    ranked = sorted((-math.log(total) - texts.bonus[text], text) for text, total in possible)
    kept = [text for cost, text in ranked[:beam] if cost < ranked[0][0] + _HOPELESS]
    top = sum(grown[kept[0]])
    if top > _SMALL:
        return {text: grown[text] for text in kept}
    return {text: (grown[text][0] / top, grown[text][1] / top) for text in kept}
