"""One training per output; the lock of a process that has ended is replaced."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocrx.errors import DataError
from ocrx.results import LOCK_FILE
from ocrx.training.output_lock import locked_output


def test_a_second_training_is_refused_and_named(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with locked_output(output):
        before = (output / LOCK_FILE).read_bytes()
        with pytest.raises(DataError, match=f"a training runs here .process {os.getpid()} on"), locked_output(output):
            pass
        assert (output / LOCK_FILE).read_bytes() == before
    assert not output.exists(), "it was made here and is empty"


def test_other_files_are_kept(tmp_path: Path) -> None:
    with locked_output(tmp_path):
        (tmp_path / "train.log").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["train.log"]


def held_by(output: Path, **changes: object) -> None:
    with locked_output(output):
        holder = json.loads((output / LOCK_FILE).read_text())
    (output / LOCK_FILE).write_text(json.dumps({**holder, **changes}))


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("content", ["ended", "another process with its id", "not a lock"])
def test_a_stale_lock_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "keep").touch()
    if content == "ended":
        held_by(tmp_path, pid=ended_process())
    elif content == "not a lock":
        (tmp_path / LOCK_FILE).write_text("")
    else:
        if not Path("/proc/self/stat").is_file():
            pytest.skip("the system does not tell when a process started")
        held_by(tmp_path, started="1")
    with locked_output(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]


def no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_disk_without_hard_links_has_locks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    with locked_output(tmp_path / "out"):
        assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK_FILE]
        with pytest.raises(DataError, match=f"process {os.getpid()} on"), locked_output(tmp_path / "out"):
            pass

    (tmp_path / "keep").touch()
    held_by(tmp_path, pid=ended_process())
    with locked_output(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_a_lock_that_is_being_written_is_not_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keep").touch()
    held_by(tmp_path)
    content = (tmp_path / LOCK_FILE).read_text()
    (tmp_path / LOCK_FILE).write_text("")
    monkeypatch.setattr("ocrx.training.output_lock.time.sleep", lambda _: (tmp_path / LOCK_FILE).write_text(content))
    with pytest.raises(DataError, match="a training runs here"), locked_output(tmp_path):
        pass
    assert (tmp_path / LOCK_FILE).read_text() == content


def test_a_process_of_another_machine_counts_as_running(tmp_path: Path) -> None:
    (tmp_path / "keep").touch()
    held_by(tmp_path, host="elsewhere", pid=ended_process())
    with pytest.raises(DataError, match="on elsewhere") as caught, locked_output(tmp_path):
        pass
    assert LOCK_FILE in str(caught.value.hint)
