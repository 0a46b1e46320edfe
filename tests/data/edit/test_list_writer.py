from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.edit.list_writer import list_line, require_all_lines_read
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError


def test_a_line_keeps_its_text() -> None:
    assert list_line("a b.png", Sample(Path("x"), " two\twords ", "t:1")) == "a b.png\t two\twords \n"


@pytest.mark.parametrize(("image", "text"), [("a\tb.png", "x"), ("a\nb.png", "x"), ("a.png", "x\ny")])
def test_separators_are_rejected(image: str, text: str) -> None:
    with pytest.raises(DataError, match=r"t:1: .*TAB or a newline"):
        list_line(image, Sample(Path("x"), text, "t:1"))


def test_lines_that_were_not_read_are_counted(tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_bytes(b"a.png\tx\n\nno tab\nb.png\xff\ty\n")
    with pytest.raises(DataError, match=r"label.txt:\d: .*2 such lines"):
        require_all_lines_read(read_dataset(tmp_path))
    (tmp_path / "label.txt").write_bytes(b"a.png\tx\n\nb.png\ty")
    require_all_lines_read(read_dataset(tmp_path))
