"""What is decided before a training starts, and what it leaves in the output folder first."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from support.lines import draw_line

from ocrx.config import Config, load_config
from ocrx.data.fingerprint import fingerprint
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import ConfigError, DataError
from ocrx.results import Progress
from ocrx.synth.source import SynthSource
from ocrx.training.distributed.group import ALONE
from ocrx.training.setup import (
    TrainingSetup,
    changed_images,
    new_spec,
    open_source,
    prepare_training,
    write_run_files,
)


def config(data: Path, output: Path, *settings: str) -> Config:
    own = [f"Global.dataset_dir={data}", f"Global.output={output}", "Global.device=cpu", "Train.workers=0"]
    return load_config("lcnetv4_tiny", [*own, *settings])


def silent(_: str) -> nullcontext[Progress | None]:
    return nullcontext()


def prepared(data: Path, output: Path, *settings: str) -> TrainingSetup:
    return prepare_training(config(data, output, *settings), lambda line: None, silent)


def test_data_and_model_are_decided_together(line_folder: Path, tmp_path: Path) -> None:
    dataset = read_dataset(line_folder)
    setup = prepared(line_folder, tmp_path / "out")
    assert setup.output == tmp_path / "out" and setup.output.is_dir()
    assert (setup.resume, setup.pretrained) == (None, None)
    assert setup.data.dataset.train == dataset.train
    assert set(setup.spec.charset) == {character for sample in dataset.train for character in sample.text}
    assert setup.dataset_fingerprint == fingerprint(dataset.samples)


def test_an_earlier_training_is_neither_overwritten_nor_touched(line_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "latest").mkdir(parents=True)
    with pytest.raises(DataError, match="holds an existing training run"):
        prepared(line_folder, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["latest"]


def test_wrong_data_are_refused_before_the_output_is_made(line_folder: Path, tmp_path: Path) -> None:
    (line_folder / "images" / "00.png").unlink()
    with pytest.raises(DataError, match=r"image-missing|00\.png"):
        prepared(line_folder, tmp_path / "out")
    with pytest.raises(ConfigError, match="dataset_dir: not given"):
        prepare_training(load_config(None, [f"Global.output={tmp_path / 'out'}"]), lambda line: None, silent)
    (line_folder / "val.txt").write_text("")
    with pytest.raises(DataError, match="no validation lines"):
        prepared(line_folder, tmp_path / "out")
    assert not list(tmp_path.glob("out/*.json"))


@pytest.mark.parametrize(("characters", "direction"), [("abc", "ltr"), ("שלום", "rtl")])
def test_the_characters_of_a_new_model(line_folder: Path, tmp_path: Path, characters: str, direction: str) -> None:
    file = tmp_path / "characters.txt"
    file.write_text("".join(f"{character}\n" for character in characters), encoding="utf-8")
    spec = new_spec(config(line_folder, tmp_path, f"Global.charset={file}"), read_dataset(line_folder))
    assert set(spec.charset) == {*characters, " "}, "a dictionary need not name the space"
    assert spec.direction == direction and spec.name == "lcnetv4_tiny"


def test_what_a_run_leaves_first_starts_the_same_run_again(line_folder: Path, tmp_path: Path) -> None:
    setup = prepared(line_folder, tmp_path / "out", "Train.overwrite=true", "Train.learning_rate=0.25")
    (setup.output / "train_result.json").write_text("{}")
    write_run_files(setup)

    assert not (setup.output / "train_result.json").exists(), "the result of an earlier run would be taken for this one"
    again = load_config(str(setup.output / "config.yaml"))
    assert again.Train.learning_rate == 0.25 and not again.Train.overwrite
    written = (setup.output / "label_dict.txt").read_text("utf-8").split("\n")
    assert tuple(written[:-1]) == setup.spec.charset


def test_stored_lines_that_change_are_counted_and_named(line_folder: Path, tmp_path: Path) -> None:
    setup = prepared(line_folder, tmp_path / "out")
    lines: list[str] = []
    with open_source(setup, ALONE, silent) as source:
        assert (changed_images(source, lines.append), lines) == (0, [])
        draw_line("other").save(line_folder / "images" / "02.png")
        assert changed_images(source, lines.append) == 1
    assert "train.txt:3" in lines[0] and "02.png" in lines[0]
    assert (setup.output / "augment.png").is_file()


def test_rendered_lines_have_no_images_that_change(line_folder: Path, tmp_path: Path) -> None:
    more = ["Train.synth.enable=true", "Synth.charset=abc", "Train.synth.lines_per_epoch=64"]
    setup = prepared(line_folder, tmp_path / "out", *more, "Train.ignore_checks=[label-charset]")
    with open_source(setup, ALONE, silent) as source:
        assert isinstance(source, SynthSource) and changed_images(source, lambda line: None) == 0
    assert set(setup.spec.charset) == set("abc")
