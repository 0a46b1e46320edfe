"""Files are read within limits and named in errors; a write leaves the old file or the new one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx import files
from ocrx.errors import DataError, ModelError
from ocrx.files import (
    atomic_file,
    data_uri,
    file_digest,
    parse_json,
    partial_folder,
    read_bytes,
    read_json,
    read_lines,
    read_text,
    to_json,
    write_file,
    write_json,
)


def test_a_write_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for content in ("ä\r\n", b"\xff"):
        write_file(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), atomic_file(path) as file:
        file.write(b"half of the n")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from ocrx.files import atomic_file, partial_folder\n"
        "folder = Path(sys.argv[1])\n"
        "with partial_folder(folder) as partial, atomic_file(folder / 'a.txt') as file:\n"
        "    (partial / 'half').write_text('x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=120, check=False)
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 2 and all(name.startswith(".partial-") for name in left)

    with partial_folder(tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own]
        with partial_folder(tmp_path):
            assert own.is_dir(), "that of a running process stays"
    assert not list(tmp_path.iterdir())


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a regular file"):
            read_bytes(path, max_bytes=100)
        with pytest.raises(DataError, match="not a regular file"):
            read_text(path)


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=st.dictionaries(st.text(), NESTED, max_size=4))
def test_json_written_is_read_back(value: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("json")
    for name in ("a.json", "a.json.gz"):
        write_json(folder / name, value)
        assert read_json(folder / name) == value


def test_json_with_bytes_of_file_names_is_escaped() -> None:
    assert json.loads(to_json({"name": "\udcff", "text": "ä"})) == {"name": "\udcff", "text": "ä"}
    assert to_json({"text": "ä"}) == '{"text": "ä"}'
    to_json({"name": "\udcff"}).encode("utf-8")


def test_a_number_that_json_lacks_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 64 levels"),
        ("[" * 80 + "]" * 80, "nested deeper than 64 levels"),
        ('{"a":' * 80 + "1" + "}" * 80, "nested deeper than 64 levels"),
        ("9" * 5000, "an integer is too large"),
        ("9" * 4000, "an integer of more than 20 digits"),
        ('{"a": [1, {"b": -' + "9" * 30 + "}]}", "an integer of more than 20 digits"),
        (b"\xff", "not valid JSON"),
    ],
)
def test_json_beyond_the_limits_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        parse_json(text, "model.json", error=ModelError)
    assert caught.value.message.startswith("model.json: ")
    assert len(caught.value.message) < 200


def test_a_compressed_file_that_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_JSON_BYTES", 1000)
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"[" + b" " * 100_000 + b"]"))
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        read_json(path)


@pytest.mark.parametrize("damage", [lambda data: data[:-12], lambda data: data[:5], lambda data: data[:12] + bytes(9)])
def test_a_damaged_compressed_file_is_named(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a.json.gz"
    assert callable(damage)
    path.write_bytes(damage(gzip.compress(b'{"a": "some longer text, so that there is something to cut"}')))
    with pytest.raises(DataError, match=r"a\.json\.gz: damaged"):
        read_json(path)


def test_a_data_uri_holds_the_bytes() -> None:
    head, _, body = data_uri(b"\x89PNG", "image/png").partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(body) == b"\x89PNG"


def test_a_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()
