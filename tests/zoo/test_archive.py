"""Tar files of models: files below the top, and nothing else."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from ocrx.errors import ModelError
from ocrx.zoo import archive
from ocrx.zoo.archive import unpack_tar, unpacked_tar


def tar_of(path: Path, *members: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_published_model(folder: Path, tmp_path: Path) -> None:
    file = tar_of(tmp_path / "m.tar", special("M_infer", tarfile.DIRTYPE), ("M_infer/inference.yml", b"x: 1"))
    found = unpack_tar(file, folder)
    assert found == folder / "M_infer" and (found / "inference.yml").read_bytes() == b"x: 1"


def test_files_without_a_folder(folder: Path, tmp_path: Path) -> None:
    file = tar_of(tmp_path / "m.tar", ("./inference.yml", b"x"), ("./inference.json", b"y"))
    assert sorted(path.name for path in unpack_tar(file, folder).iterdir()) == ["inference.json", "inference.yml"]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/ocrx-evil", "a\\..\\evil"])
def test_names_outside(name: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="leads outside"):
        unpack_tar(tar_of(tmp_path / "m.tar", (name, b"x")), folder)
    assert not (tmp_path / "evil").exists() and not Path("/tmp/ocrx-evil").exists()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE],
    ids=["link", "hard", "fifo", "device"],
)
def test_inputs_that_are_not_files(kind: bytes, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'a' is not a regular file"):
        unpack_tar(tar_of(tmp_path / "m.tar", special("a", kind, "/etc/passwd"), ("a/b", b"x")), folder)
    assert list(folder.iterdir()) == []


def test_a_bomb(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    with pytest.raises(ModelError, match="more than"):
        unpack_tar(tar_of(tmp_path / "m.tar", ("a", bytes(600)), ("b", bytes(600))), folder)
    many = [(f"f{index}", b"") for index in range(archive.MAX_FILES + 1)]
    with pytest.raises(ModelError, match="more than 100 files"):
        unpack_tar(tar_of(tmp_path / "n.tar", *many), folder)


def test_a_name_twice(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="twice"):
        unpack_tar(tar_of(tmp_path / "m.tar", ("a", b"1"), ("a", b"2")), folder)


@pytest.mark.parametrize("content", [b"junk" * 300, b"\x1f\x8b" + b"0" * 600], ids=["junk", "gzip"])
def test_damaged(content: bytes, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "m.tar").write_bytes(content)
    with pytest.raises(ModelError, match="damaged or not a tar file"):
        unpack_tar(tmp_path / "m.tar", folder)
    cut = tar_of(tmp_path / "n.tar", ("a", bytes(5000)))
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(ModelError):
        unpack_tar(cut, folder)


def test_a_temporary_folder_is_removed_and_errors_name_the_archive(tmp_path: Path) -> None:
    file = tar_of(tmp_path / "NAME_infer.tar", ("inference.yml", b"x"))
    wanted = rf"^{re.escape(str(file))}/inference.yml: bad$"
    with pytest.raises(ModelError, match=wanted) as raised, unpacked_tar(file) as folder:
        assert folder.name == "NAME_infer" and [path.name for path in folder.iterdir()] == ["inference.yml"]
        raise ModelError(f"{folder}/inference.yml: bad", hint="a hint")
    assert raised.value.hint == "a hint"
    assert not folder.exists() and not folder.parent.exists()
