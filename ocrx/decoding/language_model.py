"""A character language model over the classes of a charset, in the form that beam search needs.

Interpolated Witten-Bell smoothing (Chen & Goodman 1998, section 2.4): the estimate after a context h mixes its own
counts with the estimate after the shorter context h', ``P(c|h) = (n(h c) + d(h) P(c|h')) / (n(h) + d(h))``, where d(h)
counts the distinct characters seen after h. The empty context is mixed with the uniform distribution over all
characters, so that no character has probability 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import Lock

import numpy as np

from ocrx.arrays import Float64s, Floats, Ints
from ocrx.decoding.ngram_model import END, START, NgramModel
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

_MAX_CACHE_BYTES = 256 << 20


class CharacterModel:
    """An ``NgramModel`` bound to the classes of a charset (a ``beam.LanguageModel``).

    Contexts are numbered as they occur; 0 is the start of a line. Distributions are computed once and cached.
    ``weight`` scales the log-probabilities, ``bonus`` is added for every character. The counts of the model are first
    used by the first search.
    """

    def __init__(self, model: NgramModel, charset: Charset, weight: float, bonus: float) -> None:
        """Bind ``model`` to the K - 1 characters of ``charset``."""
        self.weight = weight
        self.bonus = bonus
        self.confidence_threshold = model.confidence_threshold
        self._order = model.order
        self._entries = charset.characters
        singles = {entry: c for c, entry in enumerate(charset, start=1) if len(entry) == 1}
        self._class_of = {END: 0, **singles}
        self._joined = {c: entry for c, entry in enumerate(charset, start=1) if len(entry) > 1}
        self._model = model
        self._lock = Lock()
        self._forget()

    @cached_property
    def _uniform(self) -> float:
        return 1 / len(self._model.characters | set("".join(self._entries)) | {END})

    def _forget(self) -> None:
        self._contexts = [START * (self._order - 1)]
        self._number = {self._contexts[0]: 0}
        self._next: dict[tuple[int, int], int] = {}
        self._rows = np.zeros((16, len(self._entries) + 1), dtype=np.float32)
        self._filled = 0
        self._estimates: dict[str, Float64s] = {}

    @contextmanager
    def search(self) -> Iterator[None]:
        """Lock the model for one search, since threads cannot share numbers of contexts.

        A cache that has grown too large is cleared first.

        Yields:
            Nothing.
        """
        with self._lock:
            estimates = len(self._estimates) * self._rows.shape[1] * 8
            if self._rows.nbytes + estimates > _MAX_CACHE_BYTES:
                self._forget()
            yield

    def rows(self, contexts: Ints) -> Floats:
        """Look up distributions.

        Args:
            contexts: Numbers of contexts, int64 of any shape [...].

        Returns:
            Weighted log-probability and bonus of each class after each context, float32 [..., K]; column 0 is the
            end of the line.
        """
        self._fill(int(contexts.max(initial=-1)))
        return self._rows[contexts]

    def value(self, context: int, c: int) -> float:
        """Look up one class after one context.

        Args:
            context: Number of the context.
            c: The class; 0 is the end of the line.

        Returns:
            Its weighted log-probability and bonus.
        """
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
        """Append one class to each of several contexts.

        Args:
            contexts: Numbers of contexts, int64 of any shape.
            classes: Classes (>= 1) of the same shape.

        Returns:
            The numbers of the new contexts.
        """
        pairs = zip(contexts.ravel().tolist(), classes.ravel().tolist(), strict=True)
        return np.array([self.step(*pair) for pair in pairs], dtype=np.int64).reshape(contexts.shape)

    def step(self, context: int, c: int) -> int:
        """Append one class to a context.

        Args:
            context: Number of the context.
            c: The class (>= 1).

        Returns:
            The number of the new context.
        """
        found = self._next.get((context, c))
        if found is None:
            text = (self._contexts[context] + self._entries[c - 1])[-(self._order - 1) :] if self._order > 1 else ""
            while text and text not in self._model.counts:
                text = text[1:]  # an unseen context is equivalent to its longest seen suffix
            found = self._number.setdefault(text, len(self._contexts))
            if found == len(self._contexts):
                self._contexts.append(text)
            self._next[context, c] = found
        return found

    def score(self, classes: Iterable[int]) -> float:
        """Score a whole text.

        Args:
            classes: The text as classes (>= 1).

        Returns:
            The sum that beam search adds to its log-probability, including the end of the line.
        """
        context, total = 0, 0.0
        for c in classes:
            total += self.value(context, c)
            context = self.step(context, c)
        return total + self.value(context, 0)

    def perplexity(self, texts: Iterable[str]) -> float:
        """Measure how well the model predicts texts.

        Args:
            texts: Lines; they may have unseen characters.

        Returns:
            Perplexity per character, including the ends of lines.
        """
        total, count = 0.0, 0
        for text in map(normalize, texts):
            padded = START * (self._order - 1) + text + END
            at = range(self._order - 1, len(padded))
            total -= sum(self._log_probability(padded[:i], padded[i]) for i in at)
            count += len(text) + 1
        return math.exp(total / max(1, count))

    def _log_row(self, context: str) -> Float64s:
        row = self._estimate(context).copy()
        for c, entry in self._joined.items():
            row[c] = math.exp(sum(self._log_probability(context + entry[:i], entry[i]) for i in range(len(entry))))
        result: Float64s = np.log(row)
        return result

    def _estimate(self, context: str) -> Float64s:
        """Probability of each single-code-point class after ``context``, smoothed with the shorter contexts."""
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
