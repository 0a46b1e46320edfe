from __future__ import annotations

from pathlib import Path

from support.issues import codes_and_places

from ocrx.data.formats.dictionary import read_dict


def test_dict_problems_are_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_bytes(b"a\n\nb\na\nch\n")
    charset, issues = read_dict(tmp_path)
    assert charset is not None
    assert charset.characters == ("a", "b", "ch", " ")
    assert codes_and_places(issues) == [
        ("dict-blank", "dict.txt:2"),
        ("dict-duplicate", "dict.txt:1, dict.txt:4"),
        ("dict-multi", "dict.txt:5"),
    ]
    (tmp_path / "dict.txt").write_bytes(b"")
    assert read_dict(tmp_path)[0] is None
    assert codes_and_places(read_dict(tmp_path)[1]) == [("dict-empty", "dict.txt")]


def test_a_missing_dictionary_is_not_a_finding(tmp_path: Path) -> None:
    assert read_dict(tmp_path) == (None, [])


def test_the_space_is_always_a_class(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("b\n \na\n")
    charset, issues = read_dict(tmp_path)
    assert charset is not None
    assert (charset.characters, issues) == (("b", " ", "a"), [])
