"""Character n-gram counts: counted in texts, written to a file, read back within limits.

The file is JSON, compressed if its name ends in ``.gz``: format, version, order, settings, and last the counts, which
are most of it. ``NgramModel.open`` reads only what precedes the counts; they are read on first use.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from ocrx.errors import ConfigError, DataError
from ocrx.files import MAX_JSON_BYTES, parse_json, read_bytes, read_json, to_json, write_file
from ocrx.text.normalize import normalize

FORMAT = "ocrx-ngram"
VERSION = 2
DEFAULT_ORDER = 5
MAX_ORDER = 12

# Control characters, which do not occur in a line of text.
START, END = "\x02", "\x03"

_HEAD_BYTES = 4096
_HEAD_KEYS = {"format", "version", "order", "weight", "bonus", "below"}
_HEAD = re.compile(r'\A\s*(\{[^{}]*?),\s*"counts"\s*:')


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Counts of each character after each context of up to ``order - 1`` code points.

    Attributes:
        order: Length of the longest n-grams.
        counts: Context → counts and characters that follow it, packed as ``"5,2,1 abc"``. Contexts at the start of a
            line are padded with START; END follows its last character.
        lines: Lines of the corpus.
        weight: Factor of the log-probability in the search, once tuned.
        bonus: Nats per character, once tuned.
        confidence_threshold: The model is applied only to lines that contain a character with a score below this;
            None applies it to all lines.
        source: Names the model in errors.
    """

    order: int
    counts: Mapping[str, str]
    lines: int = 0
    weight: float | None = None
    bonus: float | None = None
    confidence_threshold: float | None = None
    source: str = "language model"

    @classmethod
    def from_texts(cls, texts: Iterable[str], order: int = DEFAULT_ORDER, prune: int = 0) -> NgramModel:
        """Count the n-grams of lines.

        Args:
            texts: Lines of text; they are normalised to NFC, and empty ones are ignored.
            order: Length of the longest n-grams, 1 to 12.
            prune: n-grams of k characters that occur fewer than ``(k - 1) * prune`` times are left out.

        Returns:
            The model, not yet tuned.

        Raises:
            ConfigError: ``order`` is out of range.
            DataError: There is no text.
        """
        if not 1 <= order <= MAX_ORDER:
            raise ConfigError(f"order: {order}; expected 1 to {MAX_ORDER}")

        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        lines = 0
        for text in map(normalize, texts):
            if not text:
                continue
            lines += 1
            padded = START * (order - 1) + text + END
            for i in range(len(text) + 1):
                counts[padded[i : i + order - 1]][padded[i + order - 1]] += 1

        if not counts:
            raise DataError("language model: the corpus holds no text")
        return cls(order, _rows_of_all_lengths(counts, prune), lines)

    @property
    def characters(self) -> set[str]:
        """Every character of the corpus, and END."""
        return set(self.following(""))

    @property
    def ngrams(self) -> int:
        """Number of n-grams of all lengths."""
        return sum(len(row.partition(" ")[2]) for row in self.counts.values())

    def following(self, context: str) -> dict[str, int]:
        """Look up the characters that follow a context.

        Args:
            context: At most ``order - 1`` characters.

        Returns:
            Character → count; empty for an unseen context.

        Raises:
            DataError: This part of the file is damaged.
        """
        row = self.counts.get(context)
        if row is None:
            return {}

        numbers, _, characters = row.partition(" ")
        try:
            counts = dict(zip(characters, map(int, numbers.split(",")), strict=True))
        except ValueError:
            counts = {}
        if not counts or min(counts.values()) < 1:
            expected = "expected counts, a space and as many characters"
            raise DataError(f"{self.source}: damaged after {context!r}: {row[:40]!r}; {expected}")
        return counts

    def tuned(self, weight: float, bonus: float, confidence_threshold: float | None = None) -> NgramModel:
        """Set the settings of the model.

        Args:
            weight: Factor of the log-probability.
            bonus: Nats per character.
            confidence_threshold: The model is applied only to lines that contain a character with a score below this.

        Returns:
            The same counts with these settings.
        """
        return replace(self, weight=weight, bonus=bonus, confidence_threshold=confidence_threshold)

    def save(self, path: Path) -> None:
        """Write the model, compressed if the name ends in ``.gz``.

        Args:
            path: The file.

        Raises:
            DataError: The model is larger than ``load`` accepts.
        """
        head = {"format": FORMAT, "version": VERSION, "order": self.order, "lines": self.lines}
        use = {"weight": self.weight, "bonus": self.bonus, "below": self.confidence_threshold}
        data = {**head, **use, "counts": dict(sorted(self.counts.items()))}
        content = (to_json(data, indent=2, allow_nan=False) + "\n").encode("utf-8")
        if len(content) > MAX_JSON_BYTES:
            raise DataError(
                f"{path}: {len(content):,} bytes of n-grams; expected at most {MAX_JSON_BYTES:,}",
                hint="leave out rare ones with --prune, or lower --order",
            )
        write_file(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)

    @classmethod
    def load(cls, path: Path) -> NgramModel:
        """Read a model.

        Args:
            path: A file that ``save`` wrote.

        Returns:
            The model.

        Raises:
            DataError: The file is missing, too large, damaged, or no language model.
        """
        _reject_missing(path)
        data = read_json(path)
        counts = data.pop("counts", None) if isinstance(data, dict) else None
        model = _from_head(data, {}, path)
        if not isinstance(counts, dict) or "" not in counts:
            _damaged(path, "counts: expected an object with the empty context")
        if not all(isinstance(row, str) and len(context) < model.order for context, row in counts.items()):
            _damaged(path, f"counts: expected texts after contexts shorter than {model.order} characters")
        model = replace(model, counts=counts)
        model.following("")
        return model

    @classmethod
    def open(cls, path: Path) -> NgramModel:
        """Read the settings of a model; its counts are read on first use.

        Args:
            path: A file that ``save`` wrote.

        Returns:
            The model. The first use of its counts may raise DataError, as ``load`` does.

        Raises:
            DataError: The file is missing or not a language model.
        """
        _reject_missing(path)

        content = read_bytes(path, max_bytes=MAX_JSON_BYTES)
        if content.startswith(b"\x1f\x8b"):
            try:
                content = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(content, _HEAD_BYTES)
            except zlib.error as error:
                raise DataError(f"{path}: damaged ({error})") from None

        found = _HEAD.match(content[:_HEAD_BYTES].decode("utf-8", errors="replace"))
        data = parse_json(found[1] + "}", str(path)) if found else {}
        if not data.keys() >= _HEAD_KEYS:  # keys in another order than ``save`` writes them
            return cls.load(path)
        return _from_head(data, _DeferredCounts(path), path)


class _DeferredCounts(Mapping[str, str]):
    """The counts of a file, read on first use; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: Mapping[str, str] | None = None
        self._lock = Lock()

    def _read(self) -> Mapping[str, str]:
        with self._lock:
            if self._counts is None:
                self._counts = NgramModel.load(self._path).counts
            return self._counts

    def __getitem__(self, context: str) -> str:
        return (self._counts or self._read())[context]

    def __contains__(self, context: object) -> bool:
        return context in (self._counts or self._read())

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts or self._read())

    def __len__(self) -> int:
        return len(self._counts or self._read())


def _reject_missing(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: no such language model", hint="build one with `ocrx lm build`")


def _from_head(data: Any, counts: Mapping[str, str], path: Path) -> NgramModel:
    """Build a model from all keys of its file but the counts, or raise DataError that names what is wrong."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(f"{path}: not a language model", hint="build one with `ocrx lm build`")
    if data.get("version") != VERSION:
        raise DataError(f"{path}: written in format {data.get('version')!r}; this version of ocrx reads {VERSION}")
    order, lines = data.get("order"), data.get("lines", 0)
    if type(order) is not int or not 1 <= order <= MAX_ORDER:
        _damaged(path, f"order: {order!r}; expected 1 to {MAX_ORDER}")
    if type(lines) is not int or lines < 0:
        _damaged(path, f"lines: {lines!r}; expected a count")

    numbers = {}
    for key, least, most in (("weight", 0.0, math.inf), ("bonus", -math.inf, math.inf), ("below", 0.0, 1.0)):
        value = data.get(key)
        if value is not None and not (type(value) in (int, float) and math.isfinite(value) and least <= value <= most):
            _damaged(path, f"{key}: {value!r}; expected a number" + (" from 0" if least == 0 else ""))
        numbers[key] = value
    return NgramModel(order, counts, lines, numbers["weight"], numbers["bonus"], numbers["below"], source=str(path))


def _damaged(path: Path, reason: str) -> NoReturn:
    raise DataError(f"{path}: a damaged language model ({reason})")


def _rows_of_all_lengths(full: Mapping[str, Counter[str]], prune: int) -> dict[str, str]:
    """Packed rows for contexts of every length, summed from those of full length, without n-grams that are too rare."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for context, following in full.items():
        for i in range(len(context) + 1):
            row = counts[context[i:]]
            for character, n in following.items():
                row[character] += n

    rows = {}
    for context, row in counts.items():
        kept = sorted((item for item in row.items() if item[1] >= len(context) * prune), key=lambda item: -item[1])
        if kept:
            rows[context] = ",".join(str(n) for _, n in kept) + " " + "".join(c for c, _ in kept)
    return rows
