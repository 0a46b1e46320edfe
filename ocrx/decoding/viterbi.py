"""The most probable path among all that spell a text a constraint accepts: exact, nothing is pruned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Float64s, Ints
from ocrx.ctc.reference import log_normalizer
from ocrx.decoding.constraints import Automaton
from ocrx.text.charset import BLANK

NEVER = -np.inf
_MEMORY_BYTES = 256 << 20


@dataclass(frozen=True)
class _Graph:
    """An automaton laid out for the search: an arc is a (state, class that led there) pair.

    Arcs [A] are sorted by state, edges [E] by arc; ``own`` is, for each edge, the arc of its source state with
    the edge's own class (a repeat needs a blank in between), or -1.
    """

    arc_state: Ints
    arc_class: Ints
    state_first: Ints  # first arc of each state in ``entered``
    entered: Ints  # states that have arcs
    edge_source: Ints
    edge_arc: Ints
    arc_first: Ints  # first edge of each arc
    own: Ints

    @classmethod
    def of(cls, automaton: Automaton) -> _Graph:
        keys = automaton.target * automaton.classes + automaton.label
        arcs, edge_arc = np.unique(keys, return_inverse=True)
        order = np.argsort(edge_arc, kind="stable")
        entered, state_first = np.unique(arcs // automaton.classes, return_index=True)
        wanted = automaton.source[order] * automaton.classes + automaton.label[order]
        at = np.minimum(np.searchsorted(arcs, wanted), max(0, arcs.size - 1))
        return cls(
            arc_state=arcs // automaton.classes,
            arc_class=arcs % automaton.classes,
            state_first=state_first,
            entered=entered,
            edge_source=automaton.source[order],
            edge_arc=edge_arc[order],
            arc_first=np.searchsorted(edge_arc[order], np.arange(arcs.size)),
            own=np.where(arcs[at] == wanted, at, -1) if arcs.size else at,
        )


def best_path(
    logits: npt.NDArray[np.floating], automaton: Automaton, normalizer: Float64s | None = None
) -> list[tuple[int, ...] | None]:
    """The text of each line's best accepted path; None where no accepted text fits the frames.

    ``logits`` [N, T, K], ``normalizer`` [N, T] as in ``beam_search``. Time and memory grow with frames times edges
    of the automaton.
    """
    graph = _Graph.of(automaton)
    per_line = 8 * max(1, logits.shape[1]) * (graph.arc_class.size + automaton.accepting.size)
    chunk = max(1, _MEMORY_BYTES // per_line)
    normalizer = log_normalizer(logits) if normalizer is None else normalizer
    found: list[tuple[int, ...] | None] = []
    for start in range(0, len(logits), chunk):
        part = logits[start : start + chunk]
        ink, blank = _scores(part, normalizer[start : start + chunk], graph, automaton.accepting.size)
        found += [_trace(ink[:, n], blank[:, n], graph, automaton) for n in range(len(part))]
    return found


def _scores(
    logits: npt.NDArray[np.floating], normalizer: Float64s, graph: _Graph, states: int
) -> tuple[Float64s, Float64s]:
    """Best log-probability up to each frame of ending in each arc, [T + 1, N, A], and of ending in a blank in
    each state, [T + 1, N, S]. Row 0 stands before the first frame."""
    lines, frames, _ = logits.shape
    ink = np.full((frames + 1, lines, graph.arc_class.size), NEVER)
    blank = np.full((frames + 1, lines, states), NEVER)
    blank[0, :, 0] = 0.0
    for t in range(frames):
        top = np.full((lines, states), NEVER)
        if graph.arc_class.size:
            top[:, graph.entered] = np.maximum.reduceat(ink[t], graph.state_first, axis=1)
            entry = np.maximum.reduceat(_entries(ink[t], blank[t], top, graph), graph.arc_first, axis=1)
            gain = logits[:, t, graph.arc_class] - normalizer[:, t, None]
            ink[t + 1] = np.maximum(ink[t], entry) + gain
        blank[t + 1] = np.maximum(blank[t], top) + (logits[:, t, BLANK] - normalizer[:, t])[:, None]
    return ink, blank


def _entries(ink: Float64s, blank: Float64s, top: Float64s, graph: _Graph) -> Float64s:
    """Best score from which each edge may be taken: [N, E]."""
    is_top = ink == top[:, graph.arc_state]
    several = np.add.reduceat(is_top, graph.state_first, axis=1, dtype=np.int64) > 1
    second = np.full_like(top, NEVER)
    second[:, graph.entered] = np.maximum.reduceat(np.where(is_top, NEVER, ink), graph.state_first, axis=1)
    second[:, graph.entered] = np.where(several, top[:, graph.entered], second[:, graph.entered])
    barred = (graph.own >= 0) & is_top[:, graph.own]
    inked = np.where(barred, second[:, graph.edge_source], top[:, graph.edge_source])
    result: Float64s = np.maximum(blank[:, graph.edge_source], inked)
    return result


def _trace(ink: Float64s, blank: Float64s, graph: _Graph, automaton: Automaton) -> tuple[int, ...] | None:
    """Walk back through one line's scores ([T + 1, A] and [T + 1, S]), finding again where each came from."""
    frames = len(ink) - 1
    ends = np.where(automaton.accepting, blank[frames], NEVER)
    inked = np.where(automaton.accepting[graph.arc_state], ink[frames], NEVER)
    if max(ends.max(), inked.max(initial=NEVER)) == NEVER:
        return None
    state = int(ends.argmax())
    arc = int(inked.argmax()) if inked.max(initial=NEVER) >= ends.max() else -1
    text: list[int] = []
    for t in reversed(range(frames)):
        if arc < 0:
            arc = _entered_by(ink[t], graph, state, barred=-1, floor=float(blank[t, state]))
            continue
        first, last = np.searchsorted(graph.edge_arc, [arc, arc + 1])
        best, source, into = float(ink[t, arc]), -2, arc
        for edge in range(int(first), int(last)):
            s, own = int(graph.edge_source[edge]), int(graph.own[edge])
            before = _entered_by(ink[t], graph, s, barred=own, floor=float(blank[t, s]))
            value = float(ink[t, before] if before >= 0 else blank[t, s])
            if value > best:
                best, source, into = value, s, before
        if source != -2:
            text.append(int(graph.arc_class[arc]))
            state, arc = source, into
    return tuple(reversed(text))


def _entered_by(ink: Float64s, graph: _Graph, state: int, barred: int, floor: float) -> int:
    """The best arc into ``state`` other than ``barred``; -1 (its blank) where none is better than ``floor``."""
    first, last = np.searchsorted(graph.arc_state, [state, state + 1])
    arcs = ink[first:last].copy()
    if first <= barred < last:
        arcs[barred - first] = NEVER
    best = int(arcs.argmax()) if arcs.size else -1
    return int(first) + best if best >= 0 and arcs[best] > floor else -1
