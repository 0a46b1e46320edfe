"""Names, options, paths, addresses and expressions, as found in manuals and on screens."""

from __future__ import annotations

from random import Random

from ocrx.synth import words as w
from ocrx.synth.languages import Language

_ROUND_NUMBERS = (0, 1, 2, 8, 16, 64, 100, 255, 1024, 8080)


def code(rng: Random, language: Language, _: int) -> str:
    """Generate a name, option, path, address or expression from plain words of the language.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    plain = [_ascii(language.word(rng)) or rng.choice(w.IDENTIFIERS) for _ in range(4)]
    one, two = rng.choice(w.IDENTIFIERS), rng.choice(w.IDENTIFIERS)

    values = dict(zip("abcd", plain, strict=True))
    values |= {"A": plain[0].upper(), "B": plain[1].title(), "C": plain[2].upper(), "i": one, "j": two}
    values |= {"e": rng.choice(w.FILE_ENDINGS), "t": rng.choice(w.DOMAIN_ENDINGS)}
    numbers = {"n": rng.randint(0, 99), "m": rng.choice(_ROUND_NUMBERS)}
    return rng.choice(w.CODE).format_map({**values, **numbers})


def _ascii(word: str) -> str:
    return word if word.isascii() and word.isalpha() else ""
