from __future__ import annotations

import re
from pathlib import Path

from ocrx.training.run_log import open_log


def test_the_file_has_the_time_of_each_line_and_the_user_does_not(tmp_path: Path) -> None:
    shown: list[str] = []
    for number in range(2):
        with open_log(tmp_path / "train.log", shown.append) as log:
            log(f"line {number}")
            lines = (tmp_path / "train.log").read_text().splitlines()
            assert len(lines) == number + 1, "written at once, behind what was there"
    assert shown == ["line 0", "line 1"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d  line \d", line) for line in lines)
