from __future__ import annotations

import pytest
from bidi.algorithm import get_display
from hypothesis import given
from hypothesis import strategies as st

from ocrx.text.charset import Charset
from ocrx.text.direction import logical_order, runs_right_to_left, visual_order

MIRROR = dict(zip("()[]", ")(][", strict=True))
LATIN = st.sampled_from(["abc", "Def", "12", "1963", "12.5", "5%", "كتب", "ص"])
HEBREW = st.sampled_from(["אחת", "(שתיים)", "12", "3-4"])
ARABIC = st.sampled_from(["كتب", "سنة", "(جديد)", "٣٤", "١٩", "12", "12.5", "،"])


def shown(text: str) -> str:
    return "".join(MIRROR.get(text[i], text[i]) if mirrored else text[i] for i, mirrored in visual_order(text))


@given(text=st.text("ابجאבabc12٣٤ .,:-+/%$!", max_size=14).filter(runs_right_to_left))
def test_lines_are_shown_as_the_reference_implementation_shows_them(text: str) -> None:
    assert shown(text) == get_display(text, base_dir="R")


@pytest.mark.parametrize(
    ("logical", "visual"),
    [
        ("سنة 1963", "1963 ةنس"),
        ("ص ٣٤", "٣٤ ص"),
        ("(كتب)", "(بتك)"),
        ("انظر abc def هنا", "انه abc def رظنا"),
        ("abc 12", "abc 12"),
        ("", ""),
    ],
)
def test_known_lines(logical: str, visual: str) -> None:
    assert shown(logical) == visual


@given(words=st.lists(LATIN | HEBREW, min_size=1, max_size=6) | st.lists(ARABIC | HEBREW, min_size=1, max_size=6))
def test_what_is_shown_is_read_back_or_looks_the_same(words: list[str]) -> None:
    line = " ".join(words)
    charset = Charset.from_texts([line, "ا() "])
    charset = Charset(charset.characters, "rtl")
    classes = charset.encode(line)
    again = charset.decode(classes)
    assert again == line or charset.encode(again) == classes


def test_reading_order_belongs_to_the_text() -> None:
    charset = Charset(sorted(set("سنة 1963")), "rtl")
    classes = charset.encode("سنة 1963")
    order = charset.reading_order(classes)
    assert "".join(charset.characters[classes[i] - 1] for i in order) == "سنة 1963"
    assert sorted(order) == list(range(8)) and order[0] == 7


def test_other_lines_and_other_models_keep_their_order() -> None:
    assert visual_order("12 ab (c)") == logical_order("12 ab (c)") == [(i, False) for i in range(9)]
    charset = Charset(sorted(set("سنة 1963")))
    assert charset.decode(charset.encode("سنة 1963")) == "سنة 1963"
    assert charset.encode("سنة")[0] == charset.characters.index("س") + 1


def test_brackets_turn_only_where_both_have_a_class() -> None:
    whole = Charset(sorted("ا()"), "rtl")
    assert [whole.characters[c - 1] for c in whole.encode("(ا")] == ["ا", ")"]
    lone = Charset(sorted("ا("), "rtl")
    assert lone.decode(lone.encode("(ا")) == "(ا"
    assert ")" in Charset.from_texts(["(ا"]).characters
    assert ")" not in Charset.from_texts(["(a"]).characters
