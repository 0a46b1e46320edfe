"""Tabs move through the lines of a review, each on its own way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.review import accept, write_lines

from ocrx.errors import DataError
from ocrx.review.line_order import Filter
from ocrx.review.session import ReviewSession

OPEN = Filter()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ReviewSession]:
    opened = ReviewSession(write_lines(tmp_path / "data", ["one", "two", "three"], ["four"]))
    yield opened
    opened.close()


def test_a_tab_goes_forward_back_and_to_a_line(session: ReviewSession) -> None:
    way = session.navigation
    first = way.following("a", None, OPEN)
    assert first is not None
    coming = way.upcoming("a", OPEN)
    second = way.following("a", first["key"], OPEN)
    assert second is not None and coming is not None and second["key"] == coming["key"] != first["key"]
    back = way.previous("a", second["key"], OPEN)
    assert back is not None and back["key"] == first["key"]
    assert way.jump("a", "03.png", OPEN)["label"] == "four"
    other = way.following("b", None, OPEN)
    assert other is not None and other["key"] == first["key"], "another tab begins at the beginning"


def test_a_line_that_is_not_in_the_review_is_an_error(session: ReviewSession) -> None:
    with pytest.raises(DataError):
        session.navigation.jump("a", "99.png", OPEN)


def test_the_end_is_reached_when_every_line_is_decided(session: ReviewSession) -> None:
    for number in range(4):
        accept(session, f"{number:02}.png", "text")
    assert session.navigation.following("a", None, OPEN) is None
    assert session.navigation.upcoming("a", OPEN) is None
