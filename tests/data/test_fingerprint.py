from __future__ import annotations

from pathlib import Path

from ocrx.data.fingerprint import fingerprint
from ocrx.data.sample import Sample


def test_labels_names_sizes_and_order_count(tmp_path: Path) -> None:
    for name, content in (("a.png", b"1"), ("b.png", b"22")):
        (tmp_path / name).write_bytes(content)
    lines = [Sample(tmp_path / "a.png", "one", "train.txt:1"), Sample(tmp_path / "b.png", "two", "train.txt:2")]
    first = fingerprint(lines)
    assert len(first) == 16
    assert fingerprint(lines) == first
    assert fingerprint(lines[::-1]) != first
    assert fingerprint([lines[0], Sample(lines[1].image, "Two", "train.txt:2")]) != first
    (tmp_path / "b.png").write_bytes(b"333")
    assert fingerprint(lines) != first


def test_the_folder_does_not_count(tmp_path: Path) -> None:
    assert fingerprint([Sample(tmp_path / "a.png", "x", "s")]) == fingerprint([Sample(Path("a.png"), "x", "t")])
