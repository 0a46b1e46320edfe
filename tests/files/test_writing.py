"""A write leaves the old file or the new one, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ocrx.files import atomic_file, create_file, partial_folder, write_file


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


def test_only_the_first_creator_of_a_file_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    assert create_file(path, b"first")
    assert not create_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]
