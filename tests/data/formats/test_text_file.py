from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.issues import codes_and_places

from ocrx.data.formats import text_file
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.formats.text_file import read_text
from ocrx.errors import DataError


@pytest.mark.parametrize(
    ("codec", "text", "guess"),
    [
        ("gbk", "皖A12345 你好世界", "GBK"),
        ("utf-16", "grüße", "UTF-16"),
        ("utf-16-le", "plain words", "UTF-16"),
        ("utf-16-be", "plain words", "UTF-16"),
        ("latin-1", "café déjà vu à Genève", "Latin-1"),
    ],
)
def test_other_encodings_are_recognised_and_still_read(tmp_path: Path, codec: str, text: str, guess: str) -> None:
    (tmp_path / "label.txt").write_bytes(f"a.png\tplain\nb.png\t{text}\n".encode(codec))
    dataset = read_dataset(tmp_path)
    (issue,) = dataset.issues
    assert (issue.severity, issue.code) == ("error", "encoding")
    assert guess in issue.message
    assert issue.where == ("label.txt:1" if guess == "UTF-16" else "label.txt:2")
    assert [s.text for s in dataset.train] == ["plain", text]


def test_lines_end_with_lf_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("a\x0bb\x85c\u2028d\r\re\n\nf".encode())
    assert list(read_text(path, "x.txt").lines()) == [(1, "a\x0bb\x85c\u2028d\r\re"), (2, ""), (3, "f")]


def test_lines_keep_their_numbers_around_undecodable_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xc3\xa9\n\xe9\nz\n")
    file = read_text(path, "x.txt")
    assert list(file.lines()) == [(1, "é"), (3, "z")]
    assert codes_and_places(file.issues) == [("encoding", "x.txt:2")]


def test_line_ends_are_reported_once_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"a\nb\r\nc\r\n")
    (issue,) = read_text(path, "x.txt").issues
    assert (issue.code, issue.where, issue.message.split()[0]) == ("crlf", "x.txt:2", "2")
    path.write_bytes(b"a\rb\r")
    assert [(issue.severity, issue.code) for issue in read_text(path, "x.txt").issues] == [
        ("error", "crlf"),
        ("info", "no-final-newline"),
    ]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    fifo = tmp_path / "a.gt.txt"
    os.mkfifo(fifo)
    zero = tmp_path / "b.gt.txt"
    zero.symlink_to("/dev/zero")
    for path, found in ((fifo, "not a regular file"), (zero, "not a regular file"), (tmp_path, "a folder")):
        with pytest.raises(DataError, match=found):
            read_text(path, path.name)


def test_a_file_beyond_the_limit_is_rejected_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_file, "MAX_BYTES", 10)
    path = tmp_path / "x.txt"
    path.write_text("a" * 11)
    with pytest.raises(DataError, match="larger than 10 bytes"):
        read_text(path, "x.txt")
