"""What pyproject.toml claims is what is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


# Extras and tools that the tests do without.
NOT_TESTED = ("ray", "synth", "ppocr", "docs")
TOOLS = ("mypy", "ruff")


def requirements() -> dict[str, str]:
    """The lower bound of every package in pyproject.toml that the tests use."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    tested = [line for line in lines if line.partition(" = ")[0] not in NOT_TESTED]
    found = dict(re.findall(r'"([A-Za-z0-9_-]+)>=([0-9.]+)"', "\n".join(tested)))
    return {name: bound for name, bound in found.items() if name not in TOOLS}


def pins() -> dict[str, str]:
    """The versions that ``make test-oldest`` installs."""
    return dict(re.findall(r"^([A-Za-z0-9_-]+)==([0-9.]+)$", (ROOT / "tests" / "oldest.txt").read_text("utf-8"), re.M))


@pytest.mark.parametrize("name", sorted(requirements()))
def test_the_oldest_version_of_every_package_is_the_one_that_is_tested(name: str) -> None:
    tested = pins().get(name)
    assert tested is not None, "add it to tests/oldest.txt"
    wanted = requirements()[name]
    assert (tested + ".0.0").startswith(wanted + "."), f"pyproject.toml says {wanted}, tests/oldest.txt {tested}"
