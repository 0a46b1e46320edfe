from __future__ import annotations

from pathlib import Path

import pytest
from support.lines import draw_line
from support.review import write_lines

from ocrx.errors import DataError
from ocrx.review.lines import count_characters, find_labels, list_lines, merge_folder, read_folder


def test_keys_name_images_and_tell_repeated_ones_apart(tmp_path: Path) -> None:
    root = write_lines(tmp_path / "data", ["one", "two"], ["three"])
    with (root / "val.txt").open("a") as file:
        file.write(f"00.png\tagain\n{tmp_path}/outside.png\tfar\n")
    lines = read_folder(root, find_labels(root), transcription=False).lines
    keys = [line.key for line in lines]
    assert keys == ["00.png", "01.png", "02.png", "00.png#2", str(tmp_path / "outside.png")]
    assert [line.part for line in lines] == ["train", "train", "val", "val", "val"]


def test_one_label_file_is_reviewed_alone(tmp_path: Path) -> None:
    root = write_lines(tmp_path / "data", ["one"], ["two"])
    folder = read_folder(root / "val.txt", find_labels(root / "val.txt"), transcription=False)
    assert (folder.root, [line.key for line in folder.lines]) == (root, ["01.png"])


def test_images_without_a_label_follow_in_a_transcription(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "c.txt"):
        draw_line("x").save(tmp_path / name, format="PNG")
    assert find_labels(tmp_path) is None
    (tmp_path / "label.txt").write_text("b.png\tdone\n")
    lines = read_folder(tmp_path, find_labels(tmp_path), transcription=True).lines
    assert [(line.key, line.sample.text) for line in lines] == [("b.png", "done"), ("a.jpg", "")]


def test_a_folder_without_anything_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no label file"):
        find_labels(tmp_path)


def test_merging_keeps_numbers_marks_what_is_gone_and_adds_what_is_new(tmp_path: Path) -> None:
    root = write_lines(tmp_path / "data", ["one", "two"], [])
    old = read_folder(root, find_labels(root), transcription=False).lines
    (root / "train.txt").write_text("01.png\tzwei\nnew.png\tneu\n")
    merged = merge_folder(old, read_folder(root, find_labels(root), transcription=False).lines)
    found = [(line.key, line.sample.text, line.gone) for line in merged]
    assert found == [("00.png", "one", True), ("01.png", "zwei", False), ("new.png", "neu", False)]


def test_lists_name_images_relative_to_their_folder(tmp_path: Path) -> None:
    root = write_lines(tmp_path / "data", ["one"], [])
    lines = read_folder(root, find_labels(root), transcription=False).lines
    base = root / "sub" / "folder"
    assert list_lines(lines, {"00.png": "eins"}, base) == "../../00.png\teins\n"
    assert count_characters(lines) == {"o": 1, "n": 1, "e": 1}
