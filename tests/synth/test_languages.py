"""Word lists of languages, and the texts composed from them."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ocrx.errors import DataError
from ocrx.synth.charsets import CHARSETS
from ocrx.synth.languages import Language, load_languages
from ocrx.synth.multilingual import MultilingualTexts
from ocrx.synth.prose import KINDS, prose
from ocrx.synth.quantities import date, money
from ocrx.synth.text import TextSource

LATIN = frozenset(CHARSETS["latin-print"])
WORDS = {
    "en": ["the", "people", "of", "house", "don't", "water"],
    "de": ["die", "leute", "häuser", "straße", "wasser", "über"],
    "fr": ["les", "hommes", "ami", "déjà", "école", "où"],
    "tr": ["iki", "ığdır", "şehir", "çok", "güzel"],
    "el": ["και", "άνθρωποι", "νερό", "σπίτι", "ημέρα"],
    "ru": ["люди", "вода", "дом", "через", "объект"],
}


def entry(code: str, **changes: Any) -> dict[str, Any]:
    """What one file of a folder of word lists holds."""
    words = WORDS[code]
    return {
        "code": code,
        "script": {"el": "greek", "ru": "cyrillic"}.get(code, "latin"),
        "words": words,
        "weights": [1.0] * len(words),
        "quotes": ["„“"] if code == "de" else ["«  »"] if code == "fr" else ["“”"],
        "currencies": ["€"],
        "currency_first": code == "en",
        "decimal": "." if code == "en" else ",",
        "group": "," if code == "en" else ".",
        "months": [f"month{n}" for n in range(1, 13)],
        "short_months": [f"m{n}" for n in range(1, 13)],
        "days": [f"day{n}" for n in range(7)],
        "dates": ["EEEE, d. MMMM y", "dd.MM.yy", "d 'de' MMM"],
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for code in WORDS:
        (tmp_path / f"{code}.json.gz").write_bytes(gzip.compress(json.dumps(entry(code)).encode()))
    return tmp_path


def loaded(folder: Path, charset: str) -> dict[str, Language]:
    return {language.code: language for language in load_languages(folder, frozenset(CHARSETS[charset]))}


def test_only_languages_that_the_charset_can_write_are_loaded(folder: Path) -> None:
    assert set(loaded(folder, "latin-print")) == {"en", "de", "fr", "tr"}
    assert set(loaded(folder, "greek-print")) == {"en", "el"}
    assert set(loaded(folder, "ascii")) == {"en"}


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"[1", mtime=0), gzip.compress(b"{}", mtime=0)])
def test_a_broken_word_list_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "xx.json.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"xx\.json\.gz: not a word list"):
        load_languages(tmp_path, LATIN)


def test_a_folder_without_a_fitting_language_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no word list") as caught:
        load_languages(tmp_path, LATIN)
    assert "make fonts" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("code", "text", "upper", "capitalized"),
    [
        ("tr", "iki ığ", "İKİ IĞ", "İki ığ"),
        ("el", "άνθρωποι ΐ", "ΑΝΘΡΩΠΟΙ Ϊ", "Άνθρωποι ΐ"),
        ("en", "it's", "IT'S", "It's"),
        ("fr", "école", "ÉCOLE", "École"),
    ],
)
def test_capitals_follow_the_language(folder: Path, code: str, text: str, upper: str, capitalized: str) -> None:
    language = loaded(folder, "greek-print" if code == "el" else "latin-print")[code]
    assert (language.upper(text), language.capitalized(text)) == (upper, capitalized)


def test_dates_follow_the_pattern(folder: Path) -> None:
    german = loaded(folder, "latin-print")["de"]
    texts = {date(Random(seed), german, 0) for seed in range(300)}
    assert any(text.startswith("day") and " month" in text for text in texts)
    assert any(" de m" in text for text in texts)
    assert not any(letter in text for text in texts for letter in ("EEEE", "MM", "'"))


def test_money_follows_the_language(folder: Path) -> None:
    languages = loaded(folder, "latin-print")
    german = [money(Random(seed), languages["de"], 0) for seed in range(200)]
    english = [money(Random(seed), languages["en"], 0) for seed in range(200)]
    assert sum(text[-1].isdigit() for text in german) < 40 < 190 < sum(text[-1].isdigit() for text in english)
    assert sum("," in text for text in german) > 120


def test_french_sets_a_space_before_high_signs(folder: Path) -> None:
    languages = loaded(folder, "latin-print")
    counts = Counter[str]()
    for code in ("fr", "de"):
        for seed in range(400):
            text = prose(Random(seed), languages[code], 70)
            counts[code] += text.count(" ?") + text.count(" !") + text.count(" : ")
    assert counts["fr"] > 10 * max(1, counts["de"])


def test_quotes_are_straight_as_often_as_the_languages_own(folder: Path) -> None:
    german = loaded(folder, "latin-print")["de"]
    texts = "".join(prose(Random(seed), german, 70) for seed in range(2000))
    straight, own = texts.count('"') + texts.count("'"), texts.count("„") + texts.count("“")
    assert 0.6 < straight / own < 1.7


@pytest.mark.parametrize("scene", sorted(KINDS))
def test_the_same_random_source_gives_the_same_text(folder: Path, scene: str) -> None:
    texts = MultilingualTexts(load_languages(folder, LATIN), LATIN)
    sampled = [texts.sample(Random(seed), scene, 40) for seed in range(100)]
    assert sampled == [texts.sample(Random(seed), scene, 40) for seed in range(100)]
    assert len(set(sampled)) > 90


def test_other_scripts_come_with_some_english(folder: Path) -> None:
    allowed = frozenset(CHARSETS["greek-print"])
    texts = MultilingualTexts(load_languages(folder, allowed), allowed)
    sampled = [texts.sample(Random(seed), "document", 40)[0] for seed in range(600)]
    greek = sum(any("α" <= c <= "ω" for c in text) for text in sampled)
    assert greek > 400 and any("people" in text for text in sampled)
    assert [language.code for language in texts.languages] == ["el"]


def test_some_texts_begin_with_a_capital_with_a_mark(folder: Path) -> None:
    allowed = frozenset(CHARSETS["latin-print"])
    languages = [language for language in load_languages(folder, allowed) if language.code == "tr"]
    words = dataclasses.replace(languages[0], words=("ilk", "son"), weights=(0.001, 1.0))
    texts = MultilingualTexts([words], allowed)
    sampled = [texts.sample(Random(seed), "document", 40)[0] for seed in range(600)]
    assert sum(text.startswith("İlk ") for text in sampled) > 10


def test_a_text_comes_with_its_language(folder: Path) -> None:
    allowed = frozenset(CHARSETS["greek-print"])
    source = TextSource(CHARSETS["greek-print"], languages=folder)
    assert {source.sample_with_language(Random(seed), "document")[1] for seed in range(100)} <= {"el", "en", ""}
    texts = MultilingualTexts(load_languages(folder, allowed), allowed)
    for seed in range(100):
        text, language = texts.sample(Random(seed), "document", 40)
        if any("α" <= c <= "ω" for c in text):
            assert language == "el"


def test_texts_fit_the_charset_and_the_length(folder: Path) -> None:
    source = TextSource(CHARSETS["latin-print"], max_length=60, languages=folder)
    for scene in KINDS:
        for seed in range(300):
            text = source.sample(Random(seed), scene)
            assert LATIN.issuperset(text) and 1 <= len(text) <= 60
            assert text == " ".join(text.split())


def test_letters_that_no_word_has_and_all_signs_come_up(folder: Path) -> None:
    source = TextSource(CHARSETS["latin-print"], max_length=60, languages=folder)
    seen = set("".join(source.sample(Random(seed), "document") for seed in range(6000)))
    known = set("".join(word for words in WORDS.values() for word in words))
    assert sum(c.isalpha() and not c.isascii() for c in seen - known) > 150
    assert not {c for c in LATIN - seen if not c.isalpha()}
