"""Named charsets, derived from Unicode's own data and from national standards that Python supports.

Every charset contains ASCII. Names may be joined with ``+``: ``latin+greek``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ocrx.errors import ConfigError
from ocrx.schema import closest
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

_ASCII = "".join(map(chr, range(0x20, 0x7F)))
JOINERS = "\u200c\u200d"  # invisible, but they change the shape of adjacent Indic and Arabic letters
_INVISIBLE = " " + JOINERS
# Signs in printed text of many scripts; ASCII has straight quotes and the hyphen.
_SIGNS = "§©®°±²³µ¶·¹¼½¾×÷–—‘’‚“”„†‡•…‰′″‹›€£¥¢№™−«»¡¿"


def named_charset(name: str) -> Charset:
    """Build a charset by its name.

    Args:
        name: One of ``charset_names``, or several joined with ``+``.

    Returns:
        The charset.

    Raises:
        ConfigError: There is no such charset; the hint has the closest name.
    """
    found: set[str] = set()
    for part in name.split("+"):
        make = _MAKERS.get(part.strip())
        if make is None:
            known = f"known: {', '.join(_MAKERS)}; or a file, one character per line"
            raise ConfigError(f"no charset named {part!r}", hint=closest(part, tuple(_MAKERS)) or known)
        found.update(make())
    return Charset(_ordered(found))


def resolve_charset(value: str) -> Charset:
    """Build the charset that a setting means.

    Args:
        value: A file with one character per line, or names as ``named_charset`` takes them.

    Returns:
        The charset.

    Raises:
        ConfigError: There is no such file or name.
        DataError: The file cannot be used.
    """
    path = Path(value)
    return Charset.from_file(path) if path.suffix or path.exists() else named_charset(value)


def charset_names() -> tuple[str, ...]:
    """List the named charsets.

    Returns:
        Their names.
    """
    return tuple(_MAKERS)


def _ordered(characters: Iterable[str]) -> list[str]:
    """ASCII and the printable characters in normal form, in code point order."""
    kept = {*_ASCII, *characters}
    return sorted(c for c in kept if normalize(c) == c and (c in _INVISIBLE or unicodedata.category(c)[0] not in "CZ"))


def _script(prefixes: tuple[str, ...], ranges: tuple[tuple[int, int], ...], extra: str = _SIGNS) -> set[str]:
    """Characters of ``ranges`` whose Unicode names begin with one of ``prefixes``, and ``extra``."""
    named = (chr(code) for first, last in ranges for code in range(first, last + 1))
    return {c for c in named if unicodedata.name(c, "").startswith(prefixes)} | set(extra)


def _encoded(codec: str, leads: range, trails: range, extra: str = "") -> set[str]:
    """All two-byte characters of a national standard."""
    found = set(extra)
    for lead in leads:
        for trail in trails:
            try:
                found.update(bytes((lead, trail)).decode(codec))
            except UnicodeDecodeError:
                continue
    return found


def _kana() -> set[str]:
    return _script(("HIRAGANA", "KATAKANA"), ((0x3040, 0x30FF),), "、。「」『』・ー々〇！？（）：；～")


def _hangul() -> set[str]:
    return {c for c in _encoded("euc_kr", range(0xB0, 0xC9), range(0xA1, 0xFF)) if "가" <= c <= "힣"} | set(_SIGNS)


_BRAHMIC_SIGNS = "।॥\u200c\u200d" + _SIGNS

_MAKERS: dict[str, Callable[[], Iterable[str]]] = {
    "ascii": lambda: "",
    "latin": partial(_script, ("LATIN",), ((0xA0, 0x24F), (0x1E00, 0x1EFF))),
    "cyrillic": partial(_script, ("CYRILLIC",), ((0x400, 0x52F),)),
    "greek": partial(_script, ("GREEK",), ((0x370, 0x3FF), (0x1F00, 0x1FFF))),
    "arabic": partial(
        _script, ("ARABIC", "EXTENDED ARABIC"), ((0x600, 0x6FF), (0x750, 0x77F)), "\u200c\u200d" + _SIGNS
    ),
    "hebrew": partial(_script, ("HEBREW",), ((0x590, 0x5FF),)),
    "devanagari": partial(_script, ("DEVANAGARI",), ((0x900, 0x97F),), _BRAHMIC_SIGNS),
    "tamil": partial(_script, ("TAMIL",), ((0xB80, 0xBFF),), _BRAHMIC_SIGNS),
    "telugu": partial(_script, ("TELUGU",), ((0xC00, 0xC7F),), _BRAHMIC_SIGNS),
    "kannada": partial(_script, ("KANNADA",), ((0xC80, 0xCFF),), _BRAHMIC_SIGNS),
    "thai": partial(_script, ("THAI",), ((0xE00, 0xE7F),)),
    "georgian": partial(_script, ("GEORGIAN",), ((0x10A0, 0x10FF),)),
    "hangul": _hangul,
    "hangul-all": lambda: {chr(code) for code in range(0xAC00, 0xD7A4)} | set(_SIGNS),
    "kana": _kana,
    "cjk-simplified": partial(_encoded, "gb2312", range(0xA1, 0xF8), range(0xA1, 0xFF), _SIGNS),
    "cjk-traditional": partial(_encoded, "big5", range(0xA1, 0xFA), range(0x40, 0xFF), _SIGNS),
    "cjk-japanese": partial(_encoded, "euc_jp", range(0xA1, 0xF5), range(0xA1, 0xFF), _SIGNS),
}
