"""The process as the shell sees it: closed streams and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.lines import draw_line

OCRX = (sys.executable, "-m", "ocrx")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="closes streams with the shell of POSIX")


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m ocrx {command}', sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_closed_streams_are_named_errors(tmp_path: Path) -> None:
    draw_line("one").save(tmp_path / "a.png")
    without_stdin = shell("predict - <&-", tmp_path)
    assert without_stdin.returncode == 1 and "error: -: stdin is closed" in without_stdin.stderr
    without_stdout = shell("predict a.png >&-", tmp_path)
    assert without_stdout.returncode == 1 and without_stdout.stderr.startswith("error: stdout is closed")
    without_stderr = shell("predict a.png 2>&-", tmp_path)
    assert without_stderr.returncode == 0 and without_stderr.stdout.startswith("a.png\t")


def test_ctrl_c_ends_with_130_and_one_line() -> None:
    process = subprocess.Popen(
        [*OCRX, "predict", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, the shell has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None and process.stderr.readline().startswith("model ")
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert rest == "interrupted\n"
