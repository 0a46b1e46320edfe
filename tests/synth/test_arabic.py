"""Arabic texts as print has them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random

import pytest

from ocrx.synth.arabic import as_printed
from ocrx.synth.charsets import CHARSETS
from ocrx.synth.text import TextSource
from ocrx.text.charset import Charset

TEXT = "قال الرجل: هذا كتابا, هل قرأته? 12.5% (config.txt, v1.5) المدرسة سنة 1970."


@pytest.fixture(scope="module")
def printed() -> list[str]:
    return [as_printed(Random(seed), TEXT) for seed in range(400)]


def test_signs_are_arabic_beside_arabic_words_alone(printed: list[str]) -> None:
    assert all("،" in text and "؟" in text and "?" not in text for text in printed)
    assert all("(config.txt, v1.5)" in text for text in printed), "Latin words keep their signs and digits"


def test_digits_are_of_both_kinds_but_of_one_in_a_text(printed: list[str]) -> None:
    native = [text for text in printed if "١٩٧٠" in text]
    assert 200 < len(native) < 280
    assert all(("١٢" in text) == ("١٩٧٠" in text) for text in printed)
    assert {"٪", "%"} <= set("".join(native)) and any("١٢٫٥" in text for text in native)


def test_some_words_are_stretched_where_letters_join(printed: list[str]) -> None:
    stretched = [text for text in printed if "ـ" in text]
    assert 30 < len(stretched) < 110
    assert all(text.replace("ـ", "") in {t for t in printed if "ـ" not in t} for text in stretched[:5])
    for text in printed:
        assert not any(pair in text for pair in ("اـ", "دـ", "رـ", "وـ", "لـا"))


def test_some_texts_have_vowel_marks_or_a_space_before_signs(printed: list[str]) -> None:
    assert any("كتاباً" in text or "كتابًا" in text for text in printed)
    assert 5 < sum("\u064e" in text for text in printed) < 60
    assert 80 < sum(" ،" in text for text in printed) < 160


def test_the_recipe_reads_and_writes_right_to_left_lines(tmp_path: Path) -> None:
    words = ["كتاب", "مدرسة", "العربية", "رجل", "سنة"]
    entry = {
        "code": "ar", "script": "arabic", "words": words, "weights": [1.0] * len(words), "quotes": ["«»"],
        "currencies": ["دينار"], "currency_first": False, "decimal": ".", "group": ",", "months": ["يناير"] * 12,
        "short_months": ["يناير"] * 12, "days": ["الأحد"] * 7, "dates": ["d MMMM y"],
    }  # fmt: skip
    (tmp_path / "ar.json.gz").write_bytes(gzip.compress(json.dumps(entry).encode()))
    source = TextSource(CHARSETS["arabic-print"], max_length=60, languages=tmp_path)
    charset = Charset(sorted(set(CHARSETS["arabic-print"])), "rtl")
    texts = [source.sample(Random(seed), "document") for seed in range(300)]
    assert sum(any(word in text for word in words) for text in texts) > 200
    same = sum(charset.decode(charset.encode(text)) == text for text in texts)
    assert same > 270, "a few lines have Latin words beside Arabic digits, whose order an image does not tell"
