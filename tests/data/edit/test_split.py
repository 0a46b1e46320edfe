from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.edit.split import divide_groups, split_dataset, undo_split
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    train = [f"images/p{i // 5}_{i:02}.png\tline {i}\n" for i in range(40)]
    val = [f"images/p{i // 5}_{i:02}.png\tline {i}\n" for i in range(40, 50)]
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbf" + "".join(train).replace("\n", "\r\n").encode())
    (tmp_path / "val.txt").write_text("".join(val).rstrip("\n"))
    return tmp_path


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _lines(folder: Path) -> tuple[set[str], set[str]]:
    dataset = read_dataset(folder)
    return {f"{s.image.name}\t{s.text}" for s in dataset.train}, {f"{s.image.name}\t{s.text}" for s in dataset.val}


def test_nothing_is_lost_and_the_seed_decides(folder: Path) -> None:
    before = _lines(folder)
    report = split_dataset(folder, 20, seed=3)
    train, val = _lines(folder)
    assert (report.train, report.val, len(train), len(val)) == (40, 10, 40, 10)
    assert train | val == before[0] | before[1]
    first = _snapshot(folder)
    split_dataset(folder, 40, seed=4)
    assert _lines(folder) != (train, val)
    split_dataset(folder, 20, seed=3)
    assert _snapshot(folder)["train.txt"] == first["train.txt"]


def test_undo_gives_back_every_byte(folder: Path) -> None:
    before = _snapshot(folder)
    for seed in (1, 2):
        split_dataset(folder, 30, seed=seed)
    assert undo_split(folder) == ("train.txt", "val.txt")
    assert _snapshot(folder) == before
    with pytest.raises(DataError, match="no split to undo"):
        undo_split(folder)


def test_undo_keeps_lists_that_were_edited_since(folder: Path) -> None:
    split_dataset(folder, 30, seed=1)
    edited = (folder / "val.txt").read_text() + "images/more.png\tmore\n"
    (folder / "val.txt").write_text(edited)
    undo_split(folder)
    assert (folder / "val.txt.bak1").read_text() == edited


def test_an_old_bak_of_something_else_is_not_overwritten(folder: Path) -> None:
    (folder / "train.txt.bak").write_text("precious")
    before = _snapshot(folder)
    split_dataset(folder, 20, seed=0)
    assert (folder / "train.txt.bak").read_text() == "precious"
    undo_split(folder)
    assert _snapshot(folder) == before


def test_one_label_file_becomes_two_lists_and_back(tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_text("".join(f"{i}.png\t{i}\n" for i in range(10)))
    before = _snapshot(tmp_path)
    report = split_dataset(tmp_path, 10, seed=0)
    assert (report.train, report.val, report.created) == (9, 1, ("train.txt", "val.txt"))
    assert not (tmp_path / "label.txt").exists()
    undo_split(tmp_path)
    assert _snapshot(tmp_path) == before


def test_groups_stay_together(folder: Path) -> None:
    split_dataset(folder, 20, seed=7, group=r"images/(p\d+)_")
    train, val = _lines(folder)
    assert len(val) == 10
    assert {line.split("_")[0] for line in train}.isdisjoint({line.split("_")[0] for line in val})


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(1, 99), st.integers(0, 5))
def test_a_split_is_complete_and_close_to_the_requested_share(pages: list[int], percent: int, seed: int) -> None:
    paths = [f"p{page}/{i}.png" for i, page in enumerate(pages)]
    largest = max(pages.count(page) for page in pages)
    try:
        (train, val), groups = divide_groups(paths, percent, seed, r"p\d")
    except DataError:
        assert len(set(pages)) == 1 or abs(len(pages) * percent / 100) <= largest or percent > 50
        return
    assert sorted(train + val) == list(range(len(paths)))
    assert {pages[i] for i in train}.isdisjoint({pages[i] for i in val})
    assert groups == len(set(pages))
    assert abs(len(val) - len(paths) * percent / 100) <= largest
    assert divide_groups(paths, percent, seed, r"p\d")[0] == (train, val)


def test_refusals_change_nothing(folder: Path) -> None:
    before = _snapshot(folder)
    with pytest.raises(DataError, match="does not match the group pattern"):
        split_dataset(folder, 20, seed=0, group="nothing")
    with pytest.raises(ConfigError, match="not a regular expression"):
        split_dataset(folder, 20, seed=0, group="(")
    with pytest.raises(DataError, match="a part would be empty"):
        split_dataset(folder, 1, seed=0, group="images")
    assert _snapshot(folder) == before
    (folder / "train.txt").write_text("no tab here\n" + (folder / "train.txt").read_text())
    before = _snapshot(folder)
    with pytest.raises(DataError, match=r"train\.txt:1.*would be lost"):
        split_dataset(folder, 20, seed=0)
    assert _snapshot(folder) == before


@pytest.mark.parametrize(
    "record",
    [
        "[" * 100_000,
        "{}",
        '{"kept": {"train.txt": "../precious.txt"}, "made": [], "digests": {}}',
        '{"kept": {}, "made": ["/precious.txt"], "digests": {}}',
        '{"kept": [], "made": [], "digests": {}}',
    ],
)
def test_a_damaged_record_is_named_and_touches_nothing(tmp_path: Path, record: str) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (tmp_path / "precious.txt").write_text("precious")
    (root / "train.txt").write_text("a.png\ta\nb.png\tb\n")
    (root / "split.json").write_text(record)
    with pytest.raises(DataError, match=r"split\.json: damaged"):
        undo_split(root)
    with pytest.raises(DataError, match=r"split\.json: damaged"):
        split_dataset(root, 50, seed=0)
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert (root / "train.txt").read_text() == "a.png\ta\nb.png\tb\n"


def test_the_record_keeps_its_keys(folder: Path) -> None:
    split_dataset(folder, 20, seed=0)
    record = json.loads((folder / "split.json").read_text())
    assert record["kept"] == {"train.txt": "train.txt.bak", "val.txt": "val.txt.bak"}
    assert record["made"] == []
    assert {"train", "val", "groups", "seed", "val_percent", "group", "digests"} <= record.keys()
