"""Make the word lists of the multilingual recipes: python benchmarks/embed_words.py OUTPUT

OUTPUT gets ``CODE.json.gz`` for each language: words, their weights, and how the language writes quotes, numbers,
money and dates (see ``ocrx.synth.languages.Language``). Words and frequencies come from ``wordfreq``; a language that
it lacks gets the stems of Debian's spelling dictionary, all with the same weight. Number and date formats are CLDR's,
by ``babel``. It needs ``pip install ocrx[synth]`` and the dictionaries of ``datasets/fonts.txt``.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import wordfreq
from babel import Locale

from ocrx.text.normalize import normalize

MOST_WORDS = 40_000
POWER = 0.6  # of the frequency: rare words, and with them rare letters, come more often than in running text

WRITTEN = {"de": "/usr/share/dict/ngerman"}  # lists with capitals and all letters
RENAMED = {"hr": "sh"}  # code of a language: its name in wordfreq
DICTIONARIES = {
    "et": "/usr/share/hunspell/et_EE.dic",
    "eu": "/usr/share/hunspell/eu.dic",
    "gl": "/usr/share/hunspell/gl_ES.dic",
    "br": "/usr/share/hunspell/br_FR.dic",
    "gd": "/usr/share/hunspell/gd_GB.dic",
    "ga": "/usr/share/dict/irish",
    "fo": "/usr/share/dict/faroese",
    "sr": "/usr/share/hunspell/sr_RS.dic",
    "be": "/usr/share/hunspell/be_BY.dic",
}
SCRIPTS = {
    "latin": (
        *("en", "de", "fr", "es", "it", "pt", "nl", "da", "sv", "nb", "fi", "is", "pl", "cs", "sk", "sl", "hr", "hu"),
        *("ro", "lv", "lt", "ca", "tr", "vi", "id", "et", "eu", "gl", "br", "gd", "ga", "fo"),
    ),
    "cyrillic": ("ru", "uk", "bg", "mk", "sr", "be"),
    "greek": ("el",),
    "arabic": ("ar",),
}

_LOW_HIGH, _LOW_LOW, _HIGH, _GUILLEMETS = "„“", "„”", "“”", "«»"
QUOTES = {
    "de": [_LOW_HIGH, "»«", "‚‘"], "fr": ["«  »", _HIGH], "es": [_GUILLEMETS, _HIGH], "it": [_GUILLEMETS, _HIGH],
    "pt": [_GUILLEMETS, _HIGH], "nl": [_HIGH, "‘’", _LOW_LOW], "da": ["»«", _HIGH, _LOW_HIGH], "sv": ["””", "»»"],
    "nb": [_GUILLEMETS], "fi": ["””", "»»"], "is": [_LOW_HIGH], "pl": [_LOW_LOW, _GUILLEMETS], "cs": [_LOW_HIGH, "»«"],
    "sk": [_LOW_HIGH], "sl": [_LOW_HIGH, "»«"], "hu": [_LOW_LOW, "»«"], "ro": [_LOW_LOW, _GUILLEMETS],
    "hr": [_LOW_LOW, "»«"], "lv": [_HIGH, _GUILLEMETS], "lt": [_LOW_HIGH], "et": [_LOW_HIGH], "ca": [_GUILLEMETS],
    "ru": [_GUILLEMETS, _LOW_HIGH], "uk": [_GUILLEMETS, _HIGH], "be": [_GUILLEMETS], "bg": [_LOW_HIGH, _GUILLEMETS],
    "mk": [_LOW_HIGH], "sr": [_LOW_HIGH, _LOW_LOW], "el": [_GUILLEMETS, _HIGH], "en": [_HIGH, "‘’"],
    "ar": [_GUILLEMETS, _HIGH],
}  # fmt: skip
CURRENCIES = {
    "en": "$ £ € USD", "tr": "₺ TL €", "pl": "zł PLN", "cs": "Kč CZK", "hu": "Ft HUF", "ro": "lei RON", "da": "kr. DKK",
    "sv": "kr SEK", "nb": "kr NOK", "is": "kr. ISK", "vi": "đ VND", "ru": "руб. р.", "uk": "грн", "bg": "лв.",
    "sr": "дин. РСД", "mk": "ден.", "be": "руб.",
    "ar": "ر.س. د.إ. ج.م. دينار ريال $",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:['’·-][^\W\d_]+)*")
_FINAL_SIGMA = re.compile(r"σ(?![^\W\d_])")  # case folding has made it a σ
_BOUNDS = {"latin": ("LATIN", "MODIFIER"), "cyrillic": ("CYRILLIC",), "greek": ("GREEK",), "arabic": ("ARABIC",)}


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for script, codes in SCRIPTS.items():
        for code in codes:
            entry = {"code": code, "script": script, **conventions(code)}
            entry["words"], entry["weights"] = zip(*words(code, script), strict=True)
            path = output / f"{code}.json.gz"
            path.write_bytes(gzip.compress(json.dumps(entry, ensure_ascii=False).encode(), mtime=0))
            print(f"{path}: {len(entry['words']):,} words")


def words(code: str, script: str) -> list[tuple[str, float]]:
    """The most frequent words of one script with their weights."""
    if code in DICTIONARIES:
        listed = [(word, 1.0) for word in dictionary(Path(DICTIONARIES[code]))]
        listed = listed[:: max(1, len(listed) // MOST_WORDS)]
    else:
        name = RENAMED.get(code, code)
        listed = [(word, value**POWER) for word, value in wordfreq.get_frequency_dict(name, "best").items()]
    spelling = written_forms(code)
    kept = []
    for word, weight in listed:
        word = spelling.get(word, word) if spelling else _FINAL_SIGMA.sub("ς", word)
        word = normalize(word.replace("ţ", "ț").replace("ş", "ș") if code == "ro" else word)
        if len(word) <= 22 and _WORD.fullmatch(word) and _in_script(word, script):
            kept.append((word, round(weight, 8)))
    return kept[:MOST_WORDS]


def written_forms(code: str) -> dict[str, str]:
    """Case-folded words as they are written within a sentence: ``wordfreq`` folds ß to ss, and capitals of nouns."""
    forms: dict[str, str] = {}
    if code in WRITTEN:
        for word in Path(WRITTEN[code]).read_text(encoding="utf-8").split():
            forms[word.casefold()] = min(word, forms.get(word.casefold(), word), key=lambda form: form[:1].isupper())
    return forms


def _in_script(word: str, script: str) -> bool:
    return all(unicodedata.name(c, "").startswith(_BOUNDS[script]) for c in word if c.isalpha())


def dictionary(path: Path) -> list[str]:
    """The stems of a hunspell dictionary, or the words of a plain list, in the order of the file."""
    encoding = "utf-8"
    affixes = path.with_suffix(".aff")
    if affixes.is_file():
        declared = re.search(rb"^\s*SET\s+(\S+)", affixes.read_bytes(), re.MULTILINE)
        encoding = declared[1].decode() if declared else "latin-1"
    lines = path.read_text(encoding=encoding, errors="ignore").splitlines()
    return list(dict.fromkeys(re.split(r"[/\t ]", line, maxsplit=1)[0] for line in lines))


def conventions(code: str) -> dict[str, Any]:
    """Quotes, currencies, number signs, months, days and date patterns of a language."""
    locale = Locale.parse(code)
    symbols = locale.number_symbols.get("latn", locale.number_symbols)
    months, days = locale.months["format"], locale.days["format"]
    return {
        "quotes": QUOTES.get(code, [_HIGH, "‘’"]),
        "currencies": CURRENCIES.get(code, "€ € EUR").split(),
        "currency_first": locale.currency_formats["standard"].pattern.startswith("¤"),
        "decimal": symbols["decimal"],
        "group": _plain(symbols["group"]),
        "months": [_plain(months["wide"][number]) for number in range(1, 13)],
        "short_months": [_plain(months["abbreviated"][number]) for number in range(1, 13)],
        "days": [_plain(days["wide"][number]) for number in range(7)],
        "dates": [_plain(pattern.pattern) for pattern in locale.date_formats.values()],
        "currency_name": _plain(locale.currencies.get("EUR", "Euro")),
    }


def _plain(text: str) -> str:
    """No-break and thin spaces as spaces, without marks of direction."""
    return normalize(re.sub("[\u00a0\u202f\u2009]", " ", re.sub("[\u200e\u200f\u061c]", "", text)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
