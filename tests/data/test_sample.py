from __future__ import annotations

from pathlib import Path

from ocrx.data.sample import quote, relative_name


def test_names_are_relative_to_the_dataset() -> None:
    assert relative_name(Path("set/images/a.png"), Path("set")) == "images/a.png"
    assert relative_name(Path("images/a.png"), Path()) == "images/a.png"
    assert relative_name(Path("/other/a.png"), Path("set")) == "/other/a.png"


def test_quotes_show_invisible_characters_and_are_cut() -> None:
    assert quote("a\u200bb\n") == "'a\\u200bb\\n'"
    assert quote("x" * 120) == repr("x" * 120)
    assert quote("x" * 121) == repr("x" * 117 + "...")
    assert quote("abcdef", 5) == "'ab...'"
