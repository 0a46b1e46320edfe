"""Texts in many languages for the scenes of the synthetic lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from ocrx.synth import arabic
from ocrx.synth.languages import Language
from ocrx.synth.prose import KINDS

# Share of a scene's texts in these languages; the other texts follow the English patterns.
SCENE_SHARES = {"receipt": 0.08, "document": 0.92, "screen": 0.78, "photo": 0.65}
# Relative frequency of a language, 1 by default: more for English, which all others quote, and for many accents.
_WEIGHTS = {
    "en": 7.0,
    "vi": 5.0,
    "bg": 1.5,
    "sr": 1.3,
    "tr": 1.5,
    "id": 0.3,
    "eu": 0.5,
    "gl": 0.5,
    "br": 0.4,
    "gd": 0.4,
    "ga": 0.6,
    "fo": 0.6,
}
_ENGLISH_TEXT = 0.1  # share of English texts among languages of another script
_FOREIGN_WORD = 0.12  # share of texts in another script that contain an English word
_RARE_LETTERS = 0.04  # share of the texts in which some letters are replaced by others with an accent
# The same with the language's own letters: its marks differ by few pixels, and real words would let the net guess them.
_SHUFFLED_MARKS = {"vi": 0.12}
_ACCENTED_START = 0.04  # share of the texts that begin with a capital with a mark
_PROBED_WORDS = 6000  # of a language, for those that begin with such a letter
_STROKED = dict(zip("dhlost", "đħłøßŧ", strict=True))  # letters that Unicode does not decompose


class MultilingualTexts:
    """Samples texts in several languages; each text is a pure function of the random source.

    Args:
        languages: At least one. With languages of another script, English is the only one used in Latin script.
        allowed: The charset, a source of rare letters.
    """

    def __init__(self, languages: Sequence[Language], allowed: frozenset[str]) -> None:
        native = [language for language in languages if language.script != "latin"]
        self.languages = tuple(native or languages)
        self._weights = list(accumulate(_WEIGHTS.get(language.code, 1.0) for language in self.languages))
        self._variants = _accented_variants(allowed)
        self._own_variants = {
            language.code: _accented_variants(allowed & _letters(language))
            for language in self.languages
            if language.code in _SHUFFLED_MARKS
        }
        self._accented = {language.code: _accented_words(language) for language in self.languages}
        self._english = next((language for language in languages if language.code == "en"), None)

    def sample(self, rng: Random, scene: str, length: int) -> tuple[str, str]:
        """Sample a text for a scene, and its language; the text may be slightly longer than ``length``.

        Args:
            rng: Source of randomness.
            scene: ``receipt``, ``document``, ``screen`` or ``photo``.
            length: Approximate number of characters.

        Returns:
            The text and the code of its language.
        """
        language = rng.choices(self.languages, cum_weights=self._weights)[0]
        if language.script != "latin" and self._english and rng.random() < _ENGLISH_TEXT:
            language = self._english
        kinds, weights = KINDS[scene]
        text = rng.choices(kinds, cum_weights=weights)[0](rng, language, length)

        if language.script != "latin" and self._english and rng.random() < _FOREIGN_WORD:
            text = _with_foreign_word(rng, text, self._english)
        if rng.random() < _ACCENTED_START and self._accented.get(language.code):
            text = f"{language.capitalized(rng.choice(self._accented[language.code]))} {text}"
        if rng.random() < _RARE_LETTERS:
            text = _with_variants(rng, text, self._variants)
        if language.code in self._own_variants and rng.random() < _SHUFFLED_MARKS[language.code]:
            text = _with_variants(rng, text, self._own_variants[language.code])
        if language.script == "arabic":
            text = arabic.as_printed(rng, text)
        return text, language.code


def _letters(language: Language) -> frozenset[str]:
    """Collect the letters of a language's words, and their capitals."""
    letters = set("".join(language.words))
    return frozenset(letters | {language.upper(c) for c in letters})


def _with_variants(rng: Random, text: str, variants: dict[str, list[str]]) -> str:
    """Replace some letters by variants of their base letter."""
    bases = ((c, unicodedata.normalize("NFD", c)[0]) for c in text)
    return "".join(rng.choice(variants.get(base, [c])) if rng.random() < 0.3 else c for c, base in bases)


def _accented_variants(allowed: frozenset[str]) -> dict[str, list[str]]:
    """Map each plain letter to the letters of the charset that add a mark to it."""
    variants: dict[str, list[str]] = {}
    for c in sorted(allowed):
        base = unicodedata.normalize("NFD", c)[0]
        if base != c and base.isalpha():
            variants.setdefault(base, []).append(c)
    for base, stroked in _STROKED.items():
        if stroked in allowed:
            variants.setdefault(base, []).append(stroked)
    return variants


def _accented_words(language: Language) -> list[str]:
    """List frequent words whose capital has a mark at the top, which a tight crop cuts first."""
    capitals = ((word, language.capitalized(word)[0]) for word in language.words[:_PROBED_WORDS])
    return [word for word, c in capitals if unicodedata.normalize("NFD", c)[0] != c or c.lower() in _STROKED.values()]


def _with_foreign_word(rng: Random, text: str, english: Language) -> str:
    words = text.split(" ")
    words[rng.randrange(len(words))] = rng.choice((english.capitalized, english.upper, str))(english.word(rng))
    return " ".join(words)
