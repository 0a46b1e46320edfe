"""``ocrx serve`` as a process: how it starts, stops, and what many clients at once do to it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.lines import draw_line
from support.serving import png, wait_until

from ocrx import create_model

TOKEN = "a-token-of-enough-characters"


class Process:
    """A running ``ocrx serve``."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "ocrx", "serve", "--port", "0", *options]
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.messages: list[str] = []
        self.log: list[str] = []
        self._readers = [
            threading.Thread(target=self._collect, args=pair)
            for pair in ((self.program.stderr, self.messages), (self.program.stdout, self.log))
        ]
        for reader in self._readers:
            reader.start()
        wait_until(lambda: self.program.poll() is not None or "listening on" in "".join(self.messages))
        found = re.search(r"listening on (\S+?)[;,]", "".join(self.messages))
        assert found is not None, "".join(self.messages)
        self.url = found[1]

    @staticmethod
    def _collect(stream: object, lines: list[str]) -> None:
        lines.extend(iter(stream.readline, ""))  # type: ignore[attr-defined]

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.program.poll() is None:
            self.program.send_signal(number)
        code = self.program.wait(120)
        for reader in self._readers:
            reader.join()
        return code


@contextmanager
def process(*options: str) -> Iterator[Process]:
    running = Process(*options)
    try:
        yield running
    finally:
        running.end()
        for stream in (running.program.stdout, running.program.stderr):
            assert stream is not None
            stream.close()


def test_it_reads_as_predict_does_and_ends_with_its_requests_answered(model_folder: Path, images: Path) -> None:
    files = sorted(images.rglob("*.*"))
    expected = [p.text for p in create_model(model_dir=model_folder).predict([str(file) for file in files])]
    uploads = [("image", (file.name, file.read_bytes())) for file in files]
    with process("--model", str(model_folder)) as server:
        assert str(model_folder) in server.messages[0]
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(f"{server.url}/v1/lines", files=uploads * 20, timeout=120, trust_env=False))

        client = threading.Thread(target=ask)
        client.start()
        wait_until(lambda: "ocrx_queue_images 0.0" not in httpx.get(f"{server.url}/metrics", trust_env=False).text)
        assert server.end() == 0
        client.join()
        assert [r["rec_text"] for r in answers[0].json()["results"]] == expected * 20
        last = json.loads(server.log[-1])
        assert (last["path"], last["status"], last["images"]) == ("/v1/lines", 200, len(files) * 20)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Processes started here heed Ctrl-C, also where a shell runs the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_it(model_folder: Path) -> None:
    with process("--model", str(model_folder)) as server:
        assert server.end(signal.SIGINT) == 130
        assert server.messages[-1] == "interrupted\n" and "Traceback" not in "".join(server.messages)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "host: 0.0.0.0 is reached from other machines"),
        (["--host", "0.0.0.0", "--token-file", "missing.txt"], "token_file: missing.txt"),
        (["--port", "65536"], "Serve.port: 65536"),
        (["--queue", "5"], "queue: 5; expected at least max_images"),
        (["--timeout", "0"], "Serve.timeout: 0.0"),
    ],
)
def test_wrong_usage_is_refused(options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "ocrx", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_refused(model_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "ocrx", "serve", "--model", str(model_folder), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and f"port: 127.0.0.1:{port} cannot be used" in done.stderr


def test_several_processes_share_a_port_and_their_numbers(model_folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN, encoding="utf-8")
    image = png(draw_line("x"))
    options = ("--workers", "2", "--host", "0.0.0.0", "--token-file", str(tokens))
    with process("--model", str(model_folder), *options) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{url}/v1/lines", files={"image": image}, timeout=120, trust_env=False).status_code == 401
        for _ in range(8):
            answer = httpx.post(
                f"{url}/v1/lines", files={"image": image}, headers=headers, timeout=120, trust_env=False
            )
            assert answer.status_code == 200
        numbers = httpx.get(f"{url}/metrics", headers=headers, timeout=120, trust_env=False).text
        assert 'ocrx_requests_total{path="/v1/lines",status="200"} 8.0' in numbers
        assert server.end() == 0


def test_a_broken_model_is_an_error_before_workers_start(model_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.json").write_text("{}", encoding="utf-8")
    (broken / "model.safetensors").write_bytes(b"")
    command = [sys.executable, "-m", "ocrx", "serve", "--port", "0", "--workers", "2", "--model", str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr


async def _ask(host: str, port: int, message: bytes, start: asyncio.Event, opened: asyncio.Semaphore) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    opened.release()
    await start.wait()
    writer.write(message)
    answer = await reader.read()
    writer.close()
    return answer


async def _ask_together(port: int, message: bytes, count: int) -> list[bytes]:
    """Open all connections, then send on all of them."""
    start, opened = asyncio.Event(), asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_ask("127.0.0.1", port, message, start, opened)) for _ in range(count)]
    for _ in range(count):
        await opened.acquire()
    start.set()
    return await asyncio.gather(*tasks)


def test_a_thousand_connections_at_once(model_folder: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))

    _, content = png(draw_line("one of many"))
    body = b'--B\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n' + content + b"\r\n--B--\r\n"
    head = (
        "POST /v1/lines HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        with process("--model", str(model_folder), "--timeout", "300") as server:
            port = int(server.url.rpartition(":")[2])
            answers = asyncio.run(_ask_together(port, head.encode() + body, 1000))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 1000
    assert len({json.loads(answer.partition(b"\r\n\r\n")[2])["results"][0]["rec_text"] for answer in answers}) == 1
