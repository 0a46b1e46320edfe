"""What pyproject.toml claims is what is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def requirements() -> dict[str, str]:
    """The lower bound of every package in pyproject.toml, the tools that only developers run left out."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = dict(re.findall(r'"([A-Za-z0-9_-]+)>=([0-9.]+)"', text))
    return {name: bound for name, bound in found.items() if name not in ("mypy", "ruff")}


def pins() -> dict[str, str]:
    """The versions that ``make test-oldest`` installs."""
    return dict(re.findall(r"^([A-Za-z0-9_-]+)==([0-9.]+)$", (ROOT / "tests" / "oldest.txt").read_text("utf-8"), re.M))


@pytest.mark.parametrize("name", sorted(requirements()))
def test_the_oldest_version_of_every_package_is_the_one_that_is_tested(name: str) -> None:
    tested = pins().get(name)
    assert tested is not None, "add it to tests/oldest.txt"
    wanted = requirements()[name]
    assert (tested + ".0.0").startswith(wanted + "."), f"pyproject.toml says {wanted}, tests/oldest.txt {tested}"
