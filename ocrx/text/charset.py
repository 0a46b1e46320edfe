"""The bijection between characters and CTC classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ocrx.errors import DataError
from ocrx.files import read_lines, write_file
from ocrx.text.direction import MIRRORED, logical_order, runs_right_to_left, visual_order
from ocrx.text.normalize import normalize

if TYPE_CHECKING:
    from ocrx.model_spec import ModelSpec

BLANK = 0


class Charset:
    """Ordered, distinct characters; class 0 is the CTC blank, class i >= 1 is ``charset[i - 1]``.

    An entry is usually one code point. Official dictionaries hold a few entries of several code points;
    they are encoded by longest match. Texts are in logical order, classes from left to right as an image shows them:
    with ``direction`` ``rtl`` the order of lines with right-to-left letters is turned on the way.
    """

    def __init__(self, characters: Sequence[str], direction: str = "ltr") -> None:
        counts = Counter(characters)
        twice = [c for c, n in counts.items() if n > 1]
        if twice:
            raise DataError(f"charset: {twice[0]!r} stands {counts[twice[0]]} times; each character needs one class")
        if "" in counts:
            raise DataError("charset: an entry is empty")
        self.characters, self.direction = tuple(characters), direction
        self._class_of = {character: i for i, character in enumerate(characters, start=1)}
        # A bracket whose partner has no class keeps its own.
        self._partners = {a: b for a, b in MIRRORED.items() if a in counts and b in counts}
        longest_first = sorted((c for c in characters if len(c) > 1), key=len, reverse=True)
        self._tokens = re.compile("|".join([*map(re.escape, longest_first), "."]), re.DOTALL)

    @classmethod
    def from_spec(cls, spec: ModelSpec) -> Charset:
        """That of a model."""
        return cls(spec.charset, spec.direction)

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Charset:
        """The characters of the given texts (in NFC), in code point order; with right-to-left letters among them, also
        the partners of their brackets, which is what the image shows there."""
        found = {character for text in texts for character in normalize(text)}
        if runs_right_to_left(found):
            found |= {MIRRORED[character] for character in found & MIRRORED.keys()}
        return cls(sorted(found))

    @classmethod
    def from_file(cls, path: Path) -> Charset:
        """Read ``dict.txt``: one character a line, UTF-8, with or without BOM, LF or CRLF.

        As in PaddleX the space is always a class; it is added at the end if no line holds it, and is
        never a second class.
        """
        characters = [line for line in read_lines(path) if line]
        if not characters:
            raise DataError(f"{path}: empty; expected one character a line")
        try:
            return cls(characters if " " in characters else [*characters, " "])
        except DataError as error:
            raise DataError(f"{path}: {error.message}") from None

    def save(self, path: Path) -> None:
        """Write one entry a line, UTF-8, LF; ``from_file`` reads it back."""
        write_file(path, "".join(f"{character}\n" for character in self.characters))

    def encode(self, text: str) -> list[int]:
        """Classes of ``text`` (normalised to NFC), from left to right.

        Raises DataError that lists the characters outside the charset.
        """
        tokens = self._tokens.findall(normalize(text))
        unknown = sorted({token for token in tokens if token not in self._class_of})
        if unknown:
            raise DataError(f"not in the charset: {' '.join(map(repr, unknown))} in {text!r}")
        if self.direction == "rtl":
            tokens = self._turned(tokens, visual_order(tokens))
        return [self._class_of[token] for token in tokens]

    def decode(self, classes: Iterable[int]) -> str:
        """Text of classes >= 1, in logical order; blanks must be gone already."""
        tokens = [self.characters[c - 1] for c in classes]
        if self.direction == "rtl":
            tokens = self._turned(tokens, logical_order(tokens))
        return "".join(tokens)

    def reading_order(self, classes: Sequence[int]) -> list[int]:
        """Positions of ``classes`` in the order in which ``decode`` puts their characters."""
        if self.direction == "ltr":
            return list(range(len(classes)))
        return [i for i, _ in logical_order([self.characters[c - 1] for c in classes])]

    def _turned(self, tokens: Sequence[str], order: Iterable[tuple[int, bool]]) -> list[str]:
        """The tokens in another order; brackets that stand in right-to-left text change places with their partners."""
        return [self._partners.get(tokens[i], tokens[i]) if mirrored else tokens[i] for i, mirrored in order]

    def missing(self, text: str) -> list[str]:
        """Characters of ``text`` that have no class, sorted."""
        return sorted({token for token in self._tokens.findall(normalize(text)) if token not in self._class_of})

    def __len__(self) -> int:
        return len(self.characters)

    def __iter__(self) -> Iterator[str]:
        return iter(self.characters)

    def __contains__(self, character: object) -> bool:
        return character in self._class_of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Charset) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)
