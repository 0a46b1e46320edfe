"""Load on ``ocrx serve``: errors, texts, throughput, latency and memory, as tables in Markdown.

    python benchmarks/serve_load.py ../shared/data/sroie_lines [--model M] [--requests 20000] [--quick]

The server runs with one thread on the first core, the clients in processes on the other cores. Four measurements:

- ``ocrx predict --threads 1`` on the server's core, without its start: what the server is compared with.
- 64 clients, 16 images a request: throughput, errors, texts that differ from those of ``predict``, memory.
- 64 clients, one image a request: the same.
- 1, 8 and 64 clients, one image a request: latency.

``--rapidocr-api DIR`` measures the latency of rapidocr-api as well, on the same core. It has no way to read lines alone
(its option for that is an error of the server), so it looks for lines in the same images first. DIR is made by
``pip install --no-deps --target DIR rapidocr_api``; the package rapidocr is that of this environment.

The share of the throughput of ``predict`` counts on a quiet machine only; the time of the processor for a line says
nearly the same on a busy one. Both are measured in turns, so that a busy moment does not hit one of them alone.
With ``--requests 20000`` the first load sends 20,000 requests; ``--quick`` sends a hundredth of everything.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrx.data.formats.layouts import read_dataset
from ocrx.inference.tuned_settings import machine

BOUNDARY = "ocrx-serve-load"
OCRX, RAPIDOCR = ("/v1/lines", "image"), ("/ocr", "image_file")  # path, and field of the image
CLIENT_PROCESSES = 2

_PREDICT = """
import json, sys, time
from ocrx import create_model
paths, model, batch_size = json.load(sys.stdin)
reader = create_model(model, device="cpu", threads=1)
list(reader.predict(paths[:32]))
start, cpu = time.perf_counter(), time.process_time()
texts = [result.text for result in reader.predict(paths, batch_size=batch_size)]
print("RESULT" + json.dumps([texts, time.perf_counter() - start, time.process_time() - cpu]))
"""


@dataclass(frozen=True)
class Load:
    """What one process of clients sends: ``clients`` threads, ``requests`` in all, the bodies in turn."""

    port: int
    clients: int
    requests: int
    first: int
    bodies: tuple[bytes, ...]
    texts: tuple[tuple[str, ...], ...]
    cores: frozenset[int]
    path: str = "/v1/lines"


@dataclass(frozen=True)
class Outcome:
    """Seconds of each request, and what went wrong."""

    seconds: list[float]
    errors: list[str]
    different: int


def pin(cores: frozenset[int]) -> None:
    """Bind this process to some cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def send(load: Load) -> Outcome:
    """Send the requests of one process."""
    pin(load.cores)
    seconds: list[float] = []
    errors: list[str] = []
    different = 0
    numbers = iter(range(load.first, load.first + load.requests))
    lock = threading.Lock()

    def client() -> None:
        nonlocal different
        connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=300)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            index = number % len(load.bodies)
            start = time.perf_counter()
            try:
                status, texts = ask(connection, load.path, load.bodies[index])
            except OSError as error:
                status, texts = 0, (repr(error),)
                connection.close()
            took = time.perf_counter() - start
            with lock:
                seconds.append(took)
                if status != 200:
                    errors.append(f"{status} {texts}")
                elif texts != load.texts[index]:
                    different += 1
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(load.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Outcome(seconds, errors, different)


def ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, tuple[str, ...]]:
    """One request: the status and the texts."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status != 200:
        return answer.status, (str(content.get("error")),)
    if "results" not in content:  # rapidocr-api: the lines that it finds in the image
        return 200, ()
    return 200, tuple(result["rec_text"] for result in content["results"])


def form(images: Sequence[Path], field: str = "image") -> bytes:
    """A form with images."""
    parts = []
    for image in images:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{image.name}"\r\n\r\n'
        parts += [head.encode(), image.read_bytes(), b"\r\n"]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def server(model: str | None, core: int) -> AbstractContextManager[tuple[int, int]]:
    """A server of ocrx on one core: its port and process."""
    command = ["ocrx", "serve", "--port", "0", "--threads", "1", "--timeout", "300"]
    return started([*command, "--model", model] if model else command, core, "listening on")


def rapidocr_api(folder: Path, core: int) -> AbstractContextManager[tuple[int, int]]:
    """A server of rapidocr-api on one core."""
    command = ["uvicorn", "rapidocr_api.main:app", "--port", "0", "--no-access-log", "--no-use-colors"]
    return started(command, core, "Uvicorn running on", {"PYTHONPATH": str(folder)})


@contextmanager
def started(
    command: Sequence[str], core: int, said_when_ready: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """A server on one core that says its address: its port and process."""
    program = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: pin(frozenset({core})),
    )
    assert program.stderr is not None
    try:
        said = ""
        for said in program.stderr:
            if said_when_ready in said:
                break
        else:
            raise RuntimeError(f"the server did not start: {said}")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        assert found is not None, said
        # What it says from now on must not fill the pipe.
        threading.Thread(target=program.stderr.read, daemon=True).start()
        yield int(found[1]), program.pid
    finally:
        program.terminate()
        program.wait()


def resident_mb(pid: int) -> float:
    """Memory of a process in RAM, in MB; 0 where the system does not say it."""
    status = Path(f"/proc/{pid}/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if status.exists() else 0.0


def cpu_ms(pid: int) -> float:
    """Milliseconds of the processor that a process has used; NaN where the system does not say it."""
    status = Path(f"/proc/{pid}/stat")
    if not status.exists():
        return float("nan")
    fields = status.read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """The lines, what ``predict`` reads in them, and the cores."""

    def __init__(self, images: Sequence[Path], model: str | None, cores: Sequence[int]) -> None:
        self.images = images
        self.model = model
        self.server_core, self.client_cores = cores[0], frozenset(cores[1:])
        self.texts, _, _ = self.predict()

    def predict(self) -> tuple[list[str], float, float]:
        """Texts, lines a second and milliseconds of the processor for a line, with one thread on the server's core."""
        job = json.dumps([[str(image) for image in self.images], self.model, 16])
        core = frozenset({self.server_core})
        done = subprocess.run(
            [sys.executable, "-c", _PREDICT],
            input=job,
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=lambda: pin(core),
        )
        texts, seconds, cpu = json.loads(done.stdout.rpartition("RESULT")[2])
        return texts, len(texts) / seconds, 1000 * cpu / len(texts)

    def load(
        self, port: int, clients: int, requests: int, images: int, interface: tuple[str, str] = OCRX
    ) -> tuple[Outcome, float]:
        """Send requests of so many images; the outcome, and lines a second."""
        groups = [range(start, start + images) for start in range(0, len(self.images) - images + 1, images)]
        path, field = interface
        bodies = tuple(form([self.images[index] for index in group], field) for group in groups)
        texts = tuple(tuple(self.texts[index] for index in group) for group in groups)
        processes = min(CLIENT_PROCESSES, clients)
        shares = [requests // processes + (number < requests % processes) for number in range(processes)]
        loads = [
            Load(port, clients // processes, share, sum(shares[:number]), bodies, texts, self.client_cores, path)
            for number, share in enumerate(shares)
        ]
        with ProcessPoolExecutor(processes) as pool:
            list(pool.map(abs, range(processes)))  # the processes have started
            start = time.perf_counter()
            outcomes = list(pool.map(send, loads))
            took = time.perf_counter() - start
        together = Outcome(
            [seconds for outcome in outcomes for seconds in outcome.seconds],
            [error for outcome in outcomes for error in outcome.errors],
            sum(outcome.different for outcome in outcomes),
        )
        return together, requests * images / took


def throughput(bench: Bench, rounds: int, requests: int, images: int) -> None:
    """A load of 64 clients in turns with ``predict``: one row of the first table."""
    rates: list[float] = []
    baseline: list[float] = []
    costs: list[tuple[float, float]] = []
    failed: list[str] = []
    different = 0
    with server(bench.model, bench.server_core) as (port, pid):
        bench.load(port, 64, max(64, requests // 20), images)
        before = resident_mb(pid)
        for _ in range(rounds):
            _, base, base_cost = bench.predict()
            start = cpu_ms(pid)
            outcome, rate = bench.load(port, 64, requests // rounds, images)
            costs.append(((cpu_ms(pid) - start) / (requests // rounds * images), base_cost))
            baseline.append(base)
            rates.append(rate)
            failed += outcome.errors
            different += outcome.different
        grown = resident_mb(pid) - before

    cells = [
        str(images),
        f"{requests // rounds * rounds:,}",
        str(len(failed)),
        str(different),
        f"{statistics.median(rates):.0f}",
        f"{statistics.median(baseline):.0f}",
        f"{statistics.median(rate / base for rate, base in zip(rates, baseline, strict=True)):.1%}",
        " and ".join(f"{statistics.median(side):.2f}" for side in zip(*costs, strict=True)),
        f"{grown:+.1f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)
    for error in failed[:3]:
        print(error, file=sys.stderr)


def latency(bench: Bench, clients: int, requests: int, peer: Path | None = None) -> None:
    """One row of the second table."""
    running = server(bench.model, bench.server_core) if peer is None else rapidocr_api(peer, bench.server_core)
    form_of = OCRX if peer is None else RAPIDOCR
    with running as (port, _):
        bench.load(port, clients, max(clients, requests // 10), 1, form_of)
        outcome, rate = bench.load(port, clients, requests, 1, form_of)
    if outcome.errors:
        print(f"{len(outcome.errors)} errors: {outcome.errors[0]}", file=sys.stderr)
    times = sorted(outcome.seconds)
    shown = [f"{1000 * times[min(len(times) - 1, int(len(times) * share))]:.1f}" for share in (0.5, 0.95, 0.99)]
    print(
        f"| {'rapidocr-api' if peer else 'ocrx'} | {clients} | {requests:,} | {rate:.0f} | {' | '.join(shown)} |",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", help="model folder or name; default: the embedded one")
    parser.add_argument("--lines", type=int, default=600)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rapidocr-api", type=Path, help="folder with that package, measured as well")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the requests, one round")
    return parser.parse_args()


def main() -> None:
    given: Any = arguments()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    if len(cores) < 2:
        sys.exit("two cores are needed: one for the server, one for the clients")
    requests, rounds = (given.requests // 100, 1) if given.quick else (given.requests, given.rounds)

    samples = read_dataset(given.dataset).val[: given.lines]
    bench = Bench([sample.image for sample in samples], given.model, cores)
    print(f"{len(samples)} lines of {given.dataset.name}, {machine()}; server on one core\n")
    head = "images a request|requests|errors|other texts|lines/s|predict, lines/s|share|CPU ms a line, both|memory, MB"
    print(f"| {head.replace('|', ' | ')} |\n{'|---' * 9}|")
    throughput(bench, rounds, requests, 16)
    throughput(bench, rounds, requests, 1)
    print("\n| server | clients, one image each | requests | requests/s | p50 ms | p95 ms | p99 ms |")
    print(f"{'|---' * 7}|")
    for clients in (1, 8, 64):
        latency(bench, clients, max(100, requests // 20) * (1 if clients == 1 else 4))
        if given.rapidocr_api is not None:
            latency(bench, clients, max(100, requests // 100), given.rapidocr_api)


if __name__ == "__main__":
    main()
