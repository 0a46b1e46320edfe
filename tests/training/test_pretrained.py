"""Where a fine-tuning starts: which folder, which rows of the head, and that it never ends below its start."""

from __future__ import annotations

import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.training import assert_equal, spec_for, trainer, weights

from ocrx.config import load_config
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import ConfigError, ModelError
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import build_model, frame_spec
from ocrx.models.model_io import load_model, save_model
from ocrx.modes import train as mode
from ocrx.training.pretrained import load_pretrained, resolve_pretrained


def stored(folder: Path, charset: str, seed: int = 0) -> Path:
    """A model folder with random weights for these characters."""
    image = ImageSpec(height=32, bucket=32, max_width=640)
    spec = ModelSpec("lcnetv4", {}, tuple(charset), image, frame_spec("lcnetv4", {}, image))
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    save_model(build_model(spec), spec, folder)
    return folder


def test_rows_of_the_head_are_mapped_by_character(tmp_path: Path) -> None:
    folder = stored(tmp_path / "start", "abcdef")
    old, old_spec = load_model(folder)
    spec = replace(old_spec, charset=tuple("éfedcbß"))
    torch.manual_seed(1)
    model = build_model(spec)
    fresh = model.state_dict()["head.weight"].clone()
    message = load_pretrained(model, spec, folder)
    assert message.endswith("5 characters kept, 2 new, 1 dropped")
    was, now = old.state_dict()["head.weight"], model.state_dict()["head.weight"]
    assert torch.equal(now[0], was[0]), "the blank is a row of its own"
    assert torch.equal(now[2:7], was[[6, 5, 4, 3, 2]])
    assert torch.equal(now[[1, 7]], fresh[[1, 7]]), "new rows start as in a fresh network"
    body = {name: value for name, value in old.state_dict().items() if not name.startswith("head.")}
    assert_equal(body, {name: model.state_dict()[name] for name in body})


def test_a_fused_network_takes_folded_pretrained_weights(tmp_path: Path) -> None:
    old, old_spec = load_model(stored(tmp_path / "start", "abcdef"))
    spec = replace(old_spec, params={"fused": True})
    model = build_model(spec).eval()
    load_pretrained(model, spec, tmp_path / "start")
    images = torch.rand(2, 1, 32, 64)
    assert torch.allclose(model(images), old(images), atol=1e-4)


def test_only_the_head_is_mapped(tmp_path: Path) -> None:
    """Tensors whose first size happens to be the number of classes are no head."""
    characters = [chr(0x4E00 + i) for i in range(95)]
    folder = stored(tmp_path / "start", "".join(characters))
    old, old_spec = load_model(folder)
    same_size = {name for name, v in old.state_dict().items() if v.ndim and v.shape[0] == 96} - {"head.weight"}
    assert any(name.startswith("blocks") for name in same_size)
    spec = replace(old_spec, charset=tuple(reversed(characters)))
    model = build_model(spec)
    load_pretrained(model, spec, folder)
    for name in same_size - {"head.bias"}:
        assert torch.equal(model.state_dict()[name], old.state_dict()[name]), name


def test_another_network_has_no_pretrained_weights(line_folder: Path, tmp_path: Path) -> None:
    folder = stored(tmp_path / "start", "abc")
    spec = spec_for(read_dataset(line_folder).train, "lcnet_lstm")
    with pytest.raises(ModelError, match="does not fit"):
        load_pretrained(build_model(spec), spec, folder)


def overrides(data: Path, output: Path, start: object) -> list[str]:
    values = [f"Global.dataset_dir={data}", f"Global.output={output}", f"Train.pretrain_weight_path={start}"]
    fast = ["epochs_iters=2", "batch_size=8", "precision=fp32", "workers=0"]
    return [*values, *(f"Train.{pair}" for pair in fast), "Global.device=cpu"]


def test_a_training_that_only_gets_worse_leaves_its_start_as_best(line_folder: Path, tmp_path: Path) -> None:
    """The embedded model reads drawn lines; a learning rate that ruins it must not cost that."""
    lines: list[str] = []
    options = overrides(line_folder, tmp_path / "out", "printed_en")
    options += ["Train.learning_rate=0.5", "Train.ema_decay=0"]
    report = mode.run(load_config("fine_tune", options), lines.append)
    assert report.best_epoch == 0 and report.best_accuracy > 0
    rows = [row.split(",") for row in (tmp_path / "out" / "history.csv").read_text().splitlines()]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2"]
    accuracy = [float(row[rows[0].index("val_accuracy")]) for row in rows[1:]]
    assert accuracy[0] == report.best_accuracy > max(accuracy[1:])
    printed = next(number for number, line in enumerate(lines) if line.startswith("epoch 0 evaluated"))
    assert "best so far" in lines[printed] and not any("epoch 1" in line for line in lines[:printed])
    _, spec = load_model(tmp_path / "out" / "best_accuracy")
    assert spec.metrics["accuracy"] == accuracy[0]
    assert (tmp_path / "out" / "best_accuracy" / "inference" / "model.onnx").is_file()


def test_a_resumed_fine_tuning_equals_an_uninterrupted_one(line_folder: Path, tmp_path: Path) -> None:
    start = stored(tmp_path / "start", "onetwhrfuisvgx 247")

    def fine_tune(output: Path, stop_after: int = 0, *, resume: bool = False) -> None:
        steps = 0

        def stop() -> bool:
            nonlocal steps
            steps += 1
            return steps == stop_after

        run = trainer(line_folder, output, stop=stop, evaluate_first=True)
        load_pretrained(run.model, run.spec, start)
        if resume:
            run.resume(output / "latest")
        run.run()

    fine_tune(tmp_path / "whole")
    fine_tune(tmp_path / "parts", stop_after=1)
    fine_tune(tmp_path / "parts", resume=True)
    assert_equal(weights(tmp_path / "whole" / "latest"), weights(tmp_path / "parts" / "latest"))
    histories = [(tmp_path / name / "history.csv").read_text().splitlines() for name in ("whole", "parts")]
    assert [len(history) for history in histories] == [5, 5]
    scores = [[row.split(",")[5:8] for row in history] for history in histories]
    assert scores[0] == scores[1], "epoch 0 is remembered"


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ([], 2e-3),
        (["Train.pretrain_weight_path=printed_en"], 1e-3),
        (["Train.pretrain_weight_path=printed_en", "Train.learning_rate=null"], 5e-4),
        (["Train.pretrain_weight_path=printed_en", "Train.learning_rate=0.01"], 0.01),
        (["Train.pretrain_weight_path=null"], 2e-3),
        (["Train.learning_rate=null"], 1e-3),
    ],
)
def test_the_learning_rate_suits_the_pretrained_weights(given: list[str], rate: float) -> None:
    """The recipe's own rate is meant for a training from nothing, half of it does from a start; a given one counts."""
    assert load_config("lcnetv4_tiny", given).Train.rate == rate
    assert load_config(None, [*given, "Global.model=lcnetv4_tiny"]).Train.rate == rate


def test_a_recipe_with_pretrained_weights_keeps_its_rate() -> None:
    config = load_config("fine_tune")
    assert config.Train.pretrain_weight_path == "printed_latin" and config.Train.rate == config.Train.learning_rate


def test_a_folder_a_file_in_it_and_a_name_are_pretrained_weights(tmp_path: Path) -> None:
    folder = stored(tmp_path / "start", "abc")
    assert resolve_pretrained(str(folder), tmp_path) == folder
    assert resolve_pretrained(str(folder / "model.safetensors"), tmp_path) == folder
    assert resolve_pretrained("printed_en", tmp_path).name == "printed_en"


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("https://example.com/a.zip", ConfigError, "not the URL of a weight file"),
        ("printed_enn", ModelError, "printed_enn"),
        ("{here}/nothing", ModelError, "no such model folder"),
    ],
)
def test_missing_pretrained_weights_are_named(
    source: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        resolve_pretrained(source.format(here=tmp_path), tmp_path / "out")


def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that has one folder, whatever it is asked for."""
    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = lambda name, allow_patterns: str(folder)  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_a_model_of_ocrx_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored(tmp_path / "cache", "abc")
    hub(folder, monkeypatch)
    assert resolve_pretrained("someone/a_model", tmp_path / "out") == folder


def test_official_weights_on_the_hub_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.training.pretrained.fetch_from_hub", lambda name: tmp_path / "cache")
    asked: list[tuple[str, Path]] = []

    def import_weights(source: str, output: Path, *, overwrite: bool, without_characters: bool) -> None:
        assert overwrite and without_characters
        asked.append((source, output))

    monkeypatch.setattr("ocrx.training.pretrained.import_weights", import_weights)
    assert (
        resolve_pretrained("PaddlePaddle/PP-OCRv6_tiny_rec_safetensors", tmp_path / "out") == tmp_path / "out" / "start"
    )
    assert asked == [(str(tmp_path / "cache"), tmp_path / "out" / "start")]


def test_torchvision_backbones_have_their_own_pretrained_weights(line_folder: Path, tmp_path: Path) -> None:
    """Not a model: nothing to evaluate before the first epoch."""
    from torchvision import models

    torch.save(models.resnet18(weights=None).state_dict(), tmp_path / "resnet18.pth")
    options = overrides(line_folder, tmp_path / "out", tmp_path / "resnet18.pth")
    options += ["Model.params={hidden: 8, stages: 2}", "Train.epochs_iters=1", "Train.freeze=[stem]"]
    lines: list[str] = []
    mode.run(load_config("resnet_bilstm", options), lines.append)
    assert any("the backbone alone" in line for line in lines)
    assert not any(line.startswith("epoch 0") for line in lines)
    model, _ = load_model(tmp_path / "out" / "best_accuracy")
    theirs = torch.load(tmp_path / "resnet18.pth", weights_only=True)["conv1.weight"]
    assert torch.equal(model.state_dict()["stem.0.weight"], theirs)


def test_imagenet_weights_do_not_fit_other_networks(line_folder: Path, tmp_path: Path) -> None:
    options = overrides(line_folder, tmp_path / "out", "imagenet")
    with pytest.raises(ModelError, match=r"imagenet: .*resnet_bilstm"):
        mode.run(load_config("lcnetv4_tiny", options), lambda line: None)
