"""Named charsets of synthetic lines: the characters found in print of a group of languages."""

from __future__ import annotations

import string
import unicodedata

ASCII = "".join(chr(code) for code in range(32, 127))
_WESTERN_SIGNS = "“”‘’–—…•°±×©®™€£¥§½"
# Without signs that look like another sign in the list (minus, primes), which no reader could distinguish.
_PRINT_SIGNS = _WESTERN_SIGNS + "‚„‹›«»·÷¢¶†‡¼¾¹²³µªº¿¡‰≤≥≠≈→←№"

_VIETNAMESE = "".join(chr(code) for code in range(0x1EA0, 0x1EFA)) + "ƠơƯư"
_UNUSED = "ĔĕĬĭŎŏĸŉĿŀĲĳſŢţ"  # Latin Extended-A: not used in a living European language, or written differently today


def _letters(first: int, last: int, without: str = "") -> str:
    characters = (chr(code) for code in range(first, last + 1))
    return "".join(c for c in characters if unicodedata.category(c)[0] == "L" and c not in without)


LATIN_LETTERS = _letters(0xC0, 0xFF) + _letters(0x100, 0x17F, _UNUSED) + "ȘșȚțẞẀẁẂẃẄẅ" + _VIETNAMESE
# Russian, Ukrainian, Belarusian, Bulgarian, Serbian, Macedonian, Montenegrin, and the stressed vowels of Bulgarian.
CYRILLIC_LETTERS = _letters(0x400, 0x45F) + "ҐґЀѐЍѝ"
GREEK_LETTERS = "ΆΈΉΊΌΎΏΐΪΫάέήίΰϊϋόύώ" + _letters(0x391, 0x3A9) + _letters(0x3B1, 0x3C9)
# Standard Arabic: letters, the tatweel (which stretches a word) and the vowel marks.
ARABIC_LETTERS = _letters(0x621, 0x63A) + _letters(0x641, 0x64A) + "ـ" + "".join(map(chr, range(0x64B, 0x653)))
_ARABIC_SIGNS = "،؛؟٪٫" + "٠١٢٣٤٥٦٧٨٩"

CHARSETS = {
    "western": ASCII + _WESTERN_SIGNS,
    "ascii": ASCII,
    "digits": string.digits,
    "latin-print": ASCII + _PRINT_SIGNS + LATIN_LETTERS,
    "cyrillic-print": "".join(dict.fromkeys(ASCII + _PRINT_SIGNS + CYRILLIC_LETTERS)),
    "greek-print": ASCII + _PRINT_SIGNS + GREEK_LETTERS,
    "arabic-print": ASCII + _PRINT_SIGNS + ARABIC_LETTERS + _ARABIC_SIGNS,
}
