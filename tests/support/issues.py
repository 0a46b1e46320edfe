"""Findings in the form that tests compare."""

from __future__ import annotations

from collections.abc import Iterable

from ocrx.results import Issue


def codes_and_places(issues: Iterable[Issue]) -> list[tuple[str, str]]:
    """(code, where) of each issue, in order."""
    return [(issue.code, issue.where) for issue in issues]
