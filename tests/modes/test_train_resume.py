"""Going on with a training: what is refused and then untouched, what comes along, and what is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from support.lines import make_line_folder

from ocrx.cli import train as train_command
from ocrx.config import Config, load_config
from ocrx.errors import DataError, ModelError, OcrxError
from ocrx.files import write_json
from ocrx.model_folder import read_spec
from ocrx.modes import train as mode
from ocrx.training import setup
from ocrx.training.resume import network_changes

GROWING = ("train.log", "augment.png", "images.npy")
FAST = ["epochs_iters=1", "batch_size=3", "precision=fp32", "workers=0", "preflight=off", "synth.enable=false"]
TINY = "Model.params={channels: [8, 8, 8], depths: [1, 1, 1], hidden: 8}"


def configured(data: Path, output: Path, *more: str, recipe: str = "printed_en") -> Config:
    own = [f"Global.dataset_dir={data}", f"Global.output={output}", "Global.device=cpu", TINY]
    return load_config(recipe, [*own, *(f"Train.{pair}" for pair in FAST), *more])


@contextmanager
def stopped_at_once(*, ignore_repeats: bool = False) -> Iterator[Callable[[], bool]]:
    yield lambda: True


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``lines``, ``done`` trained on them for an epoch, and ``begun`` stopped inside its first one."""
    folder = tmp_path_factory.mktemp("trainings")
    data = make_line_folder(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setup, "export_onnx", lambda *_: None)  # the slowest part of a short training
        mode.run(configured(data, folder / "done", "Train.overwrite=true"), lambda line: None)
        patch.setattr(mode, "catch_signals", stopped_at_once)
        mode.run(configured(data, folder / "begun"), lambda line: None)
    return folder


@pytest.fixture
def here(trainings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``trainings`` of the test's own."""
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)
    shutil.copytree(trainings, tmp_path / "copy")
    return tmp_path / "copy"


def resumed(output: Path, *more: str) -> Config:
    """As ``--resume`` alone reads it."""
    data = f"Global.dataset_dir={output.parent / 'lines'}"
    place = [f"Global.output={output}", "Train.resume_path=latest"]
    return load_config(str(output / "config.yaml"), [data, *place, *more])


def result_of(output: Path) -> dict[str, Any]:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON")

    found: dict[str, Any] = json.loads((output / "train_result.json").read_text(), parse_constant=refuse)
    return found


def left(output: Path) -> dict[str, bytes]:
    """All files but those that may change in any case."""
    files = [path for path in output.rglob("*") if path.is_file() and path.name not in GROWING]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("done", ["Image.height=48"], "Image.height was 32, is 48"),
        ("done", ["Train.resume_path=null"], "holds an existing training run"),
        ("begun", ["Train.batch_size=2"], "Train.batch_size was 3, is 2"),
    ],
)
def test_what_is_refused_leaves_the_training_as_it_was(here: Path, name: str, change: list[str], message: str) -> None:
    output = here / name
    before = left(output)
    with pytest.raises(OcrxError, match=message):
        train_command.run(resumed(output, *change))
    assert left(output) == before


def test_after_a_refusal_resume_alone_goes_on(here: Path) -> None:
    with pytest.raises(ModelError, match=r"Train\.batch_size was 3, is 2"):
        train_command.run(resumed(here / "begun", "Train.batch_size=2"))
    assert mode.run(resumed(here / "begun"), lambda line: None).epochs == 1
    assert result_of(here / "begun")["done_flag"] is True


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ([], []),
        (["Model.architecture=crnn", "Model.params={}"], ["Model.architecture was lcnet_lstm, is crnn"]),
        (
            ["Model.params.hidden=16", "Image.pad=1"],
            ["Model.params.hidden was 8, is 16", "Image.pad was 0.0, is 1.0"],
        ),
        (["Global.charset=latin"], ["Global.charset was another, with 18 characters"]),
        (["Train.synth.enable=true", "Synth.charset=onä"], ["Synth.charset was without 'ä'"]),
        (["Train.synth.enable=true", "Synth.charset=one"], []),
    ],
)
def test_another_network_is_named(trainings: Path, change: list[str], named: list[str]) -> None:
    spec = read_spec(trainings / "done" / "latest")
    assert network_changes(spec, configured(trainings / "lines", trainings / "new", *change)) == named


def test_a_failure_after_the_start_takes_the_place_of_the_result(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> NoReturn:
        raise DataError("no space left")

    monkeypatch.setattr(setup, "export_onnx", full)
    with pytest.raises(DataError):
        train_command.run(resumed(here / "done", "Train.epochs_iters=2"))
    assert result_of(here / "done") == {"done_flag": False, "err_type": "DataError", "err_msg": "no space left"}


def test_parameters_from_pretrained_weights_are_not_another_network(trainings: Path) -> None:
    spec = read_spec(trainings / "done" / "latest")
    fused = replace(spec, params={**spec.params, "fused": True})
    config = configured(trainings / "lines", trainings / "new")
    assert not network_changes(spec, config) and not network_changes(fused, config)
    plain = configured(trainings / "lines", trainings / "new", "Model.params.fused=false")
    assert network_changes(fused, plain) == ["Model.params.fused was True, is False"]
    started = replace(plain, Train=replace(plain.Train, pretrain_weight_path="somewhere"))
    assert not network_changes(fused, started)


def test_new_characters_are_named_by_their_line(here: Path) -> None:
    with (here / "lines" / "train.txt").open("a", encoding="utf-8") as file:
        file.write("images/08.png\tÄ\n")
    with pytest.raises(DataError, match=r"train\.txt:9: .*'Ä'"):
        mode.run(resumed(here / "done", "Train.epochs_iters=2"), lambda line: None)


def test_the_best_model_comes_along_to_another_output(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode, "catch_signals", stopped_at_once)
    new = here / "new"
    more = [f"Global.output={new}", f"Train.resume_path={here / 'done' / 'latest'}", "Train.epochs_iters=2"]
    mode.run(resumed(here / "done", *more), lambda line: None)
    best = "best_accuracy/model.safetensors"
    assert result_of(new)["models"]["best"]["weights"] == best
    assert (new / best).read_bytes() == (here / "done" / best).read_bytes()
    shutil.rmtree(here / "done" / "best_accuracy")
    shutil.rmtree(new)
    mode.run(resumed(here / "done", *more), lambda line: None)
    assert result_of(new)["models"]["best"] == {} and result_of(new)["best_cer"] is None
    monkeypatch.undo()
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)
    assert mode.run(resumed(new, "Train.learning_rate=1e-9"), lambda line: None).best_epoch == 2
    assert (new / best).is_file()


def test_another_training_is_not_overwritten_by_a_resumed_one(here: Path) -> None:
    before = left(here / "begun")
    with pytest.raises(DataError, match="holds an existing training run"):
        mode.run(resumed(here / "begun", f"Train.resume_path={here / 'done' / 'latest'}"), lambda line: None)
    assert left(here / "begun") == before


def test_the_configuration_that_is_kept_starts_anew(here: Path) -> None:
    """It was written with ``overwrite``; the second one with ``resume_path``."""
    for _ in range(2):
        kept = load_config(str(here / "done" / "config.yaml")).Train
        assert (kept.overwrite, kept.resume_path) == (False, None)
        mode.run(resumed(here / "done", "Train.epochs_iters=2"), lambda line: None)


def test_a_stopped_training_is_not_done(here: Path) -> None:
    result = result_of(here / "begun")
    assert (result["done_flag"], result["interrupted"]) == (False, True)
    assert (result["best_accuracy"], result["best_cer"], result["models"]["best"]) == (None, None, {})
    assert result["models"]["latest"] and "err_type" not in result
    result = result_of(here / "done")
    assert (result["done_flag"], result["interrupted"], result["best_epoch"]) == (True, False, 1)


def test_results_hold_nothing_but_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", {"cer": float("inf")})
    assert not list(tmp_path.iterdir())


def test_wrong_settings_of_rendered_lines_are_an_error_of_their_own(here: Path) -> None:
    more = ["Train.synth.enable=true", f"Synth.corpus={here / 'nofile.txt'}"]
    with pytest.raises(DataError, match=r"nofile\.txt"):
        train_command.run(configured(here / "lines", here / "new", *more))
    assert result_of(here / "new")["err_type"] == "DataError"


def test_resuming_without_a_training_says_so(here: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        mode.run(configured(here / "lines", here / "new", "Train.resume_path=latest"), lambda line: None)
