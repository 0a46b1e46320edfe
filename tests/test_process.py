"""Memory of this process, and which one reports for all."""

from __future__ import annotations

import sys

import pytest

from ocrx.process import is_main_process, peak_mib, resident_mib


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report it")
def test_memory_is_in_mib() -> None:
    assert 5 < resident_mib() <= peak_mib() + 64


@pytest.mark.parametrize(
    ("environment", "main"),
    [
        ({}, True),
        ({"WORLD_SIZE": "2", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "1"}, False),
        ({"RANK": "1"}, True),
    ],
)
def test_rank_0_of_torchrun_is_the_main_process(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], main: bool
) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() is main
