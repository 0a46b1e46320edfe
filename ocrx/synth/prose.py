"""Kinds of text in any language: running prose, headings, list items, fields, menus and contacts.

Each kind is a function of a random source, a language and the maximum length of a line.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from itertools import accumulate
from random import Random

from ocrx.synth.code_patterns import code
from ocrx.synth.languages import Language
from ocrx.synth.quantities import date, money, number, time

LanguageKind = Callable[[Random, Language, int], str]

_ELISIONS = {
    "fr": ("l'", "d'", "qu'", "n'", "s'", "j'", "c'", "m'"),
    "it": ("l'", "d'", "dell'", "all'", "un'", "nell'"),
    "ca": ("l'", "d'", "s'", "n'", "m'"),
}
_VOWELS = frozenset("aeiouàáâèéêíîòóôùúûh")
_SPACED_SIGNS = frozenset({"fr", "br"})  # languages with a space before ; : ! ?
_STRAIGHT = 0.5  # share of straight quotes and apostrophes
_DASHES = ("–", "–", "—", "--", "-", "-", "&", "=", "/", "→", "+")
_ENDS = (".", "?", "!", ":", "…", "...", ";", ".)", "")
_END_WEIGHTS = (70, 6, 5, 6, 2, 3, 1, 1, 6)
_MODIFIERS = ("Ctrl", "Alt", "Shift", "Ctrl+Alt", "Strg", "Maj")
_KEYS: tuple[str, ...] = (*string.ascii_uppercase, "F4", "F10", "Enter", "Esc")


def prose(rng: Random, language: Language, length: int) -> str:
    """Generate running text, which may begin and end anywhere in a sentence.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        length: Approximate number of characters.

    Returns:
        The text.
    """
    target = rng.randint(min(12, length), length + 8) if rng.random() < 0.75 else length + 8
    pieces: list[str] = []
    size, begins = 0, rng.random() < 0.3
    while size < target:
        left = rng.randint(3, 17) if pieces or begins else rng.randint(1, 12)
        sentence = _sentence(rng, language, left, begins)
        pieces += sentence
        size += sum(map(len, sentence)) + len(sentence)
        begins = True

    text = " ".join(pieces)
    if rng.random() < 0.04:
        text = language.upper(text)
    if len(text) > target:
        text = text[:target].rsplit(" ", 1)[0]
        if rng.random() < 0.05 and text[-1:].isalpha():
            text += "-"  # a word that continues in the next line
    return text


def heading(rng: Random, language: Language, _: int) -> str:
    """Generate a title, often with a number.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    text = _words(rng, language, rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 7)))
    dice = rng.random()
    if dice < 0.22:
        text = language.upper(text)
    elif dice < 0.42:
        text = " ".join(map(language.capitalized, text.split(" ")))
    else:
        text = language.capitalized(text)

    if rng.random() < 0.22:
        levels = [str(rng.randint(1, 12)) for _ in range(rng.choice((1, 2, 2, 3)))]
        text = ".".join(levels) + rng.choice((".", ".", "", ")", " –", ":")) + " " + text
    return text + rng.choice(("", "", "", "", "", ":", "?", "!", "...", "…"))


def short(rng: Random, language: Language, _: int) -> str:
    """Generate one to three words, as in a table, a menu or the end of a paragraph.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    text = _words(rng, language, rng.choice((1, 1, 1, 1, 2, 2, 3)))
    dice = rng.random()
    if dice < 0.38:
        text = language.capitalized(text)
    elif dice < 0.52:
        text = language.upper(text)
    return text + _sign(language, rng.choice(("", "", "", "", "", ".", ".", ",", ":", ";", "!", "?", ")", "...", "…")))


def item(rng: Random, language: Language, length: int) -> str:
    """Generate an entry of a list.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        length: Approximate number of characters.

    Returns:
        The text.
    """
    n = rng.randint(1, 30)
    numbered = (f"{n}.", f"{n})", f"({n})", f"{rng.choice('abcdefgi')})")
    mark = rng.choice(("–", "–", "-", "•", "•", "*", "·", "—", "→", "»", "+", *numbered))
    text = _words(rng, language, rng.randint(1, 8)) if rng.random() < 0.4 else prose(rng, language, length - 3)
    text = language.capitalized(text) if rng.random() < 0.6 else text
    return f"{mark} {text}" + rng.choice(("", "", ".", ";", ","))


def label(rng: Random, language: Language, _: int) -> str:
    """Generate a field of a form or a property, with its value.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    name = language.capitalized(_words(rng, language, rng.choice((1, 1, 2))))
    kinds: tuple[LanguageKind, ...] = (number, date, time, short, code, money)
    value = rng.choice(kinds)(rng, language, 0)
    return name + rng.choice((": ", ": ", ":", " : ", " = ", "=", " – ", " - ", " ")) + value


def menu(rng: Random, language: Language, _: int) -> str:
    """Generate a path through menus, or a keyboard shortcut.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    if rng.random() < 0.3:
        return rng.choice(_MODIFIERS) + rng.choice(("+", " + ", "-")) + rng.choice(_KEYS)
    sign = rng.choice((" > ", " → ", " - ", " / ", " | ", " » "))
    return sign.join(language.capitalized(language.word(rng)) for _ in range(rng.randint(2, 4)))


def contact(rng: Random, language: Language, _: int) -> str:
    """Generate a person, an address or a phone number.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    first, last, street = (language.capitalized(language.word(rng)) for _ in range(3))
    n, post = rng.randint(1, 240), "".join(rng.choices(string.digits, k=rng.choice((4, 5, 5))))
    dice = rng.random()
    if dice < 0.3:
        return rng.choice((f"{first} {last}", f"{first[0]}. {last}", f"{last}, {first}", f"Dr. {first} {last}"))
    if dice < 0.55:
        forms = ("{0} {2}", "{2}, {0} {1}", "{0} {2}/{3}", "{0} {1} {2}")
        return rng.choice(forms).format(street, last, n, n % 9 + 1)

    if dice < 0.8:
        spaced = f"{post[:3]} {post[3:]}0"
        return rng.choice((f"{post} {street}", f"{spaced} {street}", f"{street} {post}", f"{post} {street}, {last}"))

    groups = ["".join(rng.choices(string.digits, k=rng.choice((2, 3, 3, 4)))) for _ in range(3)]
    return f"+{rng.randint(30, 499)} " + rng.choice((" ", " ", "-", "/")).join(groups)


def _sentence(rng: Random, language: Language, count: int, begins: bool) -> list[str]:
    """Generate a sentence of at least ``count`` words, in pieces without spaces; from its start if ``begins``."""
    pieces: list[str] = []
    while len(pieces) < count:
        pieces += _sentence_part(rng, language, bool(pieces))
        if rng.random() < 0.075 and len(pieces) < count and pieces[-1][-1].isalnum():
            pieces[-1] += _sign(language, rng.choice(",,,,,,,;:"))

    if begins:
        pieces[0] = language.capitalized(pieces[0])
        if language.code in ("es", "gl") and rng.random() < 0.06:
            pieces[0] = rng.choice("¿¡") + pieces[0]
    pieces[-1] += _sign(language, rng.choices(_ENDS, _END_WEIGHTS)[0])
    return pieces


def _sentence_part(rng: Random, language: Language, inside: bool) -> list[str]:
    """Generate the next word, or instead of it quotes, brackets, code, a dash or a number."""
    dice = rng.random()
    if dice < 0.035:
        return _quoted(rng, language).split(" ")
    if dice < 0.055:
        return f"({_words(rng, language, rng.randint(1, 4))})".split(" ")
    if dice < 0.09:
        return [_inline(rng, language)]
    if dice < 0.105 and inside:
        return [rng.choice(_DASHES)]
    if dice < 0.13:
        return number(rng, language, 0).split(" ")
    if dice < 0.135:
        return [_words(rng, language, 2).replace(" ", rng.choice(("—", "–", "/", "...", "…")))]

    return [_word(rng, language)]


def _sign(language: Language, sign: str) -> str:
    """Adapt a punctuation mark to the language: a space before it in French, other marks in Greek."""
    if language.script == "greek" and sign in ("?", ";"):
        return ";" if sign == "?" else "·"
    return f" {sign}" if language.code in _SPACED_SIGNS and sign in ("?", "!", ":", ";") else sign


def _word(rng: Random, language: Language) -> str:
    word = language.word(rng)
    elisions = _ELISIONS.get(language.code)
    if elisions and word[0] in _VOWELS and rng.random() < 0.35:
        word = rng.choice(elisions) + word

    dice = rng.random()
    if dice < 0.06:
        word = language.capitalized(word)
    elif dice < 0.08:
        word = language.upper(word)
    elif dice < 0.095:
        word += "-" + language.word(rng)
    elif dice < 0.11 and language.code == "en":
        word += "'s"
    return word.replace("'", "’") if rng.random() > _STRAIGHT else word


def _words(rng: Random, language: Language, count: int) -> str:
    return " ".join(_word(rng, language) for _ in range(count))


def _quoted(rng: Random, language: Language) -> str:
    """Generate one to five words in quotation marks, straight ones as often as the language's own."""
    text = _words(rng, language, rng.choice((1, 1, 1, 2, 2, 3, 5)))
    if rng.random() < 0.5:
        text = language.capitalized(text)
    text += rng.choice(("", "", "", "", "", ".", ",", "!", "?"))

    pair = rng.choice(('""', '""', "''")) if rng.random() < _STRAIGHT else rng.choice(language.quotes)
    half = len(pair) // 2
    return pair[:half] + text + pair[half:] + rng.choice(("", "", "", ",", "."))


def _inline(rng: Random, language: Language) -> str:
    """Generate an abbreviation, a reference or code, as found between the words of a manual."""
    dice = rng.random()
    if dice < 0.3:
        return "".join(rng.choices(string.ascii_uppercase, k=rng.randint(2, 5)))
    if dice < 0.4:
        return f"[{rng.randint(1, 99)}]" if rng.random() < 0.6 else f"({rng.choice('abcdei')})"
    return code(rng, language, 0)


def _kinds(*rows: tuple[LanguageKind, float]) -> tuple[list[LanguageKind], list[float]]:
    """Return the kinds of text and the cumulative sum of their weights."""
    return [kind for kind, _ in rows], list(accumulate(weight for _, weight in rows))


# fmt: off
KINDS = {
    "document": _kinds(
        (prose, 60), (heading, 7), (short, 8), (item, 6), (label, 4), (number, 3), (money, 2.5), (date, 2.5),
        (time, 0.5), (code, 4), (contact, 2), (menu, 0.5),
    ),
    "screen": _kinds(
        (prose, 34), (heading, 12), (short, 19), (item, 4), (label, 8), (number, 3.5), (money, 2.5), (date, 2.5),
        (time, 1.5), (code, 9), (contact, 2), (menu, 3),
    ),
    "photo": _kinds(
        (prose, 8), (heading, 36), (short, 40), (label, 2), (number, 3), (money, 3), (date, 2), (time, 1), (code, 2),
        (contact, 3),
    ),
    "receipt": _kinds(
        (prose, 8), (heading, 18), (short, 20), (label, 16), (number, 6), (money, 18), (date, 7), (time, 1), (code, 1),
        (contact, 5),
    ),
}
# fmt: on
