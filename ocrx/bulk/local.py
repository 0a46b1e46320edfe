"""Executes a schedule in processes on this machine; any of them, and this one, may die at any moment."""

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

_FRUITLESS = 3  # consecutive processes that die before they can read

Done = Callable[[int, Summary], None]
"""Called with the number of each finished shard, and the summary of its part."""


@dataclass
class _Worker:
    """A worker process as seen by the driver: its current ``task``, and whether it is ``ready`` to read."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    ready: bool = False


def run_locally(setup: Setup, schedule: Schedule, done: Done, workers: int) -> None:
    """Read all shards of a schedule in worker processes.

    A worker that dies is replaced, and its task scheduled again. Workers end with this process, however it ends.

    Args:
        setup: The setup of the workers.
        schedule: The schedule.
        done: Called for each finished shard.
        workers: Maximum number of processes.

    Raises:
        OcrxError: An error reported by a worker.
        LostProcessError: Workers die before they can read.
        RuntimeError: A bug in a worker, with its traceback.
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
    """Assign tasks to idle and new workers; returns False when everything is done."""
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
    """Process the messages of a worker; returns False if it has ended."""
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
    """Reschedule the task of a dead worker."""
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
    """Run a worker: send None when ready, then a summary per task, or the error that ends it."""
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
    """Yield the tasks sent by the driver, until it ends."""
    with suppress(EOFError, OSError):
        while True:
            yield pipe.recv()


def _tell(pipe: Connection, message: object) -> None:
    with suppress(OSError):  # the driver has ended
        pipe.send(message)


def _follow_driver() -> None:
    """Exit when the parent process ends, whatever the other threads do."""
    driver = parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os._exit(1)
