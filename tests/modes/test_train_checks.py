"""``train`` looks at the data with the rules of ``check-dataset`` before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.config import load_config
from ocrx.data.rules import CACHE_FILE, check
from ocrx.errors import DataError
from ocrx.modes import check_dataset, train


def test_errors_are_refused_by_line_and_code_before_anything_is_written(line_folder: Path, tmp_path: Path) -> None:
    (line_folder / "images" / "03.png").write_bytes(b"")
    with (line_folder / "train.txt").open("a") as file:
        file.write("images/04.png\t\n")
    output = tmp_path / "out"
    config = load_config("lcnetv4_tiny", [f"Global.dataset_dir={line_folder}", f"Global.output={output}"])
    with pytest.raises(DataError) as info:
        train.run(config, log=lambda line: None)
    assert "train.txt:4: images/03.png: empty file" in info.value.message
    assert "train.txt:9: empty label" in info.value.message
    assert "Train.allow=[" in (info.value.hint or "")
    assert sorted(path.name for path in output.rglob("*")) == ["check_dataset", "images.npy"]


def test_right_to_left_labels_make_a_right_to_left_model(line_folder: Path, tmp_path: Path) -> None:
    config = load_config("lcnetv4_tiny", [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}"])
    assert train.new_spec(config, train.read_dataset(line_folder)).direction == "ltr"
    labels = (line_folder / "train.txt").read_text(encoding="utf-8").splitlines()
    labels[0] = labels[0].split("\t")[0] + "\tسنة (1963"
    (line_folder / "train.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (line_folder / "dict.txt").unlink(missing_ok=True)
    spec = train.new_spec(config, train.read_dataset(line_folder))
    assert spec.direction == "rtl"
    assert {"س", "(", ")"} <= set(spec.charset)
    assert type(spec).from_json(spec.to_json(), "here") == spec


def test_images_that_were_checked_are_not_opened_again(line_folder: Path, tmp_path: Path) -> None:
    config = load_config("lcnetv4_tiny", [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}"])
    check_dataset.run(config)
    dataset = train.read_dataset(line_folder)
    assert check(dataset, cache=tmp_path / "out" / CACHE_FILE).scan.decoded == 0
