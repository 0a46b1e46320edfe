"""Messages of libraries are shortened to one line."""

from __future__ import annotations

import pytest

from ocrx.errors import first_line


@pytest.mark.parametrize(
    ("message", "line"), [("one", "one"), ("\n  one\ntwo\n", "one"), ("", "RuntimeError"), (" \n", "RuntimeError")]
)
def test_the_first_line_of_a_message(message: str, line: str) -> None:
    assert first_line(RuntimeError(message)) == line
