from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.errors import DataError
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_what_a_charset_was_built_from_survives_encoding(texts: list[str]) -> None:
    charset = Charset.from_texts(texts)
    for text in texts:
        classes = charset.encode(text)
        assert charset.decode(classes) == normalize(text)
        assert 0 not in classes, "class 0 is the blank"


def test_classes_follow_the_order_of_the_entries() -> None:
    assert Charset(["b", "a", " "]).encode("a b") == [2, 3, 1]


def test_an_entry_of_several_code_points_is_taken_whole() -> None:
    charset = Charset(["f", "i", "ffi"])
    assert charset.encode("ffif") == [3, 1]
    assert charset.decode([3, 1]) == "ffif"


def test_unknown_characters_are_named() -> None:
    charset = Charset("abc")
    with pytest.raises(DataError, match="'x' 'z'"):
        charset.encode("azxz")
    assert charset.missing("azxz") == ["x", "z"]


def test_decomposed_labels_meet_composed_entries() -> None:
    assert Charset(["é"]).encode("e\u0301") == [1]


@pytest.mark.parametrize("entries", [["a", "b", "a"], ["a", ""]])
def test_ambiguous_charsets_are_refused(entries: list[str]) -> None:
    with pytest.raises(DataError, match="charset"):
        Charset(entries)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb\n", ("a", "b", " ")),
        (b"a\r\nb\r\n", ("a", "b", " ")),
        ("\ufeffä\nb".encode(), ("ä", "b", " ")),
        (b" \na\n", (" ", "a")),
    ],
)
def test_dict_files_hold_one_space_class(tmp_path: Path, content: bytes, expected: tuple[str, ...]) -> None:
    path = tmp_path / "dict.txt"
    path.write_bytes(content)
    assert Charset.from_file(path).characters == expected


@given(st.sets(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_a_saved_charset_reads_back(tmp_path_factory: pytest.TempPathFactory, characters: set[str]) -> None:
    path = tmp_path_factory.mktemp("charset") / "dict.txt"
    charset = Charset([*sorted(characters - {" "}), " "])
    charset.save(path)
    assert Charset.from_file(path) == charset


@pytest.mark.parametrize(
    ("content", "message"), [(b"a\nb\na\n", "occurs 2 times"), (b"\xff\xfe", "not UTF-8"), (b"", "empty")]
)
def test_a_bad_dict_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "dict.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        Charset.from_file(path)
    assert str(path) in caught.value.message


def test_a_missing_dict_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Charset.from_file(tmp_path / "none.txt")
