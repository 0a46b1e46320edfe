r"""Regular expressions as automata over the characters of a charset.

Python's own parser reads the expression, so that it means the same as in ``re.fullmatch``. The package interegular
(0.3.3) has a parser of its own, which rejects ``^``, ``$``, ``\A`` and ``\u0061`` and reads ``[]a]`` differently; used
behind Python's parser it would replace little of this module.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ocrx.errors import ConfigError

DEAD = -1
MAX_STATES = 20_000
_MAX_WORK = 1_000_000  # edges to follow, which takes a few seconds

_PARSER: Any = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

_CATEGORIES = {
    "CATEGORY_DIGIT": re.compile(r"\d", re.ASCII),
    "CATEGORY_NOT_DIGIT": re.compile(r"\D", re.ASCII),
    "CATEGORY_SPACE": re.compile(r"\s", re.ASCII),
    "CATEGORY_NOT_SPACE": re.compile(r"\S", re.ASCII),
    "CATEGORY_WORD": re.compile(r"\w", re.ASCII),
    "CATEGORY_NOT_WORD": re.compile(r"\W", re.ASCII),
}
_ALWAYS, _AT_START, _AT_END = "always", "start", "end"
_ANCHORS = {
    "AT_BEGINNING": _AT_START,
    "AT_BEGINNING_STRING": _AT_START,
    "AT_END": _AT_END,
    "AT_END_STRING": _AT_END,
}
_UNSUPPORTED = {
    "ASSERT": "look-ahead and look-behind are",
    "ASSERT_NOT": "look-ahead and look-behind are",
    "FAILURE": "look-ahead and look-behind are",
    "AT": r"\b and \B are",
    "ATOMIC_GROUP": "an atomic group is",
    "GROUPREF": "a back reference is",
    "GROUPREF_EXISTS": "a conditional group is",
    "POSSESSIVE_REPEAT": "a possessive repeat is",
}


@dataclass(frozen=True)
class Machine:
    """A deterministic automaton over characters; state 0 is the start.

    Attributes:
        groups: The group of each character; characters that the pattern treats alike share one.
        steps: ``steps[state][group]`` is the next state or DEAD.
        accepting: For each state, whether a text may end there.
    """

    groups: dict[str, int]
    steps: list[list[int]]
    accepting: list[bool]


def compile_pattern(pattern: str, characters: Iterable[str]) -> Machine:
    r"""Compile a regular expression that whole texts must match.

    Args:
        pattern: The expression, in the syntax of ``re``; ``\d``, ``\w`` and ``\s`` mean ASCII.
        characters: The characters that texts consist of.

    Returns:
        The automaton of the matching texts.

    Raises:
        ConfigError: The pattern is not a regular expression, uses unsupported syntax, or is too large.
    """
    try:
        tree = _PARSER.parse(pattern)
        return _Network(tree, frozenset(characters)).machine()
    except _RefusedError as error:
        raise ConfigError(f"pattern: {pattern!r}: {error}") from None
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"pattern: {pattern!r} is not a regular expression ({error})") from None


class _RefusedError(Exception):
    """Why a pattern cannot be used."""


class _Network:
    """A nondeterministic automaton by Thompson's construction (Thompson 1968).

    Edges are either free or read a character of a set. No part adds an edge into its own start node, so several parts
    may start at the same node.
    """

    def __init__(self, tree: Any, characters: frozenset[str]) -> None:
        self._characters = characters
        self._work = 0
        self._free: list[list[tuple[str, int]]] = []
        self._reading: list[list[tuple[int, int]]] = []
        self._sets: list[frozenset[str]] = []
        self._set_ids: dict[str, int] = {}
        self._end = self._sequence(tree, self._node(), tree.state.flags)

    def machine(self) -> Machine:
        """Build the deterministic automaton by the subset construction."""
        groups, members = self._grouped()
        start = self._closure([0], {_ALWAYS, _AT_START})
        # The start is not in ``ids``: ^ holds there alone, so that no edge leads back to it.
        states, ids = [start], dict[frozenset[int], int]()
        steps, accepting = [], []

        for state in states:  # grows
            passable = {_ALWAYS, _AT_END} | ({_AT_START} if state is start else set())
            accepting.append(self._end in self._closure(state, passable))
            reached: dict[int, set[int]] = {}
            for node in state:
                for read, target in self._reading[node]:
                    self._spend(len(members[read]))
                    for group in members[read]:
                        reached.setdefault(group, set()).add(target)

            row = [DEAD] * len(set(groups.values()))
            for group, nodes in reached.items():
                closed = self._closure(nodes, {_ALWAYS})
                if closed not in ids:
                    ids[closed] = len(states)
                    states.append(closed)
                row[group] = ids[closed]
            if len(states) > MAX_STATES:
                raise _RefusedError(f"more than {MAX_STATES:,} states; a simpler pattern is needed")
            steps.append(row)
        return Machine(groups, steps, accepting)

    def _grouped(self) -> tuple[dict[str, int], list[list[int]]]:
        """The group of each character, and the groups of each set."""
        ids: dict[tuple[bool, ...], int] = {}
        groups = {}
        for character in sorted(self._characters):
            kind = tuple(character in read for read in self._sets)
            groups[character] = ids.setdefault(kind, len(ids))
        return groups, [[group for kind, group in ids.items() if kind[read]] for read in range(len(self._sets))]

    def _closure(self, nodes: Iterable[int], passable: set[str]) -> frozenset[int]:
        """``nodes`` and all nodes that free edges reach from them."""
        found = set(nodes)
        waiting = list(found)
        while waiting:
            edges = self._free[waiting.pop()]
            self._spend(1 + len(edges))
            for condition, target in edges:
                if condition in passable and target not in found:
                    found.add(target)
                    waiting.append(target)
        return frozenset(found)

    def _sequence(self, items: Any, at: int, flags: int) -> int:
        """Add parts in sequence, from node ``at``; returns the node where they end."""
        self._spend(1)  # an empty part may be repeated too
        for op, value in items:
            at = self._part(op.name, value, at, flags)
        return at

    def _part(self, op: str, value: Any, at: int, flags: int) -> int:
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            end = self._node()
            self._reading[at].append((self._set_id(op, value, flags), end))
            return end

        if op == "SUBPATTERN":
            _, added, removed, body = value
            return self._sequence(body, at, (flags | added) & ~removed)
        if op == "BRANCH":
            ends = [self._sequence(branch, at, flags) for branch in value[1]]
            return self._joined(ends)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, body = value
            return self._repeated(least, most, body, at, flags)
        if op == "AT" and value.name in _ANCHORS:
            return self._joined([at], _ANCHORS[value.name])
        raise _RefusedError(f"{_UNSUPPORTED.get(op, f'{op} is')} not supported")

    def _repeated(self, least: int, most: int, body: Any, at: int, flags: int) -> int:
        for _ in range(least):
            at = self._sequence(body, at, flags)
        if most == _PARSER.MAXREPEAT:
            loop = self._joined([at])
            self._free[self._sequence(body, loop, flags)].append((_ALWAYS, loop))
            return self._joined([loop])
        ends = [at]
        for _ in range(most - least):
            ends.append(self._sequence(body, ends[-1], flags))
        return self._joined(ends)

    def _node(self) -> int:
        self._spend(1)
        self._free.append([])
        self._reading.append([])
        return len(self._free) - 1

    def _joined(self, ends: Sequence[int], condition: str = _ALWAYS) -> int:
        """A new node that is reached from all ``ends``."""
        node = self._node()
        for end in ends:
            self._free[end].append((condition, node))
        return node

    def _set_id(self, op: str, value: Any, flags: int) -> int:
        name = f"{op} {value} {flags}"
        if name not in self._set_ids:
            self._set_ids[name] = len(self._sets)
            self._sets.append(frozenset(c for c in self._characters if _fits(op, value, c, flags)))
        return self._set_ids[name]

    def _spend(self, amount: int) -> None:
        self._work += amount
        if self._work > _MAX_WORK:
            raise _RefusedError("too many repeats; a simpler pattern is needed")


def _fits(op: str, value: Any, character: str, flags: int) -> bool:
    """Whether a single-character part matches ``character``."""
    forms = {character}
    if flags & re.IGNORECASE:
        cases = (character.lower(), character.upper())
        forms |= {form for case in cases for form in (case, case.lower(), case.upper()) if len(form) == 1}

    if op == "ANY":
        return character != "\n" or bool(flags & re.DOTALL)
    if op == "LITERAL":
        return chr(value) in forms
    if op == "NOT_LITERAL":
        return chr(value) not in forms
    negated: bool = value[0][0].name == "NEGATE"
    return negated != any(_in_class(kind.name, item, character, forms) for kind, item in value[negated:])


def _in_class(kind: str, item: Any, character: str, forms: set[str]) -> bool:
    """Whether an item of a class such as ``[a-z_]`` contains ``character`` in one of its case ``forms``."""
    if kind == "LITERAL":
        return chr(item) in forms
    if kind == "RANGE":
        return any(item[0] <= ord(form) <= item[1] for form in forms)
    return _CATEGORIES[item.name].match(character) is not None
