"""Decides where a training runs: in this process, in one per device, or in the processes that torchrun started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ocrx.backends import own_cores
from ocrx.config import Config
from ocrx.errors import BackendError, ConfigError, OcrxError
from ocrx.models.device import torch_devices
from ocrx.training.distributed.group import ALONE, Group, joined_group

_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class ProcessLayout:
    """Where a training runs.

    Attributes:
        group: The processes that torchrun started; ``ALONE`` without it.
        devices: The device of this process; several mean one process each, still to be started.
        threads: Threads of each process; None leaves it to torch.
    """

    group: Group
    devices: tuple[torch.device, ...]
    threads: int | None


@contextmanager
def distributed_context(config: Config) -> Iterator[ProcessLayout]:
    """Find the layout that the configuration and torchrun's environment describe, and join torchrun's group.

    Args:
        config: The configuration.

    Yields:
        The layout; the group is left when the context ends.

    Raises:
        ConfigError: If configuration and torchrun contradict each other.
        BackendError: If a device is missing.
        LostProcessError: If the other processes cannot be reached.
    """
    if not all(name in os.environ for name in _TORCHRUN):
        yield local_layout(config)
        return

    group = Group(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    local, beside = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if config.Train.processes not in (None, group.size):
        raise ConfigError(
            f"Train.processes: {config.Train.processes}, but torchrun started {group.size}",
            hint="leave it out: torchrun's --nnodes and --nproc-per-node set the number",
        )
    device = _own_device(config.Global.device, local, beside)
    threads = _threads_under_torchrun(config, beside)
    torch.set_num_threads(threads)

    with joined_group(group, device, "env://", config.Train.timeout_minutes):
        try:
            yield ProcessLayout(group, (device,), threads)
        except OcrxError as error:
            if group.is_main:
                raise
            message = f"process {group.rank} of {group.size}: {error.message}"
            raise type(error)(message, hint=error.hint) from None


def local_layout(config: Config) -> ProcessLayout:
    """Find the layout without torchrun: one device, or a process for each of several.

    Args:
        config: The configuration.

    Returns:
        The layout.

    Raises:
        ConfigError: If the number of processes is not that of the devices.
        BackendError: If a device is missing.
    """
    devices, count = torch_devices(config.Global.device), config.Train.processes
    if len(devices) == 1 and devices[0].type == "cpu":
        devices *= count or 1
    elif count not in (None, len(devices)):
        raise ConfigError(
            f"Train.processes: {count}, but Global.device {config.Global.device} means {len(devices)}",
            hint="one process per GPU: list them, e.g. -o Global.device=gpu:0,1",
        )

    threads = config.Global.threads
    if len(devices) > 1:
        threads = max(1, (threads or torch.get_num_threads()) // len(devices))
    elif threads:
        torch.set_num_threads(threads)
    return ProcessLayout(ALONE, devices, threads)


def _threads_under_torchrun(config: Config, beside: int) -> int:
    """The share of one of the ``beside`` processes on this machine."""
    if config.Global.threads:
        return max(1, config.Global.threads // beside)
    if beside > 1 and os.environ.get("OMP_NUM_THREADS") == "1":  # torchrun's default
        return max(1, own_cores() // beside)
    return torch.get_num_threads()


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
