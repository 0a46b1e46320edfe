"""An earlier training is never overwritten unasked, and none of its files is taken for the new one's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.errors import DataError
from ocrx.model_folder import SPEC_FILE
from ocrx.training.output_folder import clear_output, refuse_overwriting

WRITTEN = ("train.log", "history.csv", "curves.png", "augment.png", "train_result.json")


def model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / SPEC_FILE).write_text("{}")
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """As a training leaves it, with two files of somebody else."""
    for name in ("latest", "best_accuracy", "epoch_3", "tensorboard"):
        model(tmp_path / "out" / name)
    for name in (*WRITTEN, "notes.txt"):
        (tmp_path / "out" / name).write_text(name)
    (tmp_path / "out" / "epoch_of_ice").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["latest", "best_accuracy"])
def test_a_training_in_the_folder_is_protected(tmp_path: Path, name: str) -> None:
    refuse_overwriting(tmp_path)
    (tmp_path / "train.log").touch()
    refuse_overwriting(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=rf"holds an existing training run \({name}/\)") as caught:
        refuse_overwriting(tmp_path)
    assert all(option in str(caught.value.hint) for option in ("--resume", "--overwrite", "--output"))


def test_only_the_training_is_removed(output: Path) -> None:
    clear_output(output, None)
    assert sorted(path.name for path in output.iterdir()) == ["epoch_of_ice", "notes.txt"]


@pytest.mark.parametrize("name", ["best_accuracy", "epoch_3", "latest"])
def test_weights_that_are_still_needed_are_not_removed(output: Path, name: str) -> None:
    before = sorted(output.rglob("*"))
    with pytest.raises(DataError, match="the pretrained weights are in the output"):
        clear_output(output, output / name)
    assert sorted(output.rglob("*")) == before, "nothing is removed before the check"


def test_weights_in_another_folder_are_accepted(output: Path, tmp_path: Path) -> None:
    clear_output(output, model(tmp_path / "other"))
    assert (tmp_path / "other" / SPEC_FILE).is_file() and not (output / "latest").exists()
