"""Carries out a schedule in actors of a Ray cluster (extra ``ray``).

Ray restarts actors and finds them a node; what they read is decided here, as for local processes, and committed by the
actor itself. The driver keeps one task with each actor. It holds no state that a restart needs.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ocrx.bulk.parts import Summary
from ocrx.bulk.schedule import Schedule, Task
from ocrx.bulk.work import Reader, Setup, carry_out
from ocrx.errors import BackendError, LostProcessError, OcrxError

_ANSWER_S = 5.0
_LOOK_S = 2.0  # between two checks for new nodes
_FRUITLESS = 20  # deaths in a row of actors that could not read


@dataclass(frozen=True)
class Placement:
    """Where actors run.

    Attributes:
        address: Of the cluster: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.
        actors: How many; None for as many as the cluster has room for, also when it grows.
        cpus: Processor cores of an actor.
        gpus: GPUs of an actor.
    """

    address: str
    actors: int | None = None
    cpus: float = 1
    gpus: float = 0


def run_on_ray(setup: Setup, schedule: Schedule, done: Callable[[int, Summary], None], placement: Placement) -> None:
    """Read all shards of a schedule in actors.

    Args:
        setup: The job; its place and its manifest must be within reach of all nodes, which have ocrx installed.
        schedule: What to do.
        done: Called with the number of each shard whose part is in place, and the summary of the part.
        placement: Where.

    Raises:
        BackendError: Ray is not installed, or the cluster does not answer.
        OcrxError: What ended an actor that could say so.
        LostProcessError: Actors die before they can read.
    """
    with _connected(placement.address) as ray:
        pool = _Pool(ray, setup, placement)
        try:
            while pool.occupy(schedule):
                pool.collect(schedule, done)
        finally:
            pool.end()


class _Actor:
    """Reads shards on a node of the cluster."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._reader: Reader | None = None

    def ready(self) -> None:
        """Open the model."""
        self._reader = self._reader or self._setup.open_reader()

    def read(self, task: Task) -> Summary:
        """Carry out a task."""
        self.ready()
        assert self._reader is not None
        try:
            return carry_out(self._setup, self._reader, task)
        except MemoryError:
            os._exit(1)  # as if the system had ended it


class _Pool:
    """The actors, and what each of them works on: a task, or None while it gets ready."""

    def __init__(self, ray: Any, setup: Setup, placement: Placement) -> None:
        self._ray = ray
        self._setup = setup
        self._placement = placement
        self._class = ray.remote(
            num_cpus=placement.cpus, num_gpus=placement.gpus, max_restarts=-1, max_task_retries=-1
        )(_Actor)
        self._actors: list[Any] = []
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Task | None]] = {}
        self._looked = -_LOOK_S
        self._fruitless = 0

    def occupy(self, schedule: Schedule) -> bool:
        """Start actors where there is room, and give tasks to those without one; False when everything is done."""
        self._grow()
        while self._idle and (task := schedule.next()) is not None:
            actor = self._idle.pop()
            # Ray must not repeat a task by itself: the schedule counts deaths to find the lines that cause them.
            self._busy[actor.read.options(max_task_retries=0).remote(task)] = (actor, task)
        return schedule.running > 0 or not self._idle

    def collect(self, schedule: Schedule, done: Callable[[int, Summary], None]) -> None:
        """Take what actors have finished."""
        ended, _ = self._ray.wait(list(self._busy), timeout=_LOOK_S)
        for reference in ended:
            actor, task = self._busy.pop(reference)
            try:
                summary = self._ray.get(reference)
            except OcrxError:
                raise
            except self._ray.exceptions.RayTaskError as error:
                raise RuntimeError(f"an actor failed:\n{error}") from None
            except self._ray.exceptions.RayError as error:
                self._lose(actor, task, schedule, error)
                continue

            self._fruitless = 0
            self._idle.append(actor)
            if task is not None:
                schedule.done(task)
                if task.probe is None:
                    done(task.shard, summary)

    def end(self) -> None:
        """End the actors."""
        for actor in self._actors:
            with suppress(Exception):  # the cluster may be gone
                self._ray.kill(actor)

    def _lose(self, actor: Any, task: Task | None, schedule: Schedule, error: Exception) -> None:
        if task is not None:
            schedule.lost(task)
        else:
            self._fruitless += 1
            if self._fruitless == _FRUITLESS:
                raise LostProcessError(
                    f"{self._placement.address}: {_FRUITLESS} actors in a row ended before they could read ({error})",
                    hint="lack of memory is a frequent reason",
                )
        self._get_ready(actor)

    def _grow(self) -> None:
        """Start actors up to what is wanted; a node that was added has room for more."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        wanted = self._placement.actors
        if wanted is None:
            room = self._ray.cluster_resources()
            by_gpu = room.get("GPU", 0) // self._placement.gpus if self._placement.gpus else float("inf")
            wanted = max(1, int(min(room.get("CPU", 0) // self._placement.cpus, by_gpu)))

        while len(self._actors) < wanted:
            actor = self._class.remote(self._setup)
            self._actors.append(actor)
            self._get_ready(actor)

    def _get_ready(self, actor: Any) -> None:
        """Ask an actor to open the model; it answers when Ray has found it a node, for the first time or again."""
        self._busy[actor.ready.remote()] = (actor, None)


def check_cluster(address: str) -> None:
    """Check that Ray is installed and that something listens at an address; Ray itself would wait for minutes.

    Args:
        address: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.

    Raises:
        BackendError: Ray is not installed, or nothing listens.
    """
    if find_spec("ray") is None:
        raise BackendError(f"{address}: needs ray, which is not installed", hint="pip install 'ocrx[ray]'")
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdecimal():
        raise BackendError(f"ray: {address!r}; expected auto, HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host, int(port)), _ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise BackendError(f"{address}: no Ray cluster answers ({error})", hint="see `ray status`") from None


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    check_cluster(address)
    ray = import_module("ray")
    if ray.is_initialized():  # by the program that called
        yield ray
        return

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # Ray raises RuntimeError, ConnectionError, gRPC's own and others
        raise BackendError(f"{address}: no Ray cluster answers ({error})", hint="see `ray status`") from None
    try:
        yield ray
    finally:
        ray.shutdown()
