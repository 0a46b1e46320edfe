from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.checks.histogram import count_label_lengths, draw_histogram


@given(st.lists(st.text(max_size=130)), st.lists(st.text(max_size=130)))
def test_histogram_counts_every_label_once(train: list[str], val: list[str]) -> None:
    histogram = count_label_lengths(train, val)
    assert (sum(histogram.train), sum(histogram.val)) == (len(train), len(val))
    assert len(histogram.bins) == len(histogram.train) == len(histogram.val)


def test_histogram_has_the_last_partial_bin_and_keeps_parts_apart(tmp_path: Path) -> None:
    histogram = count_label_lengths(["a" * n for n in (1, 5, 6, 23)], ["", " " * 5, "a" * 101])
    named = dict(zip(histogram.bins, zip(histogram.train, histogram.val, strict=True), strict=True))
    assert named["0"] == (0, 1)
    assert named["1-5"] == (2, 1)
    assert named["6-10"] == (1, 0)
    assert named["21-25"] == (1, 0)
    assert named[">100"] == (0, 1)
    draw_histogram(histogram, tmp_path / "h.png")
    draw_histogram(count_label_lengths([], []), tmp_path / "empty.png")
