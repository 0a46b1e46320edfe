from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.checks.labels import check_label
from ocrx.data.sample import Sample


def _codes(text: str) -> list[str]:
    issues = list(check_label(Sample(Path("a.png"), text, "train.txt:7")))
    assert all(issue.where == "train.txt:7" and issue.hint for issue in issues)
    return [issue.code for issue in issues]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", ["label-empty"]),
        ("   ", ["label-empty"]),
        ("\u3000", ["label-empty"]),
        (" x", ["label-spaces"]),
        ("x ", ["label-spaces"]),
        ("a  b", ["label-spaces"]),
        ("a\u00a0b", ["label-spaces"]),
        ("cafe\u0301", ["label-nfc"]),
        ("a\x07b", ["label-control"]),
        ("a\u2028b", ["label-control"]),
        ("a\rb", ["label-control"]),
        ("a\ufffdb", ["label-damaged"]),
        ("a\u200bb", ["label-format"]),
        ("co\u00adoperate", ["label-format"]),
        ("\ufeffa", ["label-format"]),
        ("a\u200db", ["label-format"]),
        ("v\ue5dc", ["label-private-use"]),
        ("a\u0378", ["label-unassigned"]),
        ("p\u0430ssword", ["label-mixed-scripts"]),
        ("Ζ\u03bfnaras", ["label-mixed-scripts"]),
        ("\u041f\u0430p\u0438\u0436", ["label-mixed-scripts"]),
        ("12 abc سنة", ["label-direction"]),
        ("vous <> plus", ["label-markup"]),
        ("a <unk> b", ["label-markup"]),
        ("Smith &amp; Co", ["label-markup"]),
        ("###", ["label-markup"]),
        ("[illegible] hand", ["label-markup"]),
        ('[{"transcription": "x", "points": [[0, 0]]}]', ["detection-label"]),
    ],
)
def test_each_kind_is_found(text: str, codes: list[str]) -> None:
    assert _codes(text) == codes


@pytest.mark.parametrize(
    "text",
    [
        "TOTAL : 12.50",
        "a & b < c > d? #5 [1] {x}",
        "Größe ſœ – „so“",
        "می‌خواهم",  # joiner between Arabic letters
        "ಕ್‌ನ",  # and behind an Indic virama
        "👩\u200d🔬",
        "١٢٣ \u0600",
        "Привет world",  # two scripts, but each word in one
        "皖A12345",
        "abc 12 (سنة) ٣٤",
        "10 µm ± ½",
        "ΑΒΓ abc",
        "3 < 4 > 2",
    ],
)
def test_good_labels_are_left_alone(text: str) -> None:
    assert _codes(text) == []


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="<>&?#[ "), min_size=1))
def test_printable_ascii_is_never_a_finding(text: str) -> None:
    assert _codes(text) == []


@given(st.text())
def test_any_text_can_be_checked(text: str) -> None:
    _codes(text)
