from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.formats.ppocrlabel import read_ppocrlabel
from ocrx.data.formats.regions import Region, SkippedRegion
from ocrx.errors import DataError


def test_paths_may_begin_with_the_folder_or_not(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"x")
    box = '[{"transcription": "a <b>", "points": [[0, 0], [9, 0], [9, 5], [0, 5]]}]'
    rows = [f"{tmp_path.name}/scan.png\t{box}\n", f"scan.png\t{box}\n"]
    (tmp_path / "Label.txt").write_text("".join(rows))
    first, second = read_ppocrlabel(tmp_path)
    assert isinstance(first, Region)
    assert isinstance(second, Region)
    assert first.page.samefile(second.page)
    assert (first.text, first.source) == ("a <b>", "Label.txt:1: box 1")


@pytest.mark.parametrize("written", ["", "{", "[" * 100_000, '[{"points": 3, "transcription": "x"}]', "3"])
def test_damaged_lines_are_skipped(tmp_path: Path, written: str) -> None:
    (tmp_path / "scan.png").write_bytes(b"x")
    (tmp_path / "Label.txt").write_text(f"scan.png\t{written}\n")
    (found,) = read_ppocrlabel(tmp_path)
    assert isinstance(found, SkippedRegion)


def test_the_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Label\.txt: no such file"):
        list(read_ppocrlabel(tmp_path))
