"""Sorting what does not fit into memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.bulk import disk_sort
from ocrx.bulk.disk_sort import repeated, sorted_lines


def test_lines_are_sorted_through_several_levels_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_sort, "_RUN", 7)
    monkeypatch.setattr(disk_sort, "_MERGED", 3)
    names = [f"straße/{number}\udce4.png" for number in range(200)]
    random.Random(1).shuffle(names)
    assert list(sorted_lines(names)) == sorted(names)
    assert list(sorted_lines([])) == []


@given(st.lists(st.sampled_from("abcdefgh") | st.text(max_size=3)))
def test_repeated_ids_are_those_that_a_dictionary_finds(ids: list[str]) -> None:
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(ids):
        rows.setdefault(value, []).append(row)
    assert repeated(ids) == sorted((found for found in rows.values() if len(found) > 1), key=lambda found: found[1])


def test_ids_of_one_file_of_hashes_are_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_sort, "_BUFFER", 48)
    assert repeated([*map(str, range(5000)), "17", "4999", "17"]) == [[17, 5000, 5002], [4999, 5001]]


def test_names_with_line_ends_stay_whole() -> None:
    names = ["b.png", "a\nb.png", "a.png", "a\r\n.png", "a"]
    assert list(sorted_lines(names)) == sorted(names)
