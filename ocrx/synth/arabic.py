"""Printed form of Arabic texts: punctuation, digits, stretched letters, vowel marks, spaces before punctuation."""

from __future__ import annotations

import re
from random import Random

_LETTER = "\u0621-\u063a\u0641-\u064a"
_NATIVE = re.compile(f"[{_LETTER}]")
_LATIN = re.compile("[A-Za-z]")
_SIGNS = str.maketrans(",;?", "،؛؟")
_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_POINT = re.compile(r"(?<=[٠-٩])[.,](?=[٠-٩])")
_END = re.compile(f"(?<=[{_LETTER}])([.،؛:؟!])(?=$|\\s)")
# After a letter that joins the next one; lam and alef form one ligature, which must not be split.
_JOINT = re.compile(f"(?<=[بتثجحخسشصضطظعغفقكمنهيئ])(?=[{_LETTER}])|(?<=ل)(?=[{_LETTER}])(?![اأإآ])")
_ACCUSATIVE = re.compile(f"(?<=[{_LETTER}]{{3}})ا(?![{_LETTER}])")
_VOWELS = ("َ", "َ", "ِ", "ُ", "ْ", "ّ", "َّ", "ِّ")

_NATIVE_DIGITS = 0.6
_SPACED_SIGNS = 0.3  # share of texts with a space before full stops and commas, as is common in print
_STRETCHED = 0.2
_TANWEEN, _VOWELLED = 0.12, 0.05


def as_printed(rng: Random, text: str) -> str:
    """Replace Latin punctuation and digits by what Arabic print has, and add marks that print has at times.

    Args:
        rng: Source of randomness.
        text: The text; words with Latin letters keep their punctuation and digits.

    Returns:
        The text as it is printed.
    """
    native_digits = rng.random() < _NATIVE_DIGITS
    text = " ".join(_as_native(rng, word, native_digits) for word in text.split(" "))
    if rng.random() < _SPACED_SIGNS:
        text = _END.sub(r" \1", text)

    dice = rng.random()
    if dice < _TANWEEN:
        text = _ACCUSATIVE.sub(rng.choice(("اً", "ًا")), text)
    elif dice < _TANWEEN + _VOWELLED:
        text = "".join(c + rng.choice(_VOWELS) if _NATIVE.match(c) and rng.random() < 0.4 else c for c in text)
    if rng.random() < _STRETCHED:
        text = _JOINT.sub(lambda _: "ـ" * rng.choice((1, 1, 2)) if rng.random() < 0.12 else "", text)
    return text


def _as_native(rng: Random, word: str, native_digits: bool) -> str:
    """A word with Arabic punctuation, and Arabic digits if wanted; a word with Latin letters is unchanged."""
    if _LATIN.search(word):
        return word
    if _NATIVE.search(word):
        word = word.translate(_SIGNS)
    if native_digits:
        word = word.translate(_DIGITS)
        word = word.replace("%", rng.choice("%٪"))
        word = _POINT.sub(lambda point: rng.choice((point[0], point[0], "٫")), word)
    return word
