"""Starts a process for each device of this machine, watches them and collects their results."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from ocrx.config import Config
from ocrx.errors import LostProcessError, OcrxError
from ocrx.training.distributed.group import Group, joined_group
from ocrx.training.distributed.layout import ProcessLayout
from ocrx.training.run_log import Log
from ocrx.training.signals import catch_signals

GRACE_SECONDS = 10.0
"""How long the other processes may take to end on their own after one has failed."""

Work = Callable[..., Any]
"""Called in each process as ``work(group, device, log, stopped, *arguments)``; a function of a module."""


def run_in_processes(work: Work, arguments: Sequence[object], config: Config, layout: ProcessLayout, log: Log) -> Any:
    """Run a function in a process for each device.

    SIGINT and SIGTERM are passed on to all of them. When one fails or is killed, the others are ended.

    Args:
        work: The function.
        arguments: Further arguments of it, which can be pickled.
        config: The configuration, for the time-out.
        layout: The devices and the threads of each process.
        log: Takes the lines that the main process logs.

    Returns:
        What the function returned in process 0; it holds no tensors.

    Raises:
        OcrxError: The first error of a process.
        LostProcessError: If a process was killed.
        RuntimeError: If a process failed because of a bug; with its traceback.
    """
    size = len(layout.devices)
    context = get_context("spawn")
    workers: list[_Worker] = []

    with tempfile.TemporaryDirectory() as folder, catch_signals() as stopped:
        try:
            for rank, device in enumerate(layout.devices):
                receiver, sender = context.Pipe(duplex=False)
                task = _Task(
                    Group(rank, size),
                    device,
                    f"file://{folder}/meeting",
                    layout.threads or 1,
                    config.Train.timeout_minutes,
                )
                process = context.Process(target=_run_worker, args=(task, sender, work, tuple(arguments)))
                process.start()
                sender.close()
                workers.append(_Worker(rank, process, receiver))
            _watch(workers, stopped, log)
            return workers[0].result
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()


@dataclass(frozen=True)
class _Task:
    """What a worker process needs to know to join the others."""

    group: Group
    device: torch.device
    meeting_point: str
    threads: int
    timeout_minutes: float


@dataclass
class _Worker:
    """A worker process as seen by its parent. ``error``: the failure it reported; ``closed``: its pipe has ended."""

    rank: int
    process: BaseProcess
    pipe: Connection
    result: Any = None
    error: OcrxError | RuntimeError | None = None
    closed: bool = False


def _run_worker(task: _Task, pipe: Connection, work: Work, arguments: tuple[object, ...]) -> None:
    """Run the function in a worker process and report how it ended."""
    torch.set_num_threads(task.threads)
    parent = os.getppid()

    def log(line: str) -> None:
        if task.group.is_main:
            _send(pipe, ("log", line))

    try:
        with (
            catch_signals(ignore_repeats=True) as signalled,
            joined_group(task.group, task.device, task.meeting_point, task.timeout_minutes),
        ):
            # A training whose parent has ended stops as on a signal.
            result = work(task.group, task.device, log, lambda: signalled() or os.getppid() != parent, *arguments)
        _send(pipe, ("result", result if task.group.is_main else None))
    except OcrxError as error:
        _send(pipe, ("error", error))
        sys.exit(1)
    except Exception:  # a bug: the main process raises it, with its traceback
        _send(pipe, ("error", RuntimeError(f"process {task.group.rank} failed:\n{traceback.format_exc()}")))
        sys.exit(1)


def _send(pipe: Connection, message: tuple[str, object]) -> None:
    with suppress(OSError):  # the parent is gone
        pipe.send(message)


def _watch(workers: Sequence[_Worker], stopped: Callable[[], bool], log: Log) -> None:
    """Forward what the processes report until all have ended; raise when one has failed."""
    terminated, failed_at = False, None
    while alive := [worker for worker in workers if worker.process.is_alive()]:
        pipes = [worker.pipe for worker in alive if not worker.closed]
        wait(pipes + [worker.process.sentinel for worker in alive], timeout=0.5)
        for worker in workers:
            _receive(worker, log)

        if stopped() and not terminated:
            terminated = True
            for worker in alive:
                worker.process.terminate()
        if failed_at is None and any(worker.error or worker.process.exitcode for worker in workers):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > GRACE_SECONDS:
            break

    for worker in workers:
        _receive(worker, log)
    if any(worker.error or worker.process.exitcode != 0 for worker in workers):
        raise _first_failure(workers)


def _receive(worker: _Worker, log: Log) -> None:
    """Read all pending messages from the pipe of a process."""
    try:
        while not worker.closed and worker.pipe.poll():
            kind, value = worker.pipe.recv()
            if kind == "log":
                log(value)
            elif kind == "result":
                worker.result = value
            else:
                worker.error = value
    except (EOFError, OSError):
        worker.closed = True


def _first_failure(workers: Sequence[_Worker]) -> Exception:
    """The failure that caused the others; a process that lost its connection to another one did not fail first."""
    own = [worker.error for worker in workers if worker.error and not isinstance(worker.error, LostProcessError)]
    if own:
        return own[0]

    for worker in workers:
        code = worker.process.exitcode
        what = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
        if code is None:
            what = "stopped answering"
        if code != 0 and not worker.error:
            return LostProcessError(
                f"process {worker.rank} of {len(workers)} {what}",
                hint="the last checkpoint is complete: continue with --resume (a frequent cause is lack of memory)",
            )
    return next(worker.error for worker in workers if worker.error)
