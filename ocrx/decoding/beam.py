"""Prefix beam search over a batch of lines, with an optional constraint and language model. NumPy only.

Source: Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using bi-directional
recurrent DNNs"; Graves 2012, section 3.5. A prefix is the text so far; its probability sums all paths that spell it
up to the current frame, separately for those that end in a blank and those that do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Float64s, Floats, Ints
from ocrx.ctc.reference import log_normalizer
from ocrx.decoding.constraints import Automaton
from ocrx.decoding.regex import DEAD
from ocrx.text.charset import BLANK

_Array = TypeVar("_Array", Float64s, Ints)

NEVER = -np.inf
FREE_CLASSES = 16
BOUND_CLASSES = 32

# A prefix is identified by a hash of its classes, so that different paths to the same text are merged. With 64 bits and
# 10^6 prefixes, far more than a search holds, hashes collide once in 10^7 searches.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0x2545F4914F6CDD1D)
_DEAD_PREFIX, _NO_PARENT = np.uint64(0), np.uint64(1)


class LanguageModel(Protocol):
    """The language model as the search needs it; contexts are small integers, and 0 is the start of a line."""

    def rows(self, contexts: Ints) -> Floats:
        """Look up distributions.

        Args:
            contexts: int64 [...].

        Returns:
            Weighted log-probability of each class after each context, float32 [..., K]; column 0 is the end of the
            line.
        """
        ...

    def advance(self, contexts: Ints, classes: Ints) -> Ints:
        """Append one class to each of several contexts.

        Args:
            contexts: int64 of any shape.
            classes: Classes (>= 1) of the same shape.

        Returns:
            The new contexts.
        """
        ...


@dataclass(frozen=True)
class Hypothesis:
    """A text that the search found.

    Attributes:
        classes: The text as classes (>= 1).
        log_prob: Its CTC log-probability, summed over the paths that the beam kept.
        score: ``log_prob`` plus the language model; what the search ranks by.
    """

    classes: tuple[int, ...]
    log_prob: float
    score: float


@dataclass
class _Beams:
    """B prefixes of each of N lines, all [N, B].

    ``blank`` and ``nonblank`` are the log-probabilities of a prefix's paths that end in a blank and in its last
    character.
    """

    blank: Float64s
    nonblank: Float64s
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
    """Find the most probable texts of each line.

    With ``classes_per_frame`` K - 1 and a beam that holds every prefix the search is exact.

    Args:
        logits: [N, T, K].
        beam: Prefixes kept after each frame.
        automaton: Constraint that the texts satisfy.
        lm: Language model, whose log-probability is added to the score.
        classes_per_frame: Number of most probable classes per frame that may begin a character; by default 16, or 32
            of the classes that the constraint uses.
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits if it was computed before.

    Returns:
        At most ``beam`` texts of each line, best first; none where no text satisfies the constraint.
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
        step = _advance(state, labels[t], gains[t], repeat, logits[:, t, BLANK] - normalizer[:, t])
        step = _guide(step, state, labels[t], automaton, lm, left)

        stay_score = np.logaddexp(step.blank, step.nonblank) + state.bonus
        longer_score = step.longer + (state.bonus[:, :, None] if step.bonus is None else step.bonus)
        source, label, column = _select(stay_score, longer_score, labels[t], beam)
        sources[t], emitted[t] = source, label
        state = _next(state, step, source, label, column, lm)
    return _read_out(state, sources, emitted, automaton, lm)


def _start(lines: int, beam: int) -> _Beams:
    shape = (lines, beam)
    state = _Beams(
        blank=np.full(shape, NEVER),
        nonblank=np.full(shape, NEVER),
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
    # An automaton without edges accepts only the empty text: no class can be taken, so any may be proposed.
    bound = automaton is not None and automaton.used.size > 0
    usable = automaton.used if automaton is not None and bound else np.arange(1, logits.shape[2])
    nonblank = logits[:, :, usable] if bound else logits[:, :, 1:]
    if usable.size > limit:
        best = np.argpartition(nonblank, usable.size - limit, axis=2)[:, :, usable.size - limit :]
        gains = np.take_along_axis(nonblank, best, axis=2)
        labels = usable[best]
    else:
        gains, labels = nonblank, np.broadcast_to(usable, nonblank.shape)
    values: Float64s = gains - normalizer[:, :, None]
    return np.ascontiguousarray(labels.transpose(1, 0, 2)), np.ascontiguousarray(values.transpose(1, 0, 2))


@dataclass
class _Step:
    """One frame for all prefixes: unchanged ones, [N, B], and extensions by each of C classes, [N, B, C].

    ``blank`` and ``nonblank`` are the log-probabilities of an unchanged prefix, ``longer`` that of an extension.
    ``bonus`` and ``state`` belong to the extensions; they are None without language model or constraint.
    """

    blank: Float64s
    nonblank: Float64s
    longer: Float64s
    bonus: Float64s | None = None
    state: Ints | None = None


def _advance(beams: _Beams, labels: Ints, gains: Float64s, repeat: Float64s, blank: Float64s) -> _Step:
    """The log-probabilities after one frame.

    An extension that equals another prefix of the beam is merged into that one.
    """
    total = np.logaddexp(beams.blank, beams.nonblank)
    stay_blank = total + blank[:, None]
    stay_nonblank = beams.nonblank + repeat
    same = beams.last[:, :, None] == labels[:, None, :]
    # A repeated character needs a blank between: it extends only the paths that end in a blank.
    longer = np.where(same, beams.blank[:, :, None], total[:, :, None]) + gains[:, None, :]

    child = beams.hash[:, :, None] == beams.parent[:, None, :]  # [N, parent, child]
    if child.any():
        line, i, j = np.nonzero(child)
        repeated = beams.last[line, i] == beams.last[line, j]
        flow = np.where(repeated, beams.blank[line, i], total[line, i]) + repeat[line, j]
        stay_nonblank[line, j] = np.logaddexp(stay_nonblank[line, j], flow)
        match = same[line, j]  # where the class of the child is among the candidates of the frame
        hit = match.any(axis=1)
        longer[line[hit], i[hit], match[hit].argmax(axis=1)] = NEVER
    return _Step(stay_blank, stay_nonblank, longer)


def _guide(
    step: _Step, beams: _Beams, labels: Ints, automaton: Automaton | None, lm: LanguageModel | None, left: int
) -> _Step:
    """Apply language model and constraint; rule out what cannot be completed within the ``left`` frames."""
    if lm is not None:
        rows = lm.rows(beams.context)
        step.bonus = beams.bonus[:, :, None] + np.take_along_axis(rows, labels[:, None, :], axis=2)

    if automaton is not None:
        states = automaton.step(beams.state[:, :, None], labels[:, None, :])
        step.state = np.where(automaton.distance[states] > left, DEAD, states)
        step.longer = np.where(step.state == DEAD, NEVER, step.longer)
        hopeless = automaton.distance[beams.state] > left
        step.blank, step.nonblank = np.where(hopeless, NEVER, step.blank), np.where(hopeless, NEVER, step.nonblank)
    return step


def _select(stay: Float64s, longer: Float64s, labels: Ints, beam: int) -> tuple[Ints, Ints, Ints]:
    """The best ``beam`` candidates, each [N, B]: prefix, new class (0 for none), and its column in ``longer``."""
    lines, count = labels.shape
    scores = np.concatenate([stay, longer.reshape(lines, -1)], axis=1)
    chosen = np.argpartition(scores, scores.shape[1] - beam, axis=1)[:, scores.shape[1] - beam :]
    place = chosen - beam
    extended = place >= 0
    source = np.where(extended, place // count, chosen)
    column = np.where(extended, place % count, 0)
    label = np.where(extended, np.take_along_axis(labels, column, axis=1), BLANK)
    return source, label, column


def _next(beams: _Beams, step: _Step, source: Ints, label: Ints, column: Ints, lm: LanguageModel | None) -> _Beams:
    """The chosen prefixes."""
    rows = np.arange(len(source))[:, None]
    extended = label != BLANK

    def chosen(stay: _Array, longer: _Array | None) -> _Array:
        if longer is None:
            return stay[rows, source]
        return np.where(extended, longer[rows, source, column], stay[rows, source])

    blank = np.where(extended, NEVER, step.blank[rows, source])
    nonblank = chosen(step.nonblank, step.longer)
    alive = (blank > NEVER) | (nonblank > NEVER)
    context = beams.context[rows, source]
    if lm is not None:
        context[extended] = lm.advance(context[extended], label[extended])

    # A prefix without any path must never match as a parent or child.
    before = beams.hash[rows, source]
    longer_hash = before * _FACTOR + label.astype(np.uint64)
    return _Beams(
        blank=blank,
        nonblank=nonblank,
        last=np.where(extended, label, beams.last[rows, source]),
        hash=np.where(alive, np.where(extended, longer_hash, before), _DEAD_PREFIX),
        parent=np.where(alive, np.where(extended, before, beams.parent[rows, source]), _NO_PARENT),
        state=chosen(beams.state, step.state),
        context=context,
        bonus=chosen(beams.bonus, step.bonus),
    )


def _read_out(
    beams: _Beams, sources: Ints, emitted: Ints, automaton: Automaton | None, lm: LanguageModel | None
) -> list[list[Hypothesis]]:
    """Trace every prefix back from the last frame, collect its classes, and sort by score."""
    log_prob = np.logaddexp(beams.blank, beams.nonblank)
    ends = log_prob > NEVER
    if automaton is not None:
        ends &= automaton.accepting[np.maximum(beams.state, 0)] & (beams.state != DEAD)
    bonus = beams.bonus + (lm.rows(beams.context)[:, :, BLANK] if lm is not None else 0.0)

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
