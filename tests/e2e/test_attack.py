"""Damaged files of every kind end in a named error: a fixed sample of what ``benchmarks/attack.py`` tries."""

from __future__ import annotations

import signal
import socketserver
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import attack
import attack_client
import pytest

SAMPLE, MANY = 500, 20_000


@pytest.mark.timeout(1800)
def test_a_sample_of_damaged_files_is_refused_by_name() -> None:
    cases = attack.choose_cases(SAMPLE)
    assert {family for family, _ in cases} == set(attack.FAMILIES)
    found = [one for one in attack.attack(cases, workers=1) if one[2].kind != "passed"]
    assert not found


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_files_are_refused_by_name() -> None:
    counts = Counter(outcome.kind for _, _, outcome in attack.attack(attack.choose_cases(MANY), workers=2))
    assert counts == {"passed": MANY}


def test_a_failing_case_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: object) -> int:
        raise ValueError("a bug")

    monkeypatch.setattr("ocrx.cli.app.main", broken)
    assert attack.run_case("config", 0).kind == "exception"
    monkeypatch.setattr("ocrx.cli.app.main", lambda arguments: 1)
    assert attack.run_case("config", 0).kind == "silent"


def test_code_that_runs_and_a_traceback_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def runs_code(arguments: list[str]) -> int:
        Path(arguments[1]).with_name(attack.TRACE).touch()
        return 0

    def traced(arguments: list[str]) -> int:
        sys.stderr.write("error\nTraceback (most recent call last)")
        return 1

    monkeypatch.setattr("ocrx.cli.app.main", runs_code)
    assert attack.run_case("pickle", 0).kind == "code"
    monkeypatch.setattr("ocrx.cli.app.main", traced)
    assert attack.run_case("pickle", 0).kind == "traceback"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "passed"),
        (b'HTTP/1.1 422 X\r\nContent-Length: 15\r\n\r\n{"error": "no"}', "passed"),
        (b"HTTP/1.1 422 X\r\nContent-Length: 2\r\n\r\n{}", "exception"),
        (b'HTTP/1.1 500 X\r\nContent-Length: 15\r\n\r\n{"error": "no"}', "exception"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "exception"),
        (b"", "exception"),
    ],
)
def test_a_request_that_is_not_answered_as_it_should_be_is_found(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: str
) -> None:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.connection.recv(65536)
            self.connection.sendall(answer)

    def serve(arguments: list[str]) -> int:
        """Answer everything alike until SIGTERM."""
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
            sys.stderr.write(f"listening on http://127.0.0.1:{server.server_address[1]}; error\n")
            ended.wait()
            server.shutdown()
        return 0

    monkeypatch.setattr("ocrx.cli.app.main", serve)
    case = attack_client.Conversation([], lambda address: attack_client.ask(address, attack_client.Request("GET", "/")))
    monkeypatch.setitem(attack.FAMILIES, "serve", (lambda rng, folder: case, 1))
    assert attack.run_case("serve", 0).kind == kind


def test_a_process_that_dies_or_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first case is killed from outside, the second takes no time at all, the third follows."""
    monkeypatch.setattr(attack, "CPU_SECONDS", 10_000.0)
    worker = attack.Worker()
    try:
        worker.give(("config", 0))
        worker.process.kill()
        worker.process.join()
        assert worker.outcome() == attack.Outcome("dead", "exit code -9")

        first = worker.process.pid
        monkeypatch.setattr(attack, "WALL_SECONDS", -1.0)
        worker.give(("config", 0))
        found = worker.outcome()
        assert found is not None and found.kind == "hang" and worker.process.pid != first
    finally:
        worker.stop()


def test_an_interrupted_run_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[attack.Case] = []

    def passed(cases: Sequence[attack.Case], workers: int) -> Iterator[tuple[str, int, attack.Outcome]]:
        given.extend(cases)
        yield from ((*case, attack.Outcome("passed")) for case in cases)

    monkeypatch.setattr(attack, "attack", passed)
    record = tmp_path / "record.jsonl"
    for cases in ("30", "50"):
        monkeypatch.setattr(sys, "argv", ["attack.py", "--cases", cases, "--first", "7", "--record", str(record)])
        assert attack.main() == 0
        with record.open("a") as file:
            file.write('["config", 9')  # the line that was being written
    assert given == attack.choose_cases(50, first=7) and len(set(given)) == 50

    with record.open("a") as file:
        file.write('\n["config", 7, "dead", ""]\n')
    assert attack.main() == 1, "a failure of an earlier run counts"
