"""A training that version 0.1 left behind can still be read and resumed.

``tests/samples/training_0.1.tar.xz`` holds ``lines/`` (8 training and 4 validation lines), ``output/`` (a training
of 3 epochs, stopped inside the second one after update 5) and ``logits.json`` (what its best model gave for the
first line).
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import torch
from support.training import assert_equal

from ocrx.config import Config, load_config
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.models.model_io import load_model
from ocrx.modes import train as mode
from ocrx.training import setup
from ocrx.training.checkpoint import load_state

SAMPLE = Path(__file__).parents[1] / "samples" / "training_0.1.tar.xz"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The unpacked sample."""
    return unpack(tmp_path / "old")


def unpack(folder: Path) -> Path:
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def resumed(folder: Path) -> Config:
    """As ``--resume`` alone reads it."""
    places = [f"Global.dataset_dir={folder / 'lines'}", f"Global.output={folder / 'output'}"]
    return load_config(str(folder / "output" / "config.yaml"), [*places, "Train.resume_path=latest"])


def test_an_old_model_reads_as_it_did(old: Path) -> None:
    model, spec = load_model(old / "output" / "best_accuracy")
    image, _ = prepare(read_image(old / "lines" / "images" / "00.png"), spec.image)
    with torch.no_grad():
        logits = model(torch.from_numpy(image)[None])[0]
    expected = torch.tensor(json.loads((old / "logits.json").read_text()))
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


def test_resuming_an_old_state_equals_resuming_the_same_state_in_its_new_form(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)
    new = unpack(tmp_path / "new")
    state = new / "output" / "latest" / "state.pt"
    assert torch.load(state, weights_only=True)["position"]["stale"] == 0, "the sample has the old names"
    torch.save(load_state(state.parent), state)
    assert {"train_state", "data_order"} <= torch.load(state, weights_only=True).keys()
    reports = [mode.run(resumed(folder), lambda line: None) for folder in (old, new)]
    assert [(report.epochs, report.steps) for report in reports] == [(3, 9)] * 2
    left, right = (load_state(folder / "output" / "latest") for folder in (old, new))
    for part in ("model", "average"):
        assert_equal(left[part], right[part])
    assert [row["train_loss"] for row in left["rows"]] == [row["train_loss"] for row in right["rows"]]
