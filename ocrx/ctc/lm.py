"""A character n-gram language model: how likely a character is after the few before it.

Interpolated Witten-Bell smoothing (Chen & Goodman 1998, section 2.4): the estimate after a context h mixes its
own counts with the estimate after the shorter context h', ``P(c|h) = (n(h c) + d(h) P(c|h')) / (n(h) + d(h))``,
where d(h) counts the different characters seen after h. Below the empty context stands the uniform distribution
over all characters, so that nothing is impossible.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.ctc.reference import Float64s, Ints
from ocrx.errors import ConfigError, DataError
from ocrx.report import write_json
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

Floats = npt.NDArray[np.float32]

FORMAT = "ocrx-ngram"
VERSION = 1
DEFAULT_ORDER = 5
MAX_ORDER = 12

# Control characters that no line of text holds.
START, END = "\x02", "\x03"

_MAX_CACHE_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Counts of what follows each context of ``order - 1`` code points, the start of a line filled with START.

    ``counts`` maps context to {next: count}; END follows the last character of a line. ``weight`` and ``bonus``
    are how much the model counts in the beam and what each character earns, once ``ocrx lm tune`` found them.
    """

    order: int
    counts: Mapping[str, Mapping[str, int]]
    lines: int = 0
    weight: float | None = None
    bonus: float | None = None

    @classmethod
    def from_texts(cls, texts: Iterable[str], order: int = DEFAULT_ORDER) -> NgramModel:
        """Count n-grams of the given lines (in NFC); empty lines are left out.

        Raises ConfigError for an order outside 1 to 12, DataError where there is no text.
        """
        if not 1 <= order <= MAX_ORDER:
            raise ConfigError(f"order: {order}; expected 1 to {MAX_ORDER}")
        counts: dict[str, Counter[str]] = {}
        lines = 0
        for text in map(normalize, texts):
            if not text:
                continue
            lines += 1
            padded = START * (order - 1) + text + END
            for i in range(len(text) + 1):
                counts.setdefault(padded[i : i + order - 1], Counter())[padded[i + order - 1]] += 1
        if not counts:
            raise DataError("language model: the corpus holds no text")
        return cls(order, counts, lines)

    @property
    def characters(self) -> set[str]:
        """Every character of the corpus, END included."""
        return {c for following in self.counts.values() for c in following}

    def tuned(self, weight: float, bonus: float) -> NgramModel:
        """The same model with the given use in the beam."""
        return replace(self, weight=weight, bonus=bonus)

    def save(self, path: Path) -> None:
        """Write JSON that ``load`` reads back."""
        head = {"format": FORMAT, "version": VERSION, "order": self.order, "lines": self.lines}
        use = {"weight": self.weight, "bonus": self.bonus}
        write_json(path, {**head, **use, "counts": {context: dict(row) for context, row in self.counts.items()}})

    @classmethod
    def load(cls, path: Path) -> NgramModel:
        """Read a model. Raises DataError that says what is wrong with the file."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{path}: no such language model", hint="build one with `ocrx lm build`") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not a language model ({error})") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise DataError(f"{path}: not a language model", hint="build one with `ocrx lm build`")
        if data.get("version") != VERSION:
            raise DataError(f"{path}: written in format {data.get('version')}, this ocrx reads {VERSION}")
        return _checked(data, path)


def _checked(data: dict[str, Any], path: Path) -> NgramModel:
    order, counts = data.get("order"), data.get("counts")
    if isinstance(order, int) and isinstance(counts, dict) and counts and 1 <= order <= MAX_ORDER:
        rows = counts.items()
        if all(len(context) == order - 1 and isinstance(row, dict) and row for context, row in rows):
            return NgramModel(order, counts, data.get("lines", 0), data.get("weight"), data.get("bonus"))
    raise DataError(f"{path}: a damaged language model (order and counts do not fit)")


class CharacterModel:
    """An ``NgramModel`` over the classes of a charset, as the beam reads it (``beam.LanguageModel``).

    Contexts are numbered as they are met; 0 is the start of a line. Distributions are computed once each and
    kept. ``weight`` scales the log-probabilities, ``bonus`` is added for every character.
    """

    def __init__(self, model: NgramModel, charset: Charset, weight: float, bonus: float) -> None:
        self.weight = weight
        self.bonus = bonus
        self._order = model.order
        self._entries = charset.characters
        singles = {entry: c for c, entry in enumerate(charset, start=1) if len(entry) == 1}
        self._class_of = {END: 0, **singles}
        self._joined = {c: entry for c, entry in enumerate(charset, start=1) if len(entry) > 1}
        self._counts = _shorter_contexts(model)
        self._uniform = 1 / len(model.characters | set("".join(charset)) | {END})
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._contexts = [START * (self._order - 1)]
        self._number = {self._contexts[0]: 0}
        self._next: dict[tuple[int, int], int] = {}
        self._rows = np.zeros((16, len(self._entries) + 1), dtype=np.float32)
        self._filled = 0

    @contextmanager
    def search(self) -> Iterator[None]:
        """Holds the model for one search: its numbers of contexts are not shared between threads.

        Contexts that have grown too large to keep are forgotten before.
        """
        with self._lock:
            if self._rows.nbytes > _MAX_CACHE_BYTES:
                self._forget()
            yield

    def rows(self, contexts: Ints) -> Floats:
        """Weighted log-probability (and bonus) of each class after each context: [..., K]; column 0 is the end."""
        for number in range(self._filled, int(contexts.max(initial=-1)) + 1):
            if number >= len(self._rows):
                self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._rows[number] = self.weight * self._log_row(self._contexts[number])
            self._rows[number, 1:] += self.bonus
            self._filled = number + 1
        return self._rows[contexts]

    def advance(self, contexts: Ints, classes: Ints) -> Ints:
        """The contexts after reading one class each."""
        pairs = zip(contexts.ravel().tolist(), classes.ravel().tolist(), strict=True)
        return np.array([self._advance(*pair) for pair in pairs], dtype=np.int64).reshape(contexts.shape)

    def score(self, classes: Iterable[int]) -> float:
        """What the beam adds for a whole text, its end included."""
        context, total = 0, 0.0
        for c in classes:
            total += float(self.rows(np.array(context))[c])
            context = self._advance(context, c)
        return total + float(self.rows(np.array(context))[0])

    def _advance(self, context: int, c: int) -> int:
        found = self._next.get((context, c))
        if found is None:
            text = (self._contexts[context] + self._entries[c - 1])[-(self._order - 1) :] if self._order > 1 else ""
            while text and text not in self._counts:
                text = text[1:]  # a context never seen says no more than its seen ending
            found = self._number.setdefault(text, len(self._contexts))
            if found == len(self._contexts):
                self._contexts.append(text)
            self._next[context, c] = found
        return found

    def _log_row(self, context: str) -> Float64s:
        row = np.full(self._rows.shape[1], self._uniform)
        for i in reversed(range(len(context) + 1)):
            counts = self._counts.get(context[i:])
            if counts:
                kinds, total = len(counts), sum(counts.values())
                row *= kinds / (total + kinds)
                for character, n in counts.items():
                    if character in self._class_of:
                        row[self._class_of[character]] += n / (total + kinds)
        for c, entry in self._joined.items():
            row[c] = math.exp(sum(self._log_probability(context + entry[:i], entry[i]) for i in range(len(entry))))
        result: Float64s = np.log(row)
        return result

    def _log_probability(self, context: str, character: str) -> float:
        """Natural logarithm of P(character | context) for any text as the context."""
        context = context[-(self._order - 1) :] if self._order > 1 else ""
        value = self._uniform
        for i in reversed(range(len(context) + 1)):
            counts = self._counts.get(context[i:])
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


def _shorter_contexts(model: NgramModel) -> dict[str, dict[str, int]]:
    """Counts for contexts of every length, summed from those of full length."""
    counts: dict[str, dict[str, int]] = {}
    for context, following in model.counts.items():
        for i in range(len(context) + 1):
            row = counts.setdefault(context[i:], {})
            for character, n in following.items():
                row[character] = row.get(character, 0) + n
    return counts
