"""Exact Viterbi search for the most probable path whose text satisfies a constraint."""

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
    """An automaton arranged for the search: an arc is a pair of a state and the class that led to it.

    Attributes:
        arc_state: [A], sorted.
        arc_class: [A].
        state_first: First arc of each state in ``entered``.
        entered: States that have arcs.
        edge_source: [E], the state that each edge leaves.
        edge_arc: [E], the arc that it enters, sorted.
        arc_first: First edge of each arc.
        own: [E], the arc of the edge's source state with the edge's own class, where a repeat needs a blank; or -1.
    """

    arc_state: Ints
    arc_class: Ints
    state_first: Ints
    entered: Ints
    edge_source: Ints
    edge_arc: Ints
    arc_first: Ints
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
    """Find the text of each line's most probable path that satisfies a constraint.

    Time and memory are proportional to the frames times the edges of the automaton. Source: Viterbi 1967, over the
    product of the CTC states and the automaton.

    Args:
        logits: [N, T, K].
        automaton: The constraint.
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits if it was computed before.

    Returns:
        The classes of each text; None where no accepted text fits the frames.
    """
    graph = _Graph.of(automaton)
    per_line = 8 * max(1, logits.shape[1]) * (graph.arc_class.size + automaton.accepting.size)
    chunk = max(1, _MEMORY_BYTES // per_line)
    normalizer = log_normalizer(logits) if normalizer is None else normalizer
    found: list[tuple[int, ...] | None] = []
    for start in range(0, len(logits), chunk):
        part = logits[start : start + chunk]
        nonblank, blank = _scores(part, normalizer[start : start + chunk], graph, automaton.accepting.size)
        found += [_trace(nonblank[:, n], blank[:, n], graph, automaton) for n in range(len(part))]
    return found


def _scores(
    logits: npt.NDArray[np.floating], normalizer: Float64s, graph: _Graph, states: int
) -> tuple[Float64s, Float64s]:
    """Best log-probability up to each frame of ending in each arc and of ending in a blank in each state.

    [T + 1, N, A] and [T + 1, N, S]; row 0 precedes the first frame.
    """
    lines, frames, _ = logits.shape
    nonblank = np.full((frames + 1, lines, graph.arc_class.size), NEVER)
    blank = np.full((frames + 1, lines, states), NEVER)
    blank[0, :, 0] = 0.0

    for t in range(frames):
        top = np.full((lines, states), NEVER)
        if graph.arc_class.size:
            top[:, graph.entered] = np.maximum.reduceat(nonblank[t], graph.state_first, axis=1)
            entry = np.maximum.reduceat(_entries(nonblank[t], blank[t], top, graph), graph.arc_first, axis=1)
            gain = logits[:, t, graph.arc_class] - normalizer[:, t, None]
            nonblank[t + 1] = np.maximum(nonblank[t], entry) + gain
        blank[t + 1] = np.maximum(blank[t], top) + (logits[:, t, BLANK] - normalizer[:, t])[:, None]
    return nonblank, blank


def _entries(nonblank: Float64s, blank: Float64s, top: Float64s, graph: _Graph) -> Float64s:
    """Best score from which each edge may be taken, [N, E], excluding the arc of its own class."""
    is_top = nonblank == top[:, graph.arc_state]
    several = np.add.reduceat(is_top, graph.state_first, axis=1, dtype=np.int64) > 1
    second = np.full_like(top, NEVER)
    second[:, graph.entered] = np.maximum.reduceat(np.where(is_top, NEVER, nonblank), graph.state_first, axis=1)
    second[:, graph.entered] = np.where(several, top[:, graph.entered], second[:, graph.entered])
    barred = (graph.own >= 0) & is_top[:, graph.own]
    from_arcs = np.where(barred, second[:, graph.edge_source], top[:, graph.edge_source])
    result: Float64s = np.maximum(blank[:, graph.edge_source], from_arcs)
    return result


def _trace(nonblank: Float64s, blank: Float64s, graph: _Graph, automaton: Automaton) -> tuple[int, ...] | None:
    """Trace the best path of one line back through its scores, [T + 1, A] and [T + 1, S]."""
    frames = len(nonblank) - 1
    in_blank = np.where(automaton.accepting, blank[frames], NEVER)
    in_arc = np.where(automaton.accepting[graph.arc_state], nonblank[frames], NEVER)
    if max(in_blank.max(), in_arc.max(initial=NEVER)) == NEVER:
        return None

    # ``arc`` is -1 while the path is in a blank of ``state``.
    state = int(in_blank.argmax())
    arc = int(in_arc.argmax()) if in_arc.max(initial=NEVER) >= in_blank.max() else -1
    text: list[int] = []
    for t in reversed(range(frames)):
        if arc < 0:
            arc = _entered_by(nonblank[t], graph, state, barred=-1, floor=float(blank[t, state]))
            continue
        origin = _origin(nonblank[t], blank[t], graph, arc)
        if origin is not None:
            text.append(int(graph.arc_class[arc]))
            state, arc = origin
    return tuple(reversed(text))


def _origin(nonblank: Float64s, blank: Float64s, graph: _Graph, arc: int) -> tuple[int, int] | None:
    """State and arc (-1: its blank) from which the best path entered ``arc``; None where it stayed in it."""
    first, last = np.searchsorted(graph.edge_arc, [arc, arc + 1])
    best, origin = float(nonblank[arc]), None
    for edge in range(int(first), int(last)):
        source, own = int(graph.edge_source[edge]), int(graph.own[edge])
        before = _entered_by(nonblank, graph, source, barred=own, floor=float(blank[source]))
        value = float(nonblank[before] if before >= 0 else blank[source])
        if value > best:
            best, origin = value, (source, before)
    return origin


def _entered_by(nonblank: Float64s, graph: _Graph, state: int, barred: int, floor: float) -> int:
    """The best arc into ``state`` other than ``barred``; -1 (its blank) where none is better than ``floor``."""
    first, last = np.searchsorted(graph.arc_state, [state, state + 1])
    arcs = nonblank[first:last].copy()
    if first <= barred < last:
        arcs[barred - first] = NEVER
    best = int(arcs.argmax()) if arcs.size else -1
    return int(first) + best if best >= 0 and arcs[best] > floor else -1
