"""Several processes for one training: started here, or by torchrun on one machine or several."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch
import torch.distributed as dist

from ocrx.backends import own_cores
from ocrx.config import Config
from ocrx.errors import BackendError, ConfigError, LostProcessError, OcrxError
from ocrx.models.device import torch_devices
from ocrx.training.distributed.group import ALONE, Group
from ocrx.training.signals import catch_signals

GRACE = 10.0  # seconds that the other processes have to end by themselves when one has failed

Log = Callable[[str], None]
Work = Callable[..., Any]
"""Called in each process as ``work(group, device, log, stopped, *arguments)``; a function of a module."""


@dataclass(frozen=True)
class ProcessLayout:
    """Where a training runs: ``group`` is that of torchrun; several ``devices`` are one process each, to be started.

    ``threads`` of each process, None: as torch likes.
    """

    group: Group
    devices: tuple[torch.device, ...]
    threads: int | None


@contextmanager
def distributed_context(config: Config) -> Iterator[ProcessLayout]:
    """The layout that the configuration and torchrun's environment say; a group is left again at the end.

    Raises ConfigError where they contradict each other, BackendError for a device that is not there.
    """
    if not all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")):
        yield local_layout(config)
        return
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local, beside = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if config.Train.processes not in (None, size):
        raise ConfigError(
            f"Train.processes: {config.Train.processes}, but torchrun started {size}",
            hint="leave it out: torchrun's --nnodes and --nproc-per-node say how many",
        )
    device = _own_device(config.Global.device, local, beside)
    if config.Global.threads:
        threads = max(1, config.Global.threads // beside)
    elif beside > 1 and os.environ.get("OMP_NUM_THREADS") == "1":  # set by torchrun where nothing was said
        threads = max(1, own_cores() // beside)
    else:
        threads = torch.get_num_threads()
    torch.set_num_threads(threads)
    with _joined(Group(rank, size), device, "env://", config.Train.timeout_minutes) as group:
        try:
            yield ProcessLayout(group, (device,), threads)
        except OcrxError as error:
            if group.is_main:
                raise
            raise type(error)(f"process {rank} of {size}: {error.message}", hint=error.hint) from None


def run_in_processes(work: Work, arguments: Sequence[object], config: Config, layout: ProcessLayout, log: Log) -> Any:
    """Run ``work`` in a process for each device of ``layout``; returns what process 0 returned, which holds no tensors.

    SIGINT and SIGTERM go on to all of them. When one fails or is killed the others are ended, and its error is
    raised: an OcrxError as it is, LostProcessError for a process that was killed.
    """
    size = len(layout.devices)
    context = get_context("spawn")
    workers: list[_Worker] = []
    with tempfile.TemporaryDirectory() as folder, catch_signals() as stopped:
        try:
            for rank, device in enumerate(layout.devices):
                here, there = context.Pipe(duplex=False)
                setting = _Setting(Group(rank, size), device, f"file://{folder}/meeting", layout.threads or 1, config)
                process = context.Process(target=_work, args=(setting, there, work, tuple(arguments)))
                process.start()
                there.close()
                workers.append(_Worker(rank, process, here))
            _watch(workers, stopped, log)
            return workers[0].result
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()


def local_layout(config: Config) -> ProcessLayout:
    """Without torchrun: one device, or a process for each of several."""
    devices, count = torch_devices(config.Global.device), config.Train.processes
    if len(devices) == 1 and devices[0].type == "cpu":
        devices *= count or 1
    elif count not in (None, len(devices)):
        raise ConfigError(
            f"Train.processes: {count}, but Global.device {config.Global.device} is {len(devices)}",
            hint="one process for each GPU: name them, e.g. -o Global.device=gpu:0,1",
        )
    threads = config.Global.threads
    if len(devices) > 1:
        threads = max(1, (threads or torch.get_num_threads()) // len(devices))
    elif threads:
        torch.set_num_threads(threads)
    return ProcessLayout(ALONE, devices, threads)


def _own_device(name: str, local: int, beside: int) -> torch.device:
    """The device of process ``local`` of the ``beside`` ones on this machine."""
    devices = torch_devices(name)
    if devices[0].type == "cpu" or beside == len(devices) == 1:
        return devices[0]
    if len(devices) == 1 and ":" not in name:
        return torch_devices(f"gpu:{local}")[0]
    if local >= len(devices):
        raise BackendError(
            f"Global.device {name}: {len(devices)} GPUs for {beside} processes on this machine",
            hint="start as many processes as GPUs, or leave it to torchrun: -o Global.device=gpu",
        )
    return devices[local]


@contextmanager
def _joined(group: Group, device: torch.device, meeting: str, minutes: float) -> Iterator[Group]:
    """Meet the other processes; gloo between CPUs, NCCL between GPUs."""
    if group.size == 1:
        yield group
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    elif meeting.startswith("file:") and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine: its name need not be known to the network
    try:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=meeting,
            rank=group.rank,
            world_size=group.size,
            timeout=timedelta(minutes=minutes),
        )
    except (RuntimeError, ValueError) as error:
        raise LostProcessError(f"the other processes were not met ({str(error).splitlines()[0]})") from None
    yield group
    dist.destroy_process_group()  # not after an error: it may wait for a process that is gone


@dataclass(frozen=True)
class _Setting:
    group: Group
    device: torch.device
    meeting: str
    threads: int
    config: Config


@dataclass
class _Worker:
    """A process as its starter sees it. ``error``: what it said it failed of."""

    rank: int
    process: BaseProcess
    pipe: Connection
    result: Any = None
    error: OcrxError | RuntimeError | None = None
    told: bool = field(default=False)


def _work(setting: _Setting, pipe: Connection, work: Work, arguments: tuple[object, ...]) -> None:
    """The life of a started process."""
    torch.set_num_threads(setting.threads)
    starter = os.getppid()

    def say(line: str) -> None:
        if setting.group.is_main:
            _send(pipe, ("log", line))

    try:
        with (
            catch_signals(ignore_repeats=True) as signalled,
            _joined(setting.group, setting.device, setting.meeting, setting.config.Train.timeout_minutes) as group,
        ):
            # Without its starter a training ends as on a signal.
            result = work(group, setting.device, say, lambda: signalled() or os.getppid() != starter, *arguments)
        _send(pipe, ("result", result if setting.group.is_main else None))
    except OcrxError as error:
        _send(pipe, ("error", error))
        sys.exit(1)
    except Exception:
        _send(pipe, ("error", RuntimeError(f"process {setting.group.rank} failed:\n{traceback.format_exc()}")))
        sys.exit(1)


def _send(pipe: Connection, message: tuple[str, object]) -> None:
    with suppress(OSError):  # the starter is gone
        pipe.send(message)


def _watch(workers: Sequence[_Worker], stopped: Callable[[], bool], log: Log) -> None:
    """Pass on what the processes say until all have ended; raise when one has failed."""
    told, failed_at = False, None
    while alive := [worker for worker in workers if worker.process.is_alive()]:
        wait([worker.pipe for worker in alive if not worker.told] + [w.process.sentinel for w in alive], timeout=0.5)
        for worker in workers:
            _listen(worker, log)
        if stopped() and not told:
            told = True
            for worker in alive:
                worker.process.terminate()
        if failed_at is None and any(worker.error or worker.process.exitcode for worker in workers):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > GRACE:
            break
    for worker in workers:
        _listen(worker, log)
    if any(worker.error or worker.process.exitcode != 0 for worker in workers):
        raise _cause(workers)


def _listen(worker: _Worker, log: Log) -> None:
    try:
        while not worker.told and worker.pipe.poll():
            kind, value = worker.pipe.recv()
            if kind == "log":
                log(value)
            elif kind == "result":
                worker.result = value
            else:
                worker.error = value
    except (EOFError, OSError):
        worker.told = True


def _cause(workers: Sequence[_Worker]) -> Exception:
    """The failure that came before the others: those who only miss another process did not begin it."""
    own = [worker.error for worker in workers if worker.error and not isinstance(worker.error, LostProcessError)]
    if own:
        return own[0]
    for worker in workers:
        code = worker.process.exitcode
        what = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
        if code is None:
            what = "did not answer any more"
        if code != 0 and not worker.error:
            return LostProcessError(
                f"process {worker.rank} of {len(workers)} {what}",
                hint="what was saved last is whole: go on with --resume (too little memory is a frequent reason)",
            )
    return next(worker.error for worker in workers if worker.error)
