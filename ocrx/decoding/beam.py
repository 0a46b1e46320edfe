"""Prefix beam search over a batch of lines, with a constraint and a language model where asked. NumPy only.

Source: Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using bi-directional
recurrent DNNs"; Graves 2012, section 3.5. A prefix is a text that begins a reading; its probability sums all
paths that spell it up to the current frame, split into those that end in a blank and those that do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Bools, Float64s, Floats, Ints
from ocrx.ctc.reference import log_normalizer
from ocrx.decoding.constraints import Automaton
from ocrx.decoding.regex import DEAD
from ocrx.text.charset import BLANK

_Array = TypeVar("_Array", Float64s, Ints)

NEVER = -np.inf
FREE_CLASSES = 16
BOUND_CLASSES = 32

# A prefix is known by a hash of its classes, so that two ways to the same text meet. 64 bits: with 10^6 prefixes
# alive at once, which is far more than a search holds, two of them agree by chance once in 10^7 searches.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0x2545F4914F6CDD1D)
_DEAD_PREFIX, _NO_PARENT = np.uint64(0), np.uint64(1)


class LanguageModel(Protocol):
    """What the beam asks of a character language model; contexts are small integers, 0 the start of a line."""

    def rows(self, contexts: Ints) -> Floats:
        """Weighted log-probability of each class after each context, [..., K]; column 0 is the line's end."""
        ...

    def advance(self, contexts: Ints, classes: Ints) -> Ints:
        """The contexts after reading one class (>= 1) each."""
        ...


@dataclass(frozen=True)
class Hypothesis:
    """A text the search found. ``log_prob`` is its CTC log-probability as far as the beam saw its paths;
    ``score`` adds the language model and is what the search ranks by."""

    classes: tuple[int, ...]
    log_prob: float
    score: float


@dataclass
class _Beams:
    """B prefixes of each of N lines, all [N, B]; ``blank`` and ``ink`` are the two log-probabilities."""

    blank: Float64s
    ink: Float64s
    last: Ints
    hash: npt.NDArray[np.uint64]
    parent: npt.NDArray[np.uint64]
    state: Ints
    context: Ints
    bonus: Float64s


def beam_search(
    logits: npt.NDArray[np.floating],
    beam: int = 10,
    *,
    automaton: Automaton | None = None,
    lm: LanguageModel | None = None,
    classes_per_frame: int | None = None,
    normalizer: Float64s | None = None,
) -> list[list[Hypothesis]]:
    """The most probable texts of each line, best first, at most ``beam`` of them.

    ``logits`` [N, T, K]. With an ``automaton`` only texts that it accepts are returned, possibly none.
    Of each frame only the ``classes_per_frame`` most probable classes may begin a character (default 16, under
    a constraint 32 of those it uses); at K - 1 and with a beam that holds every prefix the search is exact.
    ``normalizer`` [N, T] is that of ``log_normalizer`` where it is known already.
    """
    lines, frames, _ = logits.shape
    if lines == 0 or frames == 0:
        return [[]] * lines
    limit = classes_per_frame or (BOUND_CLASSES if automaton else FREE_CLASSES)
    normalizer = log_normalizer(logits) if normalizer is None else normalizer
    labels, gains = _candidates(logits, normalizer, automaton, limit)
    state = _start(lines, beam)
    rows = np.arange(lines)[:, None]
    sources = np.empty((frames, lines, beam), dtype=np.int64)
    emitted = np.empty((frames, lines, beam), dtype=np.int64)
    for t in range(frames):
        left = frames - 1 - t
        repeat = logits[rows, t, state.last] - normalizer[:, t, None]
        stay_blank, stay_ink, grow = _grow(state, labels[t], gains[t], repeat, logits[:, t, BLANK] - normalizer[:, t])
        bonus, states = _guide(state, labels[t], automaton, lm, left)
        if states is not None and automaton is not None:
            grow = np.where(states == DEAD, NEVER, grow)
            hopeless = automaton.distance[state.state] > left
            stay_blank, stay_ink = np.where(hopeless, NEVER, stay_blank), np.where(hopeless, NEVER, stay_ink)
        stay_score = np.logaddexp(stay_blank, stay_ink) + state.bonus
        grow_score = grow + (state.bonus[:, :, None] if bonus is None else bonus)
        source, label, pick = _select(stay_score, grow_score, labels[t], beam)
        sources[t], emitted[t] = source, label
        state = _next(state, source, label, pick, (stay_blank, stay_ink, grow, bonus, states), lm)
    return _read_out(state, sources, emitted, automaton, lm)


def _start(lines: int, beam: int) -> _Beams:
    shape = (lines, beam)
    state = _Beams(
        blank=np.full(shape, NEVER),
        ink=np.full(shape, NEVER),
        last=np.full(shape, BLANK, dtype=np.int64),
        hash=np.full(shape, _DEAD_PREFIX),
        parent=np.full(shape, _NO_PARENT),
        state=np.zeros(shape, dtype=np.int64),
        context=np.zeros(shape, dtype=np.int64),
        bonus=np.zeros(shape),
    )
    state.blank[:, 0] = 0.0
    state.hash[:, 0] = _EMPTY
    return state


def _candidates(
    logits: npt.NDArray[np.floating], normalizer: Float64s, automaton: Automaton | None, limit: int
) -> tuple[Ints, Float64s]:
    """The classes that may begin a character at each frame, and their log-probabilities: two [T, N, C]."""
    # An automaton without edges accepts the empty text alone; any class will do, for none can be taken.
    bound = automaton is not None and automaton.used.size > 0
    usable = automaton.used if automaton is not None and bound else np.arange(1, logits.shape[2])
    inked = logits[:, :, usable] if bound else logits[:, :, 1:]
    if usable.size > limit:
        best = np.argpartition(inked, usable.size - limit, axis=2)[:, :, usable.size - limit :]
        gains = np.take_along_axis(inked, best, axis=2)
        labels = usable[best]
    else:
        gains, labels = inked, np.broadcast_to(usable, inked.shape)
    values: Float64s = gains - normalizer[:, :, None]
    return np.ascontiguousarray(labels.transpose(1, 0, 2)), np.ascontiguousarray(values.transpose(1, 0, 2))


def _grow(
    state: _Beams, labels: Ints, gains: Float64s, repeat: Float64s, blank: Float64s
) -> tuple[Float64s, Float64s, Float64s]:
    """One frame: log-probabilities of every prefix that stays, [N, B] ending in blank and in ink, and of
    every prefix grown by a class, [N, B, C]; a grown prefix that is in the beam already is added to it there."""
    total = np.logaddexp(state.blank, state.ink)
    stay_blank = total + blank[:, None]
    stay_ink = state.ink + repeat
    same = state.last[:, :, None] == labels[:, None, :]
    # A second copy of the last character needs a blank between: only the paths that end in one may grow by it.
    grow = np.where(same, state.blank[:, :, None], total[:, :, None]) + gains[:, None, :]
    child = state.hash[:, :, None] == state.parent[:, None, :]  # [N, parent, child]
    if child.any():
        line, i, j = np.nonzero(child)
        repeated = state.last[line, i] == state.last[line, j]
        flow = np.where(repeated, state.blank[line, i], total[line, i]) + repeat[line, j]
        stay_ink[line, j] = np.logaddexp(stay_ink[line, j], flow)
        match = same[line, j]  # where the class of the child stands among the frame's candidates
        hit = match.any(axis=1)
        grow[line[hit], i[hit], match[hit].argmax(axis=1)] = NEVER
    return stay_blank, stay_ink, grow


def _guide(
    state: _Beams, labels: Ints, automaton: Automaton | None, lm: LanguageModel | None, left: int
) -> tuple[Float64s | None, Ints | None]:
    """What language model and constraint say about growing: the new bonus and the new state, [N, B, C].

    A state from which the ``left`` frames cannot reach an end is DEAD.
    """
    bonus: Float64s | None = None
    states: Ints | None = None
    if lm is not None:
        rows = lm.rows(state.context)
        bonus = state.bonus[:, :, None] + np.take_along_axis(rows, labels[:, None, :], axis=2)
    if automaton is not None:
        states = automaton.step(state.state[:, :, None], labels[:, None, :])
        states = np.where(automaton.distance[states] > left, DEAD, states)
    return bonus, states


def _select(stay: Float64s, grow: Float64s, labels: Ints, beam: int) -> tuple[Ints, Ints, Ints]:
    """The best ``beam`` of all: where each comes from [N, B], its new class (0: it stays), its place in ``grow``."""
    lines, count = labels.shape
    scores = np.concatenate([stay, grow.reshape(lines, -1)], axis=1)
    chosen = np.argpartition(scores, scores.shape[1] - beam, axis=1)[:, scores.shape[1] - beam :]
    place = chosen - beam
    grown = place >= 0
    source = np.where(grown, place // count, chosen)
    column = np.where(grown, place % count, 0)
    label = np.where(grown, np.take_along_axis(labels, column, axis=1), BLANK)
    return source, label, column


def _next(
    state: _Beams,
    source: Ints,
    label: Ints,
    column: Ints,
    values: tuple[Float64s, Float64s, Float64s, Float64s | None, Ints | None],
    lm: LanguageModel | None,
) -> _Beams:
    stay_blank, stay_ink, grow, bonus, states = values
    rows = np.arange(len(source))[:, None]
    grown = label != BLANK
    before = state.hash[rows, source]
    blank = np.where(grown, NEVER, stay_blank[rows, source])
    ink = np.where(grown, grow[rows, source, column], stay_ink[rows, source])
    alive = (blank > NEVER) | (ink > NEVER)
    context = state.context[rows, source]
    if lm is not None:
        context[grown] = lm.advance(context[grown], label[grown])
    return _Beams(
        blank=blank,
        ink=ink,
        last=np.where(grown, label, state.last[rows, source]),
        # What has no path left must never be met again as somebody's parent or child.
        hash=np.where(alive, np.where(grown, before * _FACTOR + label.astype(np.uint64), before), _DEAD_PREFIX),
        parent=np.where(alive, np.where(grown, before, state.parent[rows, source]), _NO_PARENT),
        state=state.state[rows, source] if states is None else _moved(state.state, states, source, column, grown),
        context=context,
        bonus=state.bonus[rows, source] if bonus is None else _moved(state.bonus, bonus, source, column, grown),
    )


def _moved(stay: _Array, grow: _Array, source: Ints, column: Ints, grown: Bools) -> _Array:
    rows = np.arange(len(source))[:, None]
    return np.where(grown, grow[rows, source, column], stay[rows, source])


def _read_out(
    state: _Beams, sources: Ints, emitted: Ints, automaton: Automaton | None, lm: LanguageModel | None
) -> list[list[Hypothesis]]:
    """Walk back from the last frame, collecting the classes of every beam, and sort."""
    log_prob = np.logaddexp(state.blank, state.ink)
    ends = log_prob > NEVER
    if automaton is not None:
        ends &= automaton.accepting[np.maximum(state.state, 0)] & (state.state != DEAD)
    bonus = state.bonus + (lm.rows(state.context)[:, :, BLANK] if lm is not None else 0.0)
    frames, lines, beam = sources.shape
    rows = np.arange(lines)[:, None]
    at = np.broadcast_to(np.arange(beam), (lines, beam))
    spelled = np.empty((lines, beam, frames), dtype=np.int64)
    for t in reversed(range(frames)):
        spelled[:, :, t] = emitted[t, rows, at]
        at = sources[t, rows, at]
    found: list[list[Hypothesis]] = []
    for n in range(lines):
        texts = [
            Hypothesis(
                tuple(spelled[n, b][spelled[n, b] != BLANK].tolist()),
                float(log_prob[n, b]),
                float(log_prob[n, b] + bonus[n, b]),
            )
            for b in np.flatnonzero(ends[n]).tolist()
        ]
        found.append(sorted(texts, key=lambda hypothesis: (-hypothesis.score, hypothesis.classes)))
    return found
