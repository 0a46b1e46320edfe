from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.killed import leave_partial_folder

from ocrx.cli.app import main
from ocrx.config import Config, GlobalConfig, SynthConfig
from ocrx.errors import DataError
from ocrx.modes.synth import SynthReport, run
from ocrx.synth.font_facts import FontFacts, facts_file
from ocrx.synth.font_files import matplotlib_folder
from ocrx.synth.generator import GENERATOR_VERSION, LineGenerator

FONTS = str(matplotlib_folder())


def synth(output: Path, count: int = 70, workers: int = 1, seed: int = 5) -> SynthReport:
    settings = SynthConfig(count=count, val_percent=20, workers=workers, fonts=(FONTS,), charset="ascii")
    return run(Config(Global=GlobalConfig(output=str(output), seed=seed), Synth=settings))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dataset_in_paddlex_layout(tmp_path: Path) -> None:
    report = synth(tmp_path / "set")
    rows = [row.split("\t") for row in (tmp_path / "set" / "train.txt").read_text(encoding="utf-8").splitlines()]
    assert (report.train, report.val, len(rows)) == (56, 14, 56)
    generator = LineGenerator(SynthConfig(fonts=(FONTS,), charset="ascii"), 5)
    for index, (name, text) in enumerate(rows[:10]):
        line = generator.line(index)
        assert text == line.text
        assert np.array_equal(np.asarray(Image.open(tmp_path / "set" / name)), line.image)
    dictionary = (tmp_path / "set" / "dict.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert sorted(dictionary) == [chr(c) for c in range(32, 127)]
    with Image.open(tmp_path / "set" / "contact_sheet.png") as sheet:
        assert sheet.width == 1280
    recipe = json.loads((tmp_path / "set" / "synth.json").read_text(encoding="utf-8"))
    assert (recipe["seed"], recipe["generator_version"]) == (5, GENERATOR_VERSION)


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    one, two = synth(tmp_path / "one"), synth(tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert (one.faces, one.fonts) == (two.faces, two.fonts)
    assert files(tmp_path / "one") != (synth(tmp_path / "three", seed=6), files(tmp_path / "three"))[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_found_out_about_fonts_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    synth(tmp_path / "set", workers=workers)
    font = str(matplotlib_folder() / "DejaVuSans.ttf")
    has, _ = FontFacts(facts_file()).get(font, "characters of face 0 at 0")
    assert len(has) > 10 and "中" not in has
    facts = facts_file()
    assert facts is not None
    before = facts.read_bytes()
    synth(tmp_path / "again", workers=workers)
    assert facts.read_bytes() == before
    assert files(tmp_path / "again") == files(tmp_path / "set")


def test_existing_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match="not empty"):
        synth(tmp_path)
    assert files(tmp_path) == {"mine.txt": b"precious"}


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    left = leave_partial_folder(tmp_path)
    synth(tmp_path / "set", count=2)
    assert not left.exists() and [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_file_as_output_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.modes.synth.LineGenerator", lambda *_: pytest.fail("the work was begun"))
    (tmp_path / "notes.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match=r"notes\.txt: is a file; expected a folder"):
        synth(tmp_path / "notes.txt")
    assert files(tmp_path) == {"notes.txt": b"precious"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--count", "4"], 0),
        (["--count", "0"], 2),
        (["-o", "Synth.strength=2"], 2),
        (["-o", "Synth.charset=cyrilic"], 2),
        (["-o", "Synth.corpus=nowhere.txt"], 1),
        (["-o", "Synth.fonts=[nowhere]"], 1),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    fonts = [] if "Synth.fonts=[nowhere]" in arguments else ["-o", f"Synth.fonts=[{FONTS}]"]
    assert main(["synth", "--output", str(tmp_path / "set"), "--workers", "1", *fonts, *arguments]) == code
    assert (tmp_path / "set" / "train.txt").exists() == (code == 0)
    assert capsys.readouterr().out == ""
