"""Communication between the processes of a training."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ocrx.errors import LostProcessError, OcrxError, first_line

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """Process ``rank`` of ``size``. In a group of one, every call returns what it was given.

    All processes make the same calls in the same order, and each call waits for all of them. Every call raises
    LostProcessError if another process has ended, or does not answer within the time-out.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process logs, saves and writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> None:
        """Sum a tensor over all processes, in place, with bit-identical results in all of them.

        Args:
            values: A tensor of the same shape in every process.
        """
        if self.size > 1:
            with _named_loss():
                dist.all_reduce(values)

    def gather(self, value: T) -> list[T]:
        """Collect one value from each process.

        Args:
            value: The value of this process.

        Returns:
            The values in the order of the ranks.
        """
        if self.size == 1:
            return [value]
        values = [value] * self.size
        with _named_loss():
            dist.all_gather_object(values, value)
        return values

    def share(self, value: T) -> T:
        """Broadcast a value from the main process.

        Args:
            value: The value; ignored except in the main process.

        Returns:
            The value of the main process.
        """
        if self.size == 1:
            return value
        values = [value]
        with _named_loss():
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def run_on_main(self, make: Callable[[], T]) -> T:
        """Call a function in the main process only.

        Args:
            make: The function.

        Returns:
            Its result, in every process.

        Raises:
            OcrxError: The error that the function raised, in every process.
        """
        made: T | OcrxError | None = None
        if self.is_main:
            try:
                made = make()
            except OcrxError as error:
                made = error
        made = self.share(made)
        if isinstance(made, OcrxError):
            raise made
        return cast("T", made)

    def share_weights(self, model: nn.Module) -> None:
        """Copy the weights and buffers of the main process to every process.

        Args:
            model: A network of the same kind in every process.
        """
        if self.size > 1:
            with torch.no_grad(), _named_loss():
                for value in model.state_dict().values():
                    dist.broadcast(value, src=0)


ALONE = Group()
"""The group of a training in a single process."""


@contextmanager
def joined_group(group: Group, device: torch.device, meeting_point: str, timeout_minutes: float) -> Iterator[None]:
    """Connect to the other processes: with gloo between CPUs, with NCCL between GPUs.

    Args:
        group: This process and how many there are.
        device: The device of this process.
        meeting_point: torch's address where the processes meet.
        timeout_minutes: How long a process waits for the others.

    Yields:
        Nothing; the processes are connected inside the context.

    Raises:
        LostProcessError: If the others cannot be reached.
    """
    if group.size == 1:
        yield
        return

    if device.type == "cuda":
        torch.cuda.set_device(device)
    elif meeting_point.startswith("file:") and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine: its host name need not resolve
    try:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=meeting_point,
            rank=group.rank,
            world_size=group.size,
            timeout=timedelta(minutes=timeout_minutes),
        )
    except (RuntimeError, ValueError) as error:
        raise LostProcessError(f"the other processes were not reached ({first_line(error)})") from None
    yield
    dist.destroy_process_group()  # not after an error: it may wait for a process that has ended


@contextmanager
def _named_loss() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            f"another process of this training has ended or does not answer ({first_line(error)})",
            hint="its own error is above; the last checkpoint is complete: continue with --resume",
        ) from None
