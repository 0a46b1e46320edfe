"""A character n-gram language model: how likely a character is after the few before it.

Interpolated Witten-Bell smoothing (Chen & Goodman 1998, section 2.4): the estimate after a context h mixes its
own counts with the estimate after the shorter context h', ``P(c|h) = (n(h c) + d(h) P(c|h')) / (n(h) + d(h))``,
where d(h) counts the different characters seen after h. Below the empty context stands the uniform distribution
over all characters, so that nothing is impossible.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ocrx.arrays import Float64s, Floats, Ints
from ocrx.errors import ConfigError, DataError
from ocrx.files import read_json, write_json
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

FORMAT = "ocrx-ngram"
VERSION = 2
DEFAULT_ORDER = 5
MAX_ORDER = 12

# Control characters that no line of text holds.
START, END = "\x02", "\x03"

_MAX_CACHE_BYTES = 256 << 20
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Counts of what follows each context of up to ``order - 1`` code points, the start of a line filled with START.

    ``counts`` maps a context to its counts and next characters as ``"5,2,1 abc"``, which are taken apart only where
    they are asked for; END follows the last character of a line. ``weight`` and ``bonus`` are how much the model
    counts in the beam and what each character earns, once ``ocrx lm tune`` found them. With a ``confidence_threshold``,
    only lines that contain a character with a score below it are searched with the model.
    """

    order: int
    counts: Mapping[str, str]
    lines: int = 0
    weight: float | None = None
    bonus: float | None = None
    confidence_threshold: float | None = None

    @classmethod
    def from_texts(cls, texts: Iterable[str], order: int = DEFAULT_ORDER, prune: int = 0) -> NgramModel:
        """Count n-grams of the given lines (in NFC); empty lines are left out.

        With ``prune``, n-grams of k characters that were not met ``(k - 1) * prune`` times are left out.
        Raises ConfigError for an order outside 1 to 12, DataError where there is no text.
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
        return cls(order, _all_lengths(counts, prune), lines)

    @property
    def characters(self) -> set[str]:
        """Every character of the corpus, END included."""
        return set(self.following(""))

    @property
    def ngrams(self) -> int:
        """N-grams of every length that are kept."""
        return sum(len(row.partition(" ")[2]) for row in self.counts.values())

    def following(self, context: str) -> dict[str, int]:
        """How often each character followed a context of at most ``order - 1``; empty for one never met.

        Raises DataError where the file was damaged.
        """
        row = self.counts.get(context)
        if row is None:
            return {}
        numbers, _, characters = row.partition(" ")
        try:
            return dict(zip(characters, map(int, numbers.split(",")), strict=True))
        except ValueError:
            raise DataError(f"a damaged language model: {row!r} after {context!r}") from None

    def tuned(self, weight: float, bonus: float, confidence_threshold: float | None = None) -> NgramModel:
        """The same model with the given use in the beam."""
        return replace(self, weight=weight, bonus=bonus, confidence_threshold=confidence_threshold)

    def save(self, path: Path) -> None:
        """Write JSON that ``load`` reads back, compressed where the name ends with ``.gz``."""
        head = {"format": FORMAT, "version": VERSION, "order": self.order, "lines": self.lines}
        use = {"weight": self.weight, "bonus": self.bonus, "below": self.confidence_threshold}
        write_json(path, {**head, **use, "counts": dict(sorted(self.counts.items()))})

    @classmethod
    def load(cls, path: Path) -> NgramModel:
        """Read a model, compressed or not. Raises DataError that says what is wrong with the file."""
        if not path.exists():
            raise DataError(f"{path}: no such language model", hint="build one with `ocrx lm build`")
        data = read_json(path)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise DataError(f"{path}: not a language model", hint="build one with `ocrx lm build`")
        if data.get("version") != VERSION:
            raise DataError(f"{path}: written in format {data.get('version')}, this ocrx reads {VERSION}")
        return _checked(data, path)


def _checked(data: dict[str, Any], path: Path) -> NgramModel:
    order, counts = data.get("order"), data.get("counts")
    if isinstance(order, int) and isinstance(counts, dict) and "" in counts and 1 <= order <= MAX_ORDER:
        use = (data.get("weight"), data.get("bonus"), data.get("below"))
        if all(len(context) < order and isinstance(row, str) for context, row in counts.items()):
            return NgramModel(order, counts, data.get("lines", 0), *use)
    raise DataError(f"{path}: a damaged language model (order and counts do not fit)")


class CharacterModel:
    """An ``NgramModel`` over the classes of a charset, as the beam reads it (``beam.LanguageModel``).

    Contexts are numbered as they are met; 0 is the start of a line. Distributions are computed once each and
    kept. ``weight`` scales the log-probabilities, ``bonus`` is added for every character.
    """

    def __init__(self, model: NgramModel, charset: Charset, weight: float, bonus: float) -> None:
        self.weight = weight
        self.bonus = bonus
        self.confidence_threshold = model.confidence_threshold
        self._order = model.order
        self._entries = charset.characters
        singles = {entry: c for c, entry in enumerate(charset, start=1) if len(entry) == 1}
        self._class_of = {END: 0, **singles}
        self._joined = {c: entry for c, entry in enumerate(charset, start=1) if len(entry) > 1}
        self._model = model
        self._uniform = 1 / len(model.characters | set("".join(charset)) | {END})
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._contexts = [START * (self._order - 1)]
        self._number = {self._contexts[0]: 0}
        self._next: dict[tuple[int, int], int] = {}
        self._rows = np.zeros((16, len(self._entries) + 1), dtype=np.float32)
        self._filled = 0
        self._estimates: dict[str, Float64s] = {}

    @contextmanager
    def search(self) -> Iterator[None]:
        """Holds the model for one search: its numbers of contexts are not shared between threads.

        Contexts that have grown too large to keep are forgotten before.
        """
        with self._lock:
            estimates = len(self._estimates) * self._rows.shape[1] * 8
            if self._rows.nbytes + estimates > _MAX_CACHE_BYTES:
                self._forget()
            yield

    def rows(self, contexts: Ints) -> Floats:
        """Weighted log-probability (and bonus) of each class after each context: [..., K]; column 0 is the end."""
        self._fill(int(contexts.max(initial=-1)))
        return self._rows[contexts]

    def value(self, context: int, c: int) -> float:
        """The same of one class after one context."""
        if context >= self._filled:
            self._fill(context)
        return float(self._rows[context, c])

    def _fill(self, last: int) -> None:
        for number in range(self._filled, last + 1):
            if number >= len(self._rows):
                self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._rows[number] = self.weight * self._log_row(self._contexts[number])
            self._rows[number, 1:] += self.bonus
            self._filled = number + 1

    def advance(self, contexts: Ints, classes: Ints) -> Ints:
        """The contexts after reading one class each."""
        pairs = zip(contexts.ravel().tolist(), classes.ravel().tolist(), strict=True)
        return np.array([self.step(*pair) for pair in pairs], dtype=np.int64).reshape(contexts.shape)

    def score(self, classes: Iterable[int]) -> float:
        """What the beam adds for a whole text, its end included."""
        context, total = 0, 0.0
        for c in classes:
            total += self.value(context, c)
            context = self.step(context, c)
        return total + self.value(context, 0)

    def step(self, context: int, c: int) -> int:
        """The context after reading one class."""
        found = self._next.get((context, c))
        if found is None:
            text = (self._contexts[context] + self._entries[c - 1])[-(self._order - 1) :] if self._order > 1 else ""
            while text and text not in self._model.counts:
                text = text[1:]  # a context never seen says no more than its seen ending
            found = self._number.setdefault(text, len(self._contexts))
            if found == len(self._contexts):
                self._contexts.append(text)
            self._next[context, c] = found
        return found

    def _log_row(self, context: str) -> Float64s:
        row = self._estimate(context).copy()
        for c, entry in self._joined.items():
            row[c] = math.exp(sum(self._log_probability(context + entry[:i], entry[i]) for i in range(len(entry))))
        result: Float64s = np.log(row)
        return result

    def _estimate(self, context: str) -> Float64s:
        """Probability of each class of one code point after ``context``: its own counts mixed with a shorter one's."""
        known = self._estimates.get(context)
        if known is not None:
            return known
        row = self._estimate(context[1:]).copy() if context else np.full(self._rows.shape[1], self._uniform)
        counts = self._model.following(context)
        if counts:
            kinds, total = len(counts), sum(counts.values())
            row *= kinds / (total + kinds)
            for character, n in counts.items():
                if character in self._class_of:
                    row[self._class_of[character]] += n / (total + kinds)
        self._estimates[context] = row
        return row

    def _log_probability(self, context: str, character: str) -> float:
        """Natural logarithm of P(character | context) for any text as the context."""
        context = context[-(self._order - 1) :] if self._order > 1 else ""
        value = self._uniform
        for i in reversed(range(len(context) + 1)):
            counts = self._model.following(context[i:])
            if counts:
                kinds, total = len(counts), sum(counts.values())
                value = (counts.get(character, 0) + kinds * value) / (total + kinds)
        return math.log(value)

    def perplexity(self, texts: Iterable[str]) -> float:
        """Per character (line ends included), of texts in NFC; characters never seen are allowed."""
        total, count = 0.0, 0
        for text in map(normalize, texts):
            padded = START * (self._order - 1) + text + END
            at = range(self._order - 1, len(padded))
            total -= sum(self._log_probability(padded[:i], padded[i]) for i in at)
            count += len(text) + 1
        return math.exp(total / max(1, count))


def _all_lengths(full: Mapping[str, Counter[str]], prune: int) -> dict[str, str]:
    """Rows for contexts of every length, summed from those of full length; what is too rare is left out."""
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
