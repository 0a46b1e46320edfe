"""The one-to-one mapping between characters and CTC classes."""

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

    An entry is usually one code point. Official dictionaries have a few entries of several code points, which are
    encoded by longest match. Texts are in logical order, while classes run from left to right as in the image: with
    direction ``rtl``, lines with right-to-left letters are reordered in between.

    Attributes:
        characters: The entries, in the order of their classes.
        direction: ``ltr`` or ``rtl``.
    """

    def __init__(self, characters: Sequence[str], direction: str = "ltr") -> None:
        counts = Counter(characters)
        repeated = next((character for character, count in counts.items() if count > 1), None)
        if repeated is not None:
            raise DataError(f"charset: {repeated!r} occurs {counts[repeated]} times; expected each character once")
        if "" in counts:
            raise DataError("charset: an entry is empty; expected characters")

        self.characters, self.direction = tuple(characters), direction
        self._class_of = {character: i for i, character in enumerate(characters, start=1)}
        # A bracket is mirrored only if its partner has a class.
        self._partners = {a: b for a, b in MIRRORED.items() if a in counts and b in counts}
        longest_first = sorted((c for c in characters if len(c) > 1), key=len, reverse=True)
        self._tokens = re.compile("|".join([*map(re.escape, longest_first), "."]), re.DOTALL)

    @classmethod
    def from_spec(cls, spec: ModelSpec) -> Charset:
        """Take the charset of a model.

        Args:
            spec: The model's spec.

        Returns:
            Its charset.
        """
        return cls(spec.charset, spec.direction)

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Charset:
        """Collect the characters of texts.

        Args:
            texts: The texts; they are brought into NFC.

        Returns:
            Their characters in code point order. If right-to-left letters are among them, mirrored brackets are
            added, since images show these.
        """
        found = {character for text in texts for character in normalize(text)}
        if runs_right_to_left(found):
            found |= {MIRRORED[character] for character in found & MIRRORED.keys()}
        return cls(sorted(found))

    @classmethod
    def from_file(cls, path: Path) -> Charset:
        """Read ``dict.txt``: one character per line, UTF-8, with or without BOM, LF or CRLF.

        Args:
            path: The file.

        Returns:
            The charset. As in PaddleX, the space is always a class, added at the end if it is missing.

        Raises:
            DataError: The file is missing, not UTF-8 or empty, or names a character twice.
        """
        characters = [line for line in read_lines(path) if line]
        if not characters:
            raise DataError(f"{path}: empty; expected one character per line")
        try:
            return cls(characters if " " in characters else [*characters, " "])
        except DataError as error:
            raise DataError(f"{path}: {error.message}") from None

    def save(self, path: Path) -> None:
        """Write one entry per line, in UTF-8 with LF, for ``from_file``.

        Args:
            path: The file, which is replaced atomically.
        """
        write_file(path, "".join(f"{character}\n" for character in self.characters))

    def encode(self, text: str) -> list[int]:
        """Encode a text.

        Args:
            text: The text in logical order; it is brought into NFC.

        Returns:
            Its classes, from left to right.

        Raises:
            DataError: Characters have no class; the message lists them.
        """
        tokens = self._tokens.findall(normalize(text))
        unknown = sorted({token for token in tokens if token not in self._class_of})
        if unknown:
            raise DataError(f"not in the charset: {' '.join(map(repr, unknown))} in {text!r}")
        if self.direction == "rtl":
            tokens = self._reordered(tokens, visual_order(tokens))
        return [self._class_of[token] for token in tokens]

    def decode(self, classes: Iterable[int]) -> str:
        """Decode classes.

        Args:
            classes: Classes from left to right, without blanks and repetitions.

        Returns:
            The text in logical order.
        """
        tokens = [self.characters[c - 1] for c in classes]
        if self.direction == "rtl":
            tokens = self._reordered(tokens, logical_order(tokens))
        return "".join(tokens)

    def reading_order(self, classes: Sequence[int]) -> list[int]:
        """Find the order of the characters in the text that ``decode`` returns.

        Args:
            classes: Classes from left to right.

        Returns:
            Positions in ``classes``, in logical order.
        """
        if self.direction == "ltr":
            return list(range(len(classes)))
        return [i for i, _ in logical_order([self.characters[c - 1] for c in classes])]

    def _reordered(self, tokens: Sequence[str], order: Iterable[tuple[int, bool]]) -> list[str]:
        """The tokens in another order; brackets in right-to-left text are replaced by their partners."""
        return [self._partners.get(tokens[i], tokens[i]) if mirrored else tokens[i] for i, mirrored in order]

    def missing(self, text: str) -> list[str]:
        """Find the characters of a text that have no class.

        Args:
            text: The text; it is brought into NFC.

        Returns:
            The characters, sorted.
        """
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
