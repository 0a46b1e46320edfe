from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from support.review import write_lines

from ocrx.cli.app import main
from ocrx.config import config_from_options
from ocrx.errors import ConfigError
from ocrx.modes import review
from ocrx.review.access import HEADER
from ocrx.review.session import ReviewSession


class Running:
    """A review in a process of its own, and a browser's connection to it."""

    def __init__(self, root: Path, *options: str) -> None:
        command = [sys.executable, "-m", "ocrx", "review", str(root), "--no-browser", "--model", "none", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.lines: list[str] = []
        while not (found := re.search(r"http://\S+", self.lines[-1] if self.lines else "")):
            line = self.process.stderr.readline()
            assert line, "".join(self.lines)
            self.lines.append(line)
        self.address = found.group()
        base = self.address.partition("?")[0]
        self.client = httpx.Client(base_url=base, headers={HEADER: "1"}, follow_redirects=True, timeout=60)
        assert self.client.get(self.address).status_code == 200

    def call(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"/api/{path}", params={"tab": "t"}, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def accept(self, line: str, text: str, revision: int = 0) -> Any:
        fields = {"line": line, "status": "accepted", "text": text, "revision": revision, "reviewer": "me"}
        return self.call("decide", **fields)

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """End the process; its exit code and what it wrote."""
        self.client.close()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


def lost(running: Running, line: str, text: str) -> None:
    """Send a correction whose answer may never come."""
    with suppress(httpx.HTTPError):
        running.accept(line, text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "data", ["one", "two", "three"], ["four"])


@pytest.fixture
def started() -> Iterator[list[Running]]:
    """What a test starts; it is ended in any case."""
    found: list[Running] = []
    yield found
    for one in found:
        one.client.close()
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end_writes_the_labels_and_says_what(root: Path, started: list[Running], number: int) -> None:
    running = Running(root, "--json")
    started.append(running)
    assert running.lines[0].startswith("4 lines of")
    assert running.lines[1].startswith("no model")
    running.accept("01.png", "zwei")
    code, out, err = running.end(number)
    assert code == 0, err
    assert (root / "train.txt").read_text() == "00.png\tone\n01.png\tzwei\n02.png\tthree\n"
    assert "1 of 4 lines accepted (1 corrected)" in err
    report = json.loads(out)
    assert (report["accepted"], report["open"], report["files"]) == (1, 3, ["train.txt"])


def test_what_was_confirmed_before_a_kill_is_there_afterwards(root: Path, started: list[Running]) -> None:
    running = Running(root)
    started.append(running)
    running.accept("00.png", "eins")
    running.process.kill()
    running.process.communicate()

    again = Running(root)
    started.append(again)
    line = again.client.get("/api/line", params={"tab": "t", "key": "00.png"}).json()["line"]
    assert (line["text"], line["status"]) == ("eins", "accepted")
    assert again.end()[0] == 0
    assert (root / "train.txt").read_text().startswith("00.png\teins\n")


def test_a_port_in_use_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["review", str(root), "--no-browser", "--model", "none", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
    assert main(["review", str(root / "missing"), "--no-browser"]) == 1


def test_a_dataset_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"Global\.dataset_dir"):
        review.run(config_from_options({}), print)


def test_the_language_of_a_configuration_decides_on_the_model(root: Path) -> None:
    session = ReviewSession(root)
    found = review._find_model(config_from_options({"Predict.lang": "ru"}), session)
    with pytest.raises(ConfigError, match="lang: 'auto'"):
        review._find_model(config_from_options({"Predict.lang": "auto"}), session)
    session.close()
    assert found is not None
    assert found.name == "printed_cyrillic"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root.chmod(0o555)
    try:
        assert main(["review", str(root), "--no-browser", "--model", "none"]) == 1
    finally:
        root.chmod(0o755)
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
def test_500_corrections_at_10_a_second_survive_three_kills(tmp_path: Path, started: list[Running]) -> None:
    root = write_lines(tmp_path / "data", [f"label {i}" for i in range(500)])
    running = Running(root)
    started.append(running)
    confirmed: dict[str, str] = {}
    begin, kills = time.monotonic(), [120, 260, 410]
    current: str | None = None

    for i in range(500):
        parameters = {"tab": "t", **({"current": current} if current else {})}
        line = running.client.get("/api/next", params=parameters).json()["line"]
        text = f"corrected {i}"
        if i in kills:
            # While a correction is on its way: it is on the disk, or it was not confirmed and is typed again.
            sending = threading.Thread(target=lost, args=(running, line["key"], text))
            sending.start()
            time.sleep(0.002)
            running.process.kill()
            running.process.communicate()
            sending.join()
            running = Running(root)
            started.append(running)
            line = running.client.get("/api/line", params={"tab": "t", "key": line["key"]}).json()["line"]
        if line["status"] == "open":
            running.accept(line["key"], text, line["revision"])
        confirmed[line["key"]] = text
        current = line["key"]
        time.sleep(max(0.0, begin + i / 10 - time.monotonic()))

    assert len(confirmed) == 500
    assert running.end()[0] == 0
    rows = (root / "train.txt").read_text().splitlines()
    assert dict(row.split("\t") for row in rows) == confirmed
