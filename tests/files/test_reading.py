"""Files are read within limits, and errors name them."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest

from ocrx.errors import DataError, ModelError
from ocrx.files import data_uri, file_digest, read_bytes, read_lines, read_text


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\nb\n", ["a", "b"]),
        (b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
        (b"a\n\n b \n\n", ["a", "", " b ", ""]),
        ("a\u2028b\rc\x0bd\n".encode(), ["a\u2028b\rc\x0bd"]),
    ],
)
def test_only_lf_and_crlf_end_a_line(tmp_path: Path, content: bytes, lines: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert read_lines(path) == lines


def test_text_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(DataError, match=r"a\.txt: no such file"):
        read_text(path)
    path.write_bytes(b"ab\xff")
    with pytest.raises(ModelError, match=r"a\.txt: not UTF-8 \(invalid start byte at byte 2\)"):
        read_text(path, error=ModelError)
    with pytest.raises(DataError, match="a folder; expected a file"):
        read_text(tmp_path)


def test_bytes_come_from_regular_files_within_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345")
    assert read_bytes(path, max_bytes=5) == b"12345"
    with pytest.raises(DataError, match=r"a\.bin: larger than 4 bytes"):
        read_bytes(path, max_bytes=4)
    with pytest.raises(DataError, match="the list: no such file"):
        read_bytes(tmp_path / "none", max_bytes=4, name="the list")
    with pytest.raises(DataError, match="expected a file"):
        read_bytes(tmp_path, max_bytes=4)
    with pytest.raises(DataError, match="cannot be read"):
        read_bytes(tmp_path / ("a" * 300), max_bytes=4)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(b"12345")
    monkeypatch.setattr("os.fdopen", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(DataError, match="larger than 4 bytes"):
        read_bytes(tmp_path / "a.bin", max_bytes=4)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a regular file"):
            read_bytes(path, max_bytes=100)
        with pytest.raises(DataError, match="not a regular file"):
            read_text(path)


def test_a_data_uri_holds_the_bytes() -> None:
    head, _, body = data_uri(b"\x89PNG", "image/png").partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(body) == b"\x89PNG"


def test_a_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()
