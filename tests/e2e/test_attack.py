"""Damaged files of every kind end in a named error: a fixed sample of what ``benchmarks/attack.py`` tries."""

from __future__ import annotations

from collections import Counter

import attack
import pytest

# 500 cases; an LMDB is read in a process of its own, which takes a second to start.
SAMPLE = {"images": 100, "pdf": 60, "labels": 60, "model": 80, "config": 120, "lmdb": 10, "pickle": 70}
MANY = 20_000


def many_cases() -> list[tuple[str, int]]:
    families = sorted(attack.FAMILIES)
    return [(families[i % len(families)], i // len(families)) for i in range(MANY)]


@pytest.mark.timeout(1800)
def test_a_sample_of_damaged_files_is_refused_by_name() -> None:
    assert set(SAMPLE) == set(attack.FAMILIES)
    cases = [(family, seed) for family, count in SAMPLE.items() for seed in range(count)]
    found = [one for one in attack.attack(cases, workers=1) if one[2].kind != "passed"]
    assert not found


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_files_are_refused_by_name() -> None:
    counts = Counter(outcome.kind for _, _, outcome in attack.attack(many_cases(), workers=2))
    assert counts == {"passed": MANY}


def test_a_failing_case_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: object) -> int:
        raise ValueError("a bug")

    monkeypatch.setattr("ocrx.cli.app.main", broken)
    assert attack.run_case("config", 0).kind == "exception"
    monkeypatch.setattr("ocrx.cli.app.main", lambda arguments: 1)
    assert attack.run_case("config", 0).kind == "silent"
