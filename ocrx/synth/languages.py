"""Languages of the synthetic texts: words by frequency, and conventions for quotes, numbers and dates."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from ocrx.errors import DataError

SUFFIX = ".json.gz"
_PROBED, _WRITABLE = 1000, 0.97  # a language is used if this share of its first words is inside the charset
_GREEK_PLAIN = str.maketrans("άέήίόύώΐΰ", "αεηιουωϊϋ")


@dataclass(frozen=True)
class Language:
    """The words of one language and its typographic conventions.

    Attributes:
        code: BCP 47 code, such as ``de``.
        script: ``latin``, ``cyrillic``, ``greek`` or ``arabic``.
        words: Most frequent words, as written within a sentence.
        weights: Cumulative sum of the weights of ``words``.
        quotes: Pairs of quotation marks; half of each string opens, the other half closes.
        currencies: Signs and abbreviations.
        currency_first: Whether the sign precedes the amount.
        decimal, group: Decimal and thousands separator.
        months, short_months, days: Names, from January and Monday on.
        dates: Patterns in CLDR's notation (``d``, ``dd``, ``M``, ``MMM``, ``MMMM``, ``y``, ``yy``, ``EEEE``).
    """

    code: str
    script: str
    words: tuple[str, ...]
    weights: tuple[float, ...]
    quotes: tuple[str, ...]
    currencies: tuple[str, ...]
    currency_first: bool
    decimal: str
    group: str
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    days: tuple[str, ...]
    dates: tuple[str, ...]

    def word(self, rng: Random) -> str:
        """Sample a word by weight.

        Args:
            rng: Source of randomness.

        Returns:
            The word.
        """
        return rng.choices(self.words, cum_weights=self.weights)[0]

    def upper(self, text: str) -> str:
        """Convert to upper case by the rules of the language: a dotted I in Turkish, no accents in Greek.

        Args:
            text: The text.

        Returns:
            The text in upper case.
        """
        if self.code == "tr":
            text = text.replace("i", "İ").replace("ı", "I")
        if self.script == "greek":
            text = text.translate(_GREEK_PLAIN)
        # ß has two capital forms; the choice depends on the text only.
        return text.replace("ß", "ẞ" if len(text) % 2 else "SS").upper()

    def capitalized(self, text: str) -> str:
        """Capitalise the first letter.

        Args:
            text: The text.

        Returns:
            The text.
        """
        first = text[:1]
        return ("İ" if self.code == "tr" and first == "i" else first.upper()) + text[1:]


def load_languages(folder: Path, allowed: frozenset[str]) -> list[Language]:
    """Load the languages of a folder that ``benchmarks/embed_words.py`` wrote, sorted by code.

    Args:
        folder: Folder with a ``CODE.json.gz`` per language.
        allowed: The charset; a language is skipped unless it can write nearly all of its frequent words.

    Returns:
        At least one language.

    Raises:
        DataError: No language fits, or a file cannot be read.
    """
    languages = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            entry = json.loads(gzip.decompress(path.read_bytes()))
            frequent = entry["words"][:_PROBED]
            if sum(map(allowed.issuperset, frequent)) >= _WRITABLE * len(frequent):
                languages.append(_language(entry))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path}: not a word list ({error})") from None

    if not languages:
        raise DataError(
            f"{folder}: no word list of the charset's languages; expected CODE{SUFFIX}",
            hint="`make fonts` or `python benchmarks/embed_words.py FOLDER` writes them",
        )

    return languages


def _language(entry: dict[str, Any]) -> Language:
    values = {name: entry[name] for name in Language.__dataclass_fields__ if name != "weights"}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Language(**{**values, **lists}, weights=tuple(accumulate(entry["weights"])))
