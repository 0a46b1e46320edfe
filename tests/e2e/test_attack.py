"""Damaged files of every kind end in a named error: a fixed sample of what ``benchmarks/attack.py`` tries."""

from __future__ import annotations

from collections import Counter

import attack
import pytest

SAMPLE, MANY = 500, 20_000


def cases(count: int) -> list[tuple[str, int]]:
    families = sorted(attack.FAMILIES)
    return [(families[i % len(families)], i // len(families)) for i in range(count)]


@pytest.mark.timeout(1800)
def test_a_sample_of_damaged_files_is_refused_by_name() -> None:
    found = [one for one in attack.attack(cases(SAMPLE), workers=1) if one[2].kind != "passed"]
    assert not found


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_files_are_refused_by_name() -> None:
    counts = Counter(outcome.kind for _, _, outcome in attack.attack(cases(MANY), workers=2))
    assert counts == {"passed": MANY}


def test_a_failing_case_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: object) -> int:
        raise ValueError("a bug")

    monkeypatch.setattr("ocrx.cli.app.main", broken)
    assert attack.run_case("config", 0).kind == "exception"
    monkeypatch.setattr("ocrx.cli.app.main", lambda arguments: 1)
    assert attack.run_case("config", 0).kind == "silent"
