from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocrx.errors import DataError, ModelError
from ocrx.model_folder import atomic_folder, find_model_folder, read_spec, weights_file
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec


def test_a_folder_is_put_in_place_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for content in ("one", "two"):
        with atomic_folder(target) as partial:
            (partial / "a.txt").write_text(content)
        assert (target / "a.txt").read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing else is left behind"


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_folder(target) as partial:
        (partial / "a.txt").write_text("old")
    with pytest.raises(OSError, match="disk"), atomic_folder(target) as partial:
        (partial / "a.txt").write_text("new")
        raise OSError("disk full")
    assert (target / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("precious")
    with pytest.raises(DataError, match=r"notes\.txt: is a file; expected a folder"), atomic_folder(file):
        pytest.fail("the work was begun")
    assert file.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_folder_is_replaced(tmp_path: Path, there: bool) -> None:
    disk, link = tmp_path / "disk" / "model", tmp_path / "link"
    (disk if there else disk.parent).mkdir(parents=True)
    link.symlink_to(disk, target_is_directory=True)
    with atomic_folder(link) as partial:
        assert partial.parent == disk.parent, "written on the disk that the link points at"
        (partial / "a.txt").write_text("new")
    assert link.is_symlink() and (disk / "a.txt").read_text() == "new"
    assert [path.name for path in disk.parent.iterdir()] == ["model"]


def test_the_current_folder_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with atomic_folder(Path()) as partial:
        (partial / "a.txt").write_text("new")
    assert (here / "a.txt").read_text() == "new"


KILLED = """
import sys
from pathlib import Path
from ocrx.model_folder import atomic_folder
number = 0
while True:
    number += 1
    with atomic_folder(Path(sys.argv[1])) as partial:
        for name in "abc":
            (partial / name).write_text(str(number) * 1000)
    print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is not to be had there")
def test_a_kill_at_any_moment_leaves_a_whole_folder(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for attempt in range(8):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(0.003 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        contents = {name: (target / name).read_text() for name in "abc"}
        assert len(set(contents.values())) == 1, "files of one moment"


@pytest.mark.parametrize(
    "form",
    ["model", "model/model.safetensors", "model/model.pdparams", "model/best_accuracy.pdparams", "model/inference"],
)
def test_a_file_in_a_folder_means_the_folder(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "model"
    (folder / "inference").mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    assert find_model_folder(tmp_path / form) == folder


def test_a_file_that_is_not_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        find_model_folder(tmp_path / "none")
    with pytest.raises(ModelError, match=r"model\.json is missing"):
        find_model_folder(tmp_path)
    (tmp_path / "model.json").write_text("a text file")
    with pytest.raises(ModelError, match="not valid JSON"):
        read_spec(tmp_path)


def test_weights_are_taken_from_safetensors_before_the_onnx_file_of_a_fused_network(tmp_path: Path) -> None:
    exported = tmp_path / "inference" / "model.onnx"
    exported.parent.mkdir()
    write_spec(tmp_path, fused=True)
    assert weights_file(tmp_path) is None
    exported.write_bytes(b"graph")
    assert weights_file(tmp_path) == exported
    write_spec(tmp_path, fused=False)
    assert weights_file(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert weights_file(tmp_path) == tmp_path / "model.safetensors"


def write_spec(folder: Path, fused: bool) -> None:
    spec = ModelSpec("lcnet_lstm", {"fused": fused}, ("a",), ImageSpec(), FrameSpec())
    (folder / "model.json").write_text(spec.to_json(), encoding="utf-8")
