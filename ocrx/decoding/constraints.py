"""Constraints on the text of a line: a regular expression, a lexicon, or allowed characters.

Every constraint becomes an ``Automaton`` over CTC classes, which both beam search and Viterbi search follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Bools, Ints
from ocrx.decoding.regex import DEAD, compile_pattern
from ocrx.errors import ConfigError
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

UNREACHABLE = np.iinfo(np.int64).max // 2
MAX_EDGES = 10_000_000
_DENSE_ENTRIES = 4_000_000


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic automaton over classes >= 1 with S states, of which 0 is the start, and E edges.

    Made by ``build``, which drops dead ends. The edges are sorted by source and class.

    Attributes:
        classes: Number of CTC classes, the blank included.
        source: int64 [E], the state that each edge leaves.
        label: int64 [E], the class that it reads.
        target: int64 [E], the state that it enters.
        accepting: bool [S], where a text may end.
    """

    classes: int
    source: Ints
    label: Ints
    target: Ints
    accepting: Bools

    @classmethod
    def build(cls, classes: int, edges: npt.ArrayLike, accepting: Bools) -> Automaton:
        """Sort the edges and drop those from which no accepted text can be reached.

        Args:
            classes: Number of CTC classes, the blank included.
            edges: Rows of source, class and target, [E, 3].
            accepting: bool [S].

        Returns:
            The automaton.
        """
        rows = np.asarray(edges, dtype=np.int64).reshape(-1, 3)
        source, label, target = rows[np.lexsort((rows[:, 1], rows[:, 0]))].T
        every = cls(classes, source, label, target, accepting)
        alive = every.distance[target] < UNREACHABLE
        return cls(classes, source[alive], label[alive], target[alive], accepting)

    @cached_property
    def distance(self) -> Ints:
        """int64 [S]: the smallest number of characters from each state to an accepting one."""
        size = self.accepting.size
        target, source = np.divmod(np.unique(self.target * size + self.source), size)
        first = np.searchsorted(target, np.arange(size + 1)).tolist()
        before = source.tolist()

        best: list[int] = np.where(self.accepting, 0, UNREACHABLE).tolist()
        nearest = np.flatnonzero(self.accepting).tolist()
        for state in nearest:  # breadth-first search: the list grows in the loop
            for previous in before[first[state] : first[state + 1]]:
                if best[previous] == UNREACHABLE:
                    best[previous] = best[state] + 1
                    nearest.append(previous)
        return np.array(best, dtype=np.int64)

    @cached_property
    def used(self) -> Ints:
        """The classes that any edge reads, ascending."""
        return np.unique(self.label)

    @cached_property
    def _keys(self) -> Ints:
        return self.source * self.classes + self.label

    @cached_property
    def _table(self) -> Ints | None:
        """Targets [(S + 1) * classes], the last row for the dead state; None if that would be too large."""
        if (self.accepting.size + 1) * self.classes > _DENSE_ENTRIES:
            return None
        table = np.full((self.accepting.size + 1) * self.classes, DEAD, dtype=np.int64)
        table[self._keys] = self.target
        return table

    def step(self, states: Ints, labels: Ints) -> Ints:
        """Read one class in each of several states.

        Args:
            states: int64 of any shape.
            labels: Classes (>= 1) of a shape that broadcasts with ``states``.

        Returns:
            The next states; DEAD where there is no edge.
        """
        if self._table is not None:
            reached: Ints = self._table[states * self.classes + labels]  # DEAD reads the table's last row
            return reached
        keys = states * self.classes + labels
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self.target[at], DEAD)

    def accepts(self, classes: Iterable[int]) -> bool:
        """Test a complete text.

        Args:
            classes: The text as classes (>= 1).

        Returns:
            Whether it satisfies the constraint.
        """
        state = np.int64(0)
        for c in classes:
            state = self.step(np.asarray(state), np.asarray(c)).item()
            if state == DEAD:
                return False
        return bool(self.accepting[state])


def from_allowed(charset: Charset, allow: str | None = None, deny: str | None = None) -> Bools:
    """Find the classes that may occur.

    Args:
        charset: Characters of the model. Entries of several code points are allowed if all their code points are.
        allow: The only characters that may occur; None allows all.
        deny: Characters that may not occur.

    Returns:
        bool [K]; the blank is always allowed.

    Raises:
        ConfigError: No character remains, a character is unknown to the model, or ``allow`` is empty.
    """
    if allow == "":
        raise ConfigError("allow: no characters given", hint="leave it out to allow all")
    for name, characters in (("allow", allow), ("deny", deny)):
        unknown = sorted(set(normalize(characters or "")) - set("".join(charset)))
        if unknown:
            raise ConfigError(f"{name}: the model does not know {' '.join(map(repr, unknown))}")

    wanted = set(normalize(allow)) if allow else set("".join(charset))
    wanted -= set(normalize(deny or ""))
    mask = np.array([True, *(set(entry) <= wanted for entry in charset)], dtype=np.bool_)
    if not mask[1:].any():
        raise ConfigError("allow: `allow` and `deny` leave no character")
    return mask


def from_mask(mask: Bools) -> Automaton:
    """Accept every text of allowed classes, including the empty text.

    Args:
        mask: bool [K], the allowed classes.

    Returns:
        An automaton with one state.
    """
    allowed = np.flatnonzero(mask[1:]) + 1
    edges = np.stack([np.zeros_like(allowed), allowed, np.zeros_like(allowed)], axis=1)
    return Automaton.build(mask.size, edges, np.array([True]))


def from_pattern(pattern: str, charset: Charset, mask: Bools | None = None) -> Automaton:
    r"""Accept the texts that match a regular expression as a whole.

    Args:
        pattern: The expression, in the syntax of ``re``; ``\d``, ``\w`` and ``\s`` mean ASCII.
        charset: Characters of the model.
        mask: bool [K], the allowed classes; None allows all.

    Returns:
        The automaton.

    Raises:
        ConfigError: The pattern is no regular expression, is empty or too large, uses back references, look-ahead,
            look-behind or ``\b``, or matches no text of the allowed characters.
    """
    if not pattern:
        raise ConfigError("pattern: empty, so that only empty lines match", hint="leave it out")
    machine = compile_pattern(normalize(pattern), "".join(charset))

    table = np.array([*machine.steps, [DEAD] * len(machine.steps[0])], dtype=np.int64)  # DEAD reads the last row
    rows: list[Ints] = []
    count = 0
    for c, entry in enumerate(charset, start=1):
        if mask is not None and not mask[c]:
            continue
        reached = np.arange(len(machine.steps))
        for character in entry:
            reached = table[reached, machine.groups[character]]
        source = np.flatnonzero(reached != DEAD)
        rows.append(np.stack([source, np.full_like(source, c), reached[source]], axis=1))
        count += source.size
        if count > MAX_EDGES:
            raise ConfigError(f"pattern: {pattern!r} is too large for {len(charset):,} characters")

    automaton = Automaton.build(len(charset) + 1, np.concatenate(rows), np.array(machine.accepting))
    if automaton.distance[0] >= UNREACHABLE:
        raise ConfigError(f"pattern: {pattern!r} matches no text of the model's characters")
    return automaton


@dataclass(frozen=True)
class Lexicon:
    """The entries of a word list, as a constraint.

    Attributes:
        automaton: Accepts the entries that the model can read.
        count: Number of these entries.
        unreadable: Entries with characters outside the charset.
    """

    automaton: Automaton
    count: int
    unreadable: tuple[str, ...]

    @property
    def notice(self) -> str:
        """How many entries were left out because the model lacks their characters, with an example; '' for none."""
        if not self.unreadable:
            return ""
        entries = "entries hold" if len(self.unreadable) > 1 else "entry holds"
        return (
            f"lexicon: {len(self.unreadable):,} {entries} characters the model does not know ({self.unreadable[0]!r})"
        )


def from_lexicon(words: Iterable[str], charset: Charset, within: Automaton | None = None) -> Lexicon:
    """Accept the entries of a word list; a whole line is one entry.

    Args:
        words: The entries; they are normalised to NFC.
        charset: Characters of the model.
        within: Another constraint; entries that it excludes are left out.

    Returns:
        The lexicon; its automaton is a trie.

    Raises:
        ConfigError: No entry remains.
    """
    distinct = sorted({normalize(word) for word in words} - {""})
    unreadable = tuple(word for word in distinct if charset.missing(word))
    missing = set(unreadable)
    texts = [charset.encode(word) for word in distinct if word not in missing]
    if within is not None:
        texts = [text for text in texts if within.accepts(text)]
    if not texts:
        raise ConfigError("lexicon: no entry can be read by this model under the other constraints")
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
