"""Charsets by name: ASCII in all, one space, their own normal form."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from ocrx.errors import ConfigError
from ocrx.text.charsets import charset_names, named_charset, resolve_charset

SAMPLES = {
    "ascii": "Az09 ~!",
    "latin": "Grüße, façade – Łódź “x” ſ Đặng",
    "cyrillic": "Съешь ещё № 5, ґ і ѣ",
    "greek": "Ἐν ἀρχῇ ἦν ὁ λόγος ς",
    "arabic": "العربية، ۱۲۳؟",
    "hebrew": "שלום",
    "devanagari": "संस्कृतम् ॥ १२",
    "tamil": "தமிழ்",
    "telugu": "తెలుగు",
    "kannada": "ಕನ್ನಡ",
    "hangul": "한국어",
    "hangul-all": "뷁",
    "kana": "ひらがなカタカナー。",
    "cjk-simplified": "汉字，简体。",
    "cjk-traditional": "漢字繁體",
    "cjk-japanese": "日本語の漢字「々」",
}


@pytest.mark.parametrize("name", charset_names())
def test_every_charset_is_sound(name: str) -> None:
    charset = named_charset(name)
    assert charset.missing("Hello, World 123") == []
    assert [c for c in charset if not c.strip() and c not in "\u200c\u200d"] == [" "]
    assert all(unicodedata.normalize("NFC", c) == c for c in charset)
    assert charset.missing(SAMPLES.get(name, "")) == []


def test_the_standards_are_whole() -> None:
    assert sum("\u4e00" <= c <= "\u9fff" for c in named_charset("cjk-simplified")) == 6763
    assert sum("가" <= c <= "힣" for c in named_charset("hangul")) == 2350


def test_names_join() -> None:
    both = named_charset("latin+greek")
    assert both.missing("é λ") == []
    assert len(both) < len(named_charset("latin")) + len(named_charset("greek"))


def test_a_wrong_name_says_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'cyrilic'") as caught:
        named_charset("cyrilic")
    assert caught.value.hint == "did you mean cyrillic?"


def test_a_file_or_a_name(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("a\nb\n", encoding="utf-8")
    assert resolve_charset(str(tmp_path / "dict.txt")).characters == ("a", "b", " ")
    assert resolve_charset("ascii") == named_charset("ascii")
