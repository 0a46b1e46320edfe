"""Further folders of training lines: whose lines they are, which characters they bring, and what is checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lines import draw_line

from ocrx.config import load_config
from ocrx.data.checks.run import run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.training_data import combine_datasets
from ocrx.errors import ConfigError, DataError
from ocrx.modes import train as mode


def folder(root: Path, words: list[str], height: int = 30) -> Path:
    """A folder with these training lines, no validation part."""
    root.mkdir(parents=True)
    for number, word in enumerate(words):
        draw_line(word, height).save(root / f"{number}.png")
    (root / "train.txt").write_text("".join(f"{n}.png\t{word}\n" for n, word in enumerate(words)), encoding="utf-8")
    return root


@pytest.fixture
def more(tmp_path: Path) -> Path:
    return folder(tmp_path / "more", ["zebra", "ozone"])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return folder(tmp_path / "old", ["quick", "jump!"], height=28)


def test_own_lines_first_then_further_ones_then_those_to_replay(line_folder: Path, more: Path, old: Path) -> None:
    training_data = combine_datasets(read_dataset(line_folder), [str(more)], [str(old / "train.txt")])
    texts = [sample.text for sample in training_data.dataset.train]
    assert texts[:1] == ["one"] and texts[8:] == ["zebra", "ozone", "quick", "jump!"]
    assert training_data.replayed == 2
    assert training_data.dataset.train[8].source == f"{more}/train.txt:1"
    assert training_data.dataset.val == read_dataset(line_folder).val


def test_a_dictionary_grows_by_their_characters(line_folder: Path, more: Path, old: Path) -> None:
    (line_folder / "dict.txt").write_text("\n".join("onetwhrfuisvgx 247") + "\n")
    charset = combine_datasets(read_dataset(line_folder), [str(more)], [str(old)]).dataset.charset
    assert charset is not None
    assert charset.characters[:18] == tuple("onetwhrfuisvgx 247")
    assert charset.characters[18:] == tuple("!abcjkmpqz")


def test_they_are_checked_and_their_findings_name_the_folder(line_folder: Path, more: Path, old: Path) -> None:
    (more / "1.png").write_bytes(b"")
    (old / "0.png").write_bytes((line_folder / "images" / "08.png").read_bytes())
    with (old / "train.txt").open("a") as file:
        file.write("no tab\n")
    (old / "dict.txt").write_text("a\na\n")
    combined = combine_datasets(read_dataset(line_folder), [str(more)], [str(old)])
    issues = run_checks(combined.dataset, near_duplicates=False).issues
    errors = {(issue.code, issue.where) for issue in issues if issue.severity == "error"}
    assert errors == {
        ("image-empty", f"{more}/train.txt:2"),
        ("label-conflict", f"{old}/train.txt:1, val.txt:1"),
        ("leak", f"{old}/train.txt:1, val.txt:1"),
        ("columns", f"{old}/train.txt:3"),
    }
    assert not any(issue.code == "outside-folder" for issue in issues)


def test_a_folder_without_training_lines_is_an_error(line_folder: Path, tmp_path: Path) -> None:
    empty = folder(tmp_path / "empty", [])
    with pytest.raises(DataError, match=r"Train\.replay: .*empty holds no training lines"):
        combine_datasets(read_dataset(line_folder), [], [str(empty)])
    with pytest.raises(DataError, match="nowhere"):
        combine_datasets(read_dataset(line_folder), ["nowhere"], [])


def test_a_training_uses_them_all(line_folder: Path, more: Path, old: Path, tmp_path: Path) -> None:
    values = [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}", "Global.device=cpu"]
    values += [f"Train.extra_datasets=[{more}]", f"Train.replay=[{old}]", "Train.epochs_iters=1"]
    lines: list[str] = []
    mode.run(load_config("lcnetv4_tiny", values), lines.append)
    assert any("12 training lines" in line for line in lines)
    characters = (tmp_path / "out" / "label_dict.txt").read_text(encoding="utf-8")
    assert set("zabqjkmp!") <= set(characters)
    (more / "0.png").unlink()
    with pytest.raises(DataError, match="image-missing"):
        mode.run(load_config("lcnetv4_tiny", [*values, "Train.overwrite=true"]), lines.append)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["Train.replay_ratio=1"], "expected more than 0 and less than 1"),
        (["Train.replay_ratio=0"], "expected more than 0 and less than 1"),
        (["Train.replay=[a]", "Train.synth.enable=true"], "expected stored training lines"),
    ],
)
def test_contradictions_are_refused(values: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("lcnetv4_tiny", values)
