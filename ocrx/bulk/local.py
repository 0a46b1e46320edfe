"""Carries out a schedule in processes of this machine, which may die at any moment, and so may this one."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from ocrx.bulk.parts import Summary
from ocrx.bulk.schedule import Schedule, Task
from ocrx.bulk.work import Setup, carry_out
from ocrx.errors import LostProcessError, OcrxError

_FRUITLESS = 3  # processes that end before they can read, one after the other

Done = Callable[[int, Summary], None]
"""Called with the number of each shard whose part is in place, and the summary of the part."""


@dataclass
class _Worker:
    """A worker process as the driver sees it. ``task`` is what it works on; ``ready``: it can take one."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    ready: bool = False


def run_locally(setup: Setup, schedule: Schedule, done: Done, workers: int) -> None:
    """Read all shards of a schedule in worker processes.

    A worker that dies is replaced, and its task scheduled again. Workers end when this process does, however it ends.

    Args:
        setup: The job.
        schedule: What to do.
        done: Called for each shard.
        workers: Most processes at once.

    Raises:
        OcrxError: What ended a worker that could say so.
        LostProcessError: Workers die before they can read.
        RuntimeError: A worker failed by a bug; with its traceback.
    """
    pool: list[_Worker] = []
    fruitless = 0
    try:
        while _occupy(pool, setup, schedule, workers):
            wait([end for worker in pool for end in (worker.pipe, worker.process.sentinel)])
            for worker in list(pool):
                if _receive(worker, schedule, done):
                    continue
                pool.remove(worker)
                fruitless = 0 if worker.ready else fruitless + 1

                _clean_up(worker, schedule)
                if fruitless == _FRUITLESS:
                    raise LostProcessError(
                        f"workers: {fruitless} processes, one after the other, {_describe(worker.process.exitcode)} "
                        "before they could read",
                        hint="lack of memory is a frequent reason: try fewer --workers",
                    )
    finally:
        for worker in pool:
            worker.process.kill()
        for worker in pool:
            worker.process.join()


def _occupy(pool: list[_Worker], setup: Setup, schedule: Schedule, workers: int) -> bool:
    """Give tasks to workers without one, and to new ones; False when everything is done."""
    for worker in pool:
        if worker.task is None and (task := schedule.next()) is not None:
            _give(worker, task)
    while len(pool) < workers and (task := schedule.next()) is not None:
        worker = _start(setup)
        pool.append(worker)
        _give(worker, task)
    return schedule.running > 0


def _start(setup: Setup) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(setup, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, task: Task) -> None:
    worker.task = task
    with suppress(OSError):  # it has died; that is noticed elsewhere
        worker.pipe.send(task)


def _receive(worker: _Worker, schedule: Schedule, done: Done) -> bool:
    """Take the messages of a worker; False when it has ended."""
    alive = worker.process.is_alive()  # asked first: what it said before it died is still in the pipe

    try:
        while worker.pipe.poll():
            message = worker.pipe.recv()
            if isinstance(message, Exception):
                raise message
            worker.ready = True
            if worker.task is not None and message is not None:
                schedule.done(worker.task)
                if worker.task.probe is None:
                    done(worker.task.shard, message)
                worker.task = None
    except (EOFError, OSError):
        return False
    return alive


def _clean_up(worker: _Worker, schedule: Schedule) -> None:
    """Plan again what a dead worker had to do."""
    worker.process.kill()  # one that only closed its pipe
    worker.process.join()
    worker.pipe.close()
    if worker.task is not None:
        (schedule.lost if worker.ready else schedule.give_back)(worker.task)


def _describe(code: int | None) -> str:
    if code is not None and code < 0:
        return f"were ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _work(setup: Setup, pipe: Connection) -> None:
    """A worker: says None when it can read, then a summary for each task, or why it cannot continue."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's
    threading.Thread(target=_follow_driver, daemon=True).start()

    try:
        reader = setup.open_reader()
        _tell(pipe, None)
        for task in _tasks(pipe):
            _tell(pipe, carry_out(setup, reader, task))
    except OcrxError as error:
        _tell(pipe, error)
    except MemoryError:
        os._exit(1)  # as if the system had ended it
    except Exception:  # a bug: the driver raises it, with its traceback
        _tell(pipe, RuntimeError(f"a worker failed:\n{traceback.format_exc()}"))


def _tasks(pipe: Connection) -> Iterator[Task]:
    """What the driver sends, until it has ended."""
    with suppress(EOFError, OSError):
        while True:
            yield pipe.recv()


def _tell(pipe: Connection, message: object) -> None:
    with suppress(OSError):  # the driver has ended
        pipe.send(message)


def _follow_driver() -> None:
    """End with the process that started this one, whatever the other threads do."""
    driver = parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os._exit(1)
