"""Memory of this process, and which one reports for all."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ocrx.process import is_main_process, is_running, peak_mib, resident_mib


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report it")
def test_memory_is_in_mib() -> None:
    assert 5 < resident_mib() <= peak_mib() + 64


def test_freed_memory_is_returned_where_the_c_library_can() -> None:
    # In a process of its own, as the option stays; 30 MiB would raise glibc's threshold to as much.
    code = """
from ocrx.process import resident_mib, return_freed_memory
able = return_freed_memory()
bytes(30 << 20)
before = resident_mib()
blocks = [bytearray(200_000) for _ in range(100)]
last = bytearray(200_000)
del blocks
print(able, resident_mib() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    able, kept = done.stdout.split()
    assert able == "False" or float(kept) < 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report it")
def test_a_process_that_has_ended_does_not_run() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_running(ended.pid)
    assert is_running(os.getpid())
    assert is_running(1), "a process of another user"
    assert is_running(10**30), "no number of a process"


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is not asked")
def test_an_ended_process_does_not_run() -> None:
    assert is_running(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait(timeout=120)
    assert not is_running(child.pid)
