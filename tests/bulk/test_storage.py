"""The place of a job: a folder, an object store with conditional requests, and one without."""

from __future__ import annotations

import errno
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import fsspec
import pytest

from ocrx.bulk.storage import Storage, open_storage
from ocrx.errors import ConfigError, DataError


@pytest.fixture(params=["folder", "memory", "plain", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    location = str(tmp_path / "out") if request.param == "folder" else request.getfixturevalue(request.param)
    storage = open_storage(f"{location}/job")
    storage.clean()
    return storage


def test_a_file_is_created_once_and_replaced_as_it_was_seen(place: Storage, tmp_path: Path) -> None:
    assert place.read("part") is None
    assert not place.exists("part")
    assert place.create("part", b"one")
    assert not place.create("part", b"two")
    assert place.read("part") == b"one"
    assert place.exists("part")

    assert not place.replace("part", b"two", b"three")
    assert place.replace("part", b"one", b"two")
    assert place.read("part") == b"two"
    place.overwrite("_sums/a", b"sum")
    assert place.read("_sums/a") == b"sum"
    (tmp_path / "list").write_bytes(b"list")
    place.upload("_list", tmp_path / "list")

    assert sorted(name for name, _ in place.files()) == ["_list", "part"]
    assert all(written > 1.7e9 for _, written in place.files())
    place.remove("part")
    place.remove("part")
    assert not place.create("_list", b"other")
    assert [name for name, _ in place.files()] == ["_list"]


def test_a_place_goes_to_other_processes(place: Storage) -> None:
    other = pickle.loads(pickle.dumps(place))
    assert place.create("part", b"one")
    assert other.read("part") == b"one"
    assert other.location == place.location


@pytest.mark.parametrize("place", ["folder", "memory", "s3"], indirect=True)
def test_of_many_writers_one_creates(place: Storage) -> None:
    meeting = threading.Barrier(4)

    def write(number: int) -> bool:
        meeting.wait()
        return place.create("part", f"{number}".encode())

    with ThreadPoolExecutor(4) as threads:
        created = list(threads.map(write, range(4)))
    assert sum(created) == 1
    assert place.read("part") == f"{created.index(True)}".encode()


@pytest.mark.parametrize("place", ["folder", "s3"], indirect=True)
def test_of_many_writers_that_saw_the_same_one_replaces(place: Storage) -> None:
    meeting = threading.Barrier(4)
    place.create("part", b"old")

    def write(number: int) -> bool:
        meeting.wait()
        return place.replace("part", b"old", f"{number}".encode())

    with ThreadPoolExecutor(4) as threads:
        replaced = list(threads.map(write, range(4)))
    assert sum(replaced) == 1
    assert place.read("part") == f"{replaced.index(True)}".encode()


def test_a_kill_leaves_no_half_file_where_files_are_renamed(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = open_storage(f"{plain}/job")
    place.clean()
    killed = KeyboardInterrupt("before the file has its name")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("fsspec.AbstractFileSystem.mv", lambda *_: (_ for _ in ()).throw(killed))
        place.create("part", b"one")
    assert place.read("part") is None
    assert place.create("part", b"two")
    assert [name for name, _ in place.files()] == ["part"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = open_storage(str(tmp_path))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"part: no space left") as caught:
        place.create("part", b"x")
    assert "same command again" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_hard_links_is_used_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr("os.link", refuse)
    place = open_storage(str(tmp_path))
    assert place.create("part", b"one")
    assert not place.create("part", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_places_that_cannot_be_used_are_named(s3: str) -> None:
    with pytest.raises(ConfigError, match="strange://x: cannot be used"):
        open_storage("strange://x")
    with pytest.raises(DataError, match="s3://missing-bucket/job/part"):
        open_storage("s3://missing-bucket/job").create("part", b"x")


def test_what_a_kill_left_where_files_are_renamed_is_removed_later(plain: str) -> None:
    place = open_storage(f"{plain}/job")
    place.clean()
    place.overwrite(".partial-old", b"x")
    place.overwrite(".partial-new", b"x")
    place.create("part", b"one")
    store = fsspec.get_filesystem_class("plain").store
    old, new = (next(path for path in store if path.endswith(name)) for name in (".partial-old", ".partial-new"))
    store[old].created = datetime(2020, 1, 1, tzinfo=timezone.utc)
    place.clean()
    assert (old in store, new in store) == (False, True)
    assert place.read("part") == b"one"
