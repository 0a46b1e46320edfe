"""Text is compared and encoded in NFC; nothing else of it changes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.text.normalize import normalize


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("e\u0301", "é"),
        ("\u1100\u1161", "가"),
        ("ﬁ Ⅳ ｆ", "ﬁ Ⅳ ｆ"),
        ("  A\u00a0b\t", "  A\u00a0b\t"),
    ],
)
def test_letters_are_composed_and_the_rest_is_kept(text: str, normal: str) -> None:
    assert normalize(text) == normal


@given(st.text())
def test_the_normal_form_is_unique_and_means_the_same(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text) == normalize(unicodedata.normalize("NFD", text))
