"""What a line must be: a pattern, one of the entries of a list, or made of certain characters.

Every constraint becomes an ``Automaton`` over CTC classes, which the beam and the exact search both follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.errors import BackendError, ConfigError
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DEAD = -1
UNREACHABLE = np.iinfo(np.int64).max // 2
MAX_STATES = 20_000
_DENSE_ENTRIES = 4_000_000


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic automaton over classes >= 1; state 0 is the start.

    Its edges, sorted by source and class, are three int64 arrays [E]; ``accepting`` is bool [S];
    ``classes`` counts all CTC classes, the blank included. Use ``build``, which drops dead ends.
    """

    classes: int
    source: Ints
    label: Ints
    target: Ints
    accepting: Bools

    @classmethod
    def build(cls, classes: int, edges: npt.ArrayLike, accepting: Bools) -> Automaton:
        """From rows (source, class, target) [E, 3]; edges that lead to no accepted text are dropped."""
        rows = np.asarray(edges, dtype=np.int64).reshape(-1, 3)
        source, label, target = rows[np.lexsort((rows[:, 1], rows[:, 0]))].T
        every = cls(classes, source, label, target, accepting)
        alive = every.distance[target] < UNREACHABLE
        return cls(classes, source[alive], label[alive], target[alive], accepting)

    @cached_property
    def distance(self) -> Ints:
        """[S]: how many characters are needed at least to reach an accepting state."""
        best = np.where(self.accepting, 0, UNREACHABLE)
        while True:
            shorter = best.copy()
            np.minimum.at(shorter, self.source, best[self.target] + 1)
            if np.array_equal(shorter, best):
                return np.minimum(best, UNREACHABLE)
            best = shorter

    @cached_property
    def used(self) -> Ints:
        """The classes that stand on any edge, ascending."""
        return np.unique(self.label)

    @cached_property
    def _keys(self) -> Ints:
        return self.source * self.classes + self.label

    @cached_property
    def _table(self) -> Ints | None:
        """[(S + 1) * classes] with a last row for the dead state; None where it would be too large."""
        if (self.accepting.size + 1) * self.classes > _DENSE_ENTRIES:
            return None
        table = np.full((self.accepting.size + 1) * self.classes, DEAD, dtype=np.int64)
        table[self._keys] = self.target
        return table

    def step(self, states: Ints, labels: Ints) -> Ints:
        """The states after reading one class each; DEAD where there is no edge. The shapes broadcast."""
        if self._table is not None:
            reached: Ints = self._table[states * self.classes + labels]  # DEAD reads the table's last row
            return reached
        keys = states * self.classes + labels
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self.target[at], DEAD)

    def accepts(self, classes: Iterable[int]) -> bool:
        """Whether a whole text satisfies the constraint."""
        state = np.int64(0)
        for c in classes:
            state = self.step(np.asarray(state), np.asarray(c)).item()
            if state == DEAD:
                return False
        return bool(self.accepting[state])


def from_allowed(charset: Charset, allow: str | None = None, deny: str | None = None) -> Bools:
    """[K]: which classes may appear; the blank always may.

    Entries of several code points count as allowed if all their code points are.
    Raises ConfigError where nothing remains, or where ``allow`` holds a character the model does not know.
    """
    for name, characters in (("allow", allow), ("deny", deny)):
        unknown = sorted(set(normalize(characters or "")) - set("".join(charset)))
        if unknown:
            raise ConfigError(f"--{name}: the model does not know {' '.join(map(repr, unknown))}")
    wanted = set(normalize(allow)) if allow else set("".join(charset))
    wanted -= set(normalize(deny or ""))
    mask = np.array([True, *(set(entry) <= wanted for entry in charset)], dtype=np.bool_)
    if not mask[1:].any():
        raise ConfigError("--allow and --deny leave no character to read")
    return mask


def from_mask(mask: Bools) -> Automaton:
    """Any text of the allowed classes [K], the empty one included."""
    allowed = np.flatnonzero(mask[1:]) + 1
    edges = np.stack([np.zeros_like(allowed), allowed, np.zeros_like(allowed)], axis=1)
    return Automaton.build(mask.size, edges, np.array([True]))


def from_pattern(pattern: str, charset: Charset, mask: Bools | None = None) -> Automaton:
    """The texts that match a regular expression as a whole (``^`` and ``$`` at its ends are understood).

    ``\\d``, ``\\w`` and ``\\s`` mean ASCII. Back references, look-behind and ``\\b`` are not regular or not
    supported and raise ConfigError; so does a pattern that no text of the allowed characters matches.
    Raises BackendError if the package interegular is missing.
    """
    machine = _machine(pattern)
    ids = {state: i for i, state in enumerate([machine.initial, *sorted(machine.states - {machine.initial})])}
    symbols = [[machine.alphabet[character] for character in entry] for entry in charset]
    edges: list[tuple[int, int, int]] = []
    for state, index in ids.items():
        for c, entry in enumerate(symbols, start=1):
            reached: Any = state
            for symbol in entry:
                reached = machine.map.get(reached, {}).get(symbol)
            if reached is not None and (mask is None or mask[c]):
                edges.append((index, c, ids[reached]))
    accepting = np.array([state in machine.finals for state in ids])
    automaton = Automaton.build(len(charset) + 1, edges, accepting)
    if automaton.distance[0] >= UNREACHABLE:
        raise ConfigError(f"--pattern {pattern!r}: no text of the model's characters can match it")
    return automaton


def _machine(pattern: str) -> Any:  # interegular.FSM; the package is optional and has no types
    try:
        import interegular
    except ImportError:
        raise BackendError("a pattern needs the package interegular", hint="pip install 'ocrx[constrain]'") from None
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"--pattern {pattern!r}: not a regular expression ({error})") from None
    try:
        machine = interegular.parse_pattern(_whole(normalize(pattern))).to_fsm()
    except (interegular.Unsupported, interegular.InvalidSyntax) as error:
        raise ConfigError(f"--pattern {pattern!r}: not supported here ({error or 'syntax'})") from None
    if len(machine.states) > MAX_STATES:
        raise ConfigError(f"--pattern {pattern!r}: {len(machine.states):,} states, at most {MAX_STATES:,} are taken")
    return machine


def _whole(pattern: str) -> str:
    """The pattern without ``^ $ \\A \\Z`` at its ends and with ``\\uXXXX`` written out: interegular knows neither."""
    pattern = re.sub(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})", lambda m: m[1] + re.escape(chr(int(m[2], 16))), pattern)
    pattern = re.sub(r"^(\^|\\A)+", "", pattern)
    return re.sub(r"(?<!\\)((?:\\\\)*)(\$|\\Z)+$", r"\1", pattern)


@dataclass(frozen=True)
class Lexicon:
    """The entries of a word list that a model can read, as an automaton, and those it cannot."""

    automaton: Automaton
    count: int
    unreadable: tuple[str, ...]

    @property
    def remark(self) -> str:
        """How many entries were left out because the model lacks their characters, with an example; or ''."""
        if not self.unreadable:
            return ""
        entries = "entries hold" if len(self.unreadable) > 1 else "entry holds"
        return (
            f"lexicon: {len(self.unreadable):,} {entries} characters the model does not know ({self.unreadable[0]!r})"
        )


def from_lexicon(words: Iterable[str], charset: Charset, within: Automaton | None = None) -> Lexicon:
    """The automaton (a trie) of the given texts; a whole line is one entry.

    Entries with characters outside the charset are listed in ``unreadable``; those that
    another constraint, ``within``, excludes are left out. Raises ConfigError where nothing remains.
    """
    distinct = sorted({normalize(word) for word in words} - {""})
    unreadable = tuple(word for word in distinct if charset.missing(word))
    missing = set(unreadable)
    texts = [charset.encode(word) for word in distinct if word not in missing]
    if within is not None:
        texts = [text for text in texts if within.accepts(text)]
    if not texts:
        raise ConfigError("--lexicon: no entry can be read by this model under the other constraints")
    return Lexicon(_trie(texts, len(charset) + 1), len(texts), unreadable)


def _trie(texts: Sequence[Sequence[int]], classes: int) -> Automaton:
    child: dict[tuple[int, int], int] = {}
    ends: set[int] = set()
    for text in texts:
        node = 0
        for c in text:
            node = child.setdefault((node, c), len(child) + 1)
        ends.add(node)
    accepting = np.zeros(len(child) + 1, dtype=np.bool_)
    accepting[list(ends)] = True
    return Automaton.build(classes, [(node, c, to) for (node, c), to in child.items()], accepting)
