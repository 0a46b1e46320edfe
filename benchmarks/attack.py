"""Feed damaged and hostile files to the command line, and count what it does with them.

    python benchmarks/attack.py --cases 20000 --workers 2 --record attack.jsonl

A case is one file or one small group of files, made from a seed (``attack_cases.py``): images, pages, datasets,
annotations of pages, model folders, LMDBs, PDFs, configurations, Paddle checkpoints and archives, language models,
pipes and devices; mostly valid ones with some bytes or values changed. It is read by the command that a user would give
it to, in a worker process. Or a case is some requests to ``ocrx serve`` or ``ocrx review``, made in the same way
(``attack_servers.py``).

A case passes if the command ends with exit code 0, 1 or 2 and, if not 0, says why. It fails with an exception, a
traceback of any process, code of the file that ran, a dead process, a request without an answer or with an internal
error, more than ten seconds of processor time or more than two gigabytes of memory. Failing cases are printed;
``--family NAME --seed N`` runs one of them again.

``--first N`` starts at other seeds. With ``--record`` every finished case is a line of a file, and a run that was
interrupted continues where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import attack_cases
import attack_servers
from attack_cases import TRACE
from attack_client import Conversation, converse

CPU_SECONDS = 10.0
WALL_SECONDS = 60.0
MEMORY_MIB = 2048.0
CASES_A_WORKER = 500
POLL_SECONDS = 0.2

Case = tuple[str, int]

FAMILIES: dict[str, tuple[Callable[[random.Random, Path], list[str] | Conversation], int]] = {
    **attack_cases.FAMILIES,
    **attack_servers.FAMILIES,
}
"""Name → what makes a case, and how many of a hundred cases are of this kind."""


@dataclass(frozen=True)
class Outcome:
    """What a case did, and more about it.

    Attributes:
        kind: ``passed``, ``exception``, ``silent``, ``traceback``, ``code``, ``dead``, ``hang`` or ``memory``.
        detail: What was seen.
    """

    kind: str
    detail: str = ""


def choose_cases(count: int, first: int = 0, families: Sequence[str] = ()) -> list[Case]:
    """Name the cases of a run: families by their shares, each with seeds that count up.

    Args:
        count: Number of cases.
        first: First seed of every family.
        families: Names in ``FAMILIES``; by default all.

    Returns:
        Family and seed of each; the first N of a longer run are those of a run of N.
    """
    shares = {name: FAMILIES[name][1] for name in families or FAMILIES}
    deck = [name for name, share in shares.items() for _ in range(share)]
    random.Random(0).shuffle(deck)
    seeds = Counter(dict.fromkeys(shares, first))
    cases = []
    for number in range(count):
        name = deck[number % len(deck)]
        cases.append((name, seeds[name]))
        seeds[name] += 1
    return cases


def run_case(family: str, seed: int) -> Outcome:
    """Make the files of a case and run the command that reads them, in this process.

    Args:
        family: Name in ``FAMILIES``.
        seed: Decides everything about the case.

    Returns:
        What happened.
    """
    from ocrx.cli.app import main

    rng, before = random.Random(f"{family} {seed}"), Path.cwd()
    out, err = io.StringIO(), io.StringIO()
    forget_peak()
    with tempfile.TemporaryDirectory(prefix="attack") as name:
        folder = Path(name) / "case"
        folder.mkdir()
        try:
            made = FAMILIES[family][0](rng, folder)
            os.chdir(folder)  # so that a relative path or a pattern means nothing else
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = converse(made, main, err) if isinstance(made, Conversation) else main(made)
        except BaseException:
            return Outcome("exception", traceback.format_exc())
        finally:
            os.chdir(before)
        if any(path.name == TRACE for path in Path(name).rglob(TRACE)):
            return Outcome("code", "something in the file ran, or was written outside its folder")

    if code not in (0, 1, 2) or (code and "error" not in err.getvalue() and "error" not in out.getvalue()):
        return Outcome("silent", f"exit code {code}: {err.getvalue()[-500:]}")
    if "Traceback (most recent call last)" in err.getvalue():
        return Outcome("traceback", err.getvalue()[-3000:])
    if (peak := peak_mib()) > MEMORY_MIB:
        return Outcome("memory", f"{peak:.0f} MiB")
    return Outcome("passed")


def peak_mib() -> float:
    """Largest memory of this program in MiB since ``forget_peak``; 0 where /proc is missing.

    ``getrusage`` would count what the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def forget_peak() -> None:
    """Measure the largest memory from now on, where the system allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _serve(connection: Connection) -> None:
    """Run cases in a worker until the parent closes the connection; what goes to stderr is looked through."""
    import warnings

    warnings.simplefilter("ignore")
    if hasattr(os, "setsid"):
        os.setsid()  # the processes that a case starts end with the worker
    with tempfile.TemporaryFile() as errors:
        os.dup2(errors.fileno(), 2)
        while True:
            try:
                family, seed = connection.recv()
            except EOFError:
                return
            errors.seek(0)
            errors.truncate()
            outcome = run_case(family, seed)
            errors.seek(0)
            written = errors.read().decode("utf-8", "replace")
            if outcome.kind == "passed" and "Traceback (most recent call last)" in written:
                outcome = Outcome("traceback", written[-3000:])
            connection.send(outcome)


class Worker:
    """A process that runs one case at a time and is replaced when it dies or hangs, and now and then."""

    def __init__(self) -> None:
        self.case: Case | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,))
        self.process.start()
        theirs.close()
        self._done = 0

    def give(self, case: Case) -> None:
        """Start a case."""
        # What earlier cases left in memory is not the fault of this one.
        if self._done >= CASES_A_WORKER or self._resident_mib() > MEMORY_MIB / 2:
            self._replace()
        self.case, self._since, self._cpu = case, time.monotonic(), self._cpu_seconds()
        self.connection.send(case)

    def outcome(self) -> Outcome | None:
        """What the case did, or None while it runs."""
        if self.connection.poll():
            self._done += 1
            try:
                found: Outcome = self.connection.recv()
            except (EOFError, OSError):
                self.process.join()
                found = Outcome("dead", f"exit code {self.process.exitcode}")
            if found.kind in ("dead", "memory"):
                self._replace()
            return found

        busy, waited = self._cpu_seconds() - self._cpu, time.monotonic() - self._since
        if busy > CPU_SECONDS or waited > WALL_SECONDS:
            self._replace()
            return Outcome("hang", f"{busy:.0f} s of processor time, {waited:.0f} s")
        if (resident := self._resident_mib()) > MEMORY_MIB:
            self._replace()
            return Outcome("memory", f"{resident:.0f} MiB, ended")
        return None

    def _replace(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process, and those that it started."""
        if hasattr(os, "killpg") and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _cpu_seconds(self) -> float:
        """Processor time of the process and of its children that have ended."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return sum(int(field) for field in fields[11:15]) / 100

    def _resident_mib(self) -> float:
        try:
            return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4 / 1024
        except (OSError, IndexError):
            return 0.0


def attack(cases: Sequence[Case], workers: int) -> Iterator[tuple[str, int, Outcome]]:
    """Run cases in worker processes.

    Args:
        cases: Family and seed of each.
        workers: Number of processes.

    Yields:
        Family, seed and outcome, in the order in which they end.
    """
    waiting = list(reversed(cases))
    pool = [Worker() for _ in range(workers)]
    try:
        while waiting or any(worker.case for worker in pool):
            for worker in pool:
                if worker.case is None and waiting:
                    worker.give(waiting.pop())
                elif worker.case is not None and (outcome := worker.outcome()) is not None:
                    yield (*worker.case, outcome)
                    worker.case = None
            if all(worker.case or not waiting for worker in pool):
                wait([worker.connection for worker in pool if worker.case], POLL_SECONDS)
    finally:
        for worker in pool:
            worker.stop()


def read_record(path: Path) -> dict[Case, Outcome]:
    """Read the outcomes of an earlier run.

    Args:
        path: What ``--record`` named.

    Returns:
        The outcome of each finished case; a last line that is cut is ignored.
    """
    found = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError):
            family, seed, kind, detail = json.loads(line)
            found[family, seed] = Outcome(kind, detail)
    return found


def main() -> int:
    """Run the attack and print what it found; the exit code is 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="first seed of every family")
    parser.add_argument("--record", type=Path, help="JSONL file of finished cases, to continue an interrupted run")
    parser.add_argument("--family", choices=sorted(FAMILIES))
    parser.add_argument("--seed", type=int, help="run only this case of --family, in this process")
    options = parser.parse_args()
    families = [options.family] if options.family else []
    if options.seed is not None:
        outcome = run_case(options.family or parser.error("--seed needs --family"), options.seed)
        print(outcome.kind, outcome.detail)
        return int(outcome.kind != "passed")

    cases, start = choose_cases(options.cases, options.first, families), time.monotonic()
    done = read_record(options.record) if options.record else {}
    outcomes = [done[case] for case in cases if case in done]
    counts = Counter((case[0], done[case].kind) for case in cases if case in done)
    with options.record.open("a", encoding="utf-8") if options.record else contextlib.nullcontext() as record:
        if record and done:
            record.write("\n")  # the last line may have been cut
        for family, seed, outcome in attack([case for case in cases if case not in done], options.workers):
            counts[family, outcome.kind] += 1
            outcomes.append(outcome)
            if record:
                record.write(json.dumps([family, seed, outcome.kind, outcome.detail]) + "\n")
                record.flush()
            if outcome.kind != "passed":
                last = outcome.detail.strip().splitlines()[-1:] or [""]
                print(f"{family} {seed}: {outcome.kind}: {last[0]}", file=sys.stderr, flush=True)

    print(f"{len(outcomes)} cases ({len(done)} of them recorded before) in {time.monotonic() - start:.0f} s")
    for (family, kind), count in sorted(counts.items()):
        print(f"{family}\t{kind}\t{count}")
    return int(any(outcome.kind != "passed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
