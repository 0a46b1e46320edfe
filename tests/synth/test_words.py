"""The data file of words and patterns."""

from __future__ import annotations

import pytest

from ocrx.synth import words


def test_every_declared_section_has_entries() -> None:
    for name in words.__annotations__:
        if name.isupper():
            section = getattr(words, name)
            assert section and all(isinstance(entry, str) for entry in section), name


def test_every_section_of_the_file_is_declared() -> None:
    assert set(words.sections()) <= set(words.__annotations__)


def test_a_section_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NOTHING"):
        words.NOTHING  # noqa: B018  # the access is what fails
