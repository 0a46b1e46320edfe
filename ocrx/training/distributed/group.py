"""The processes that train together, as one of them sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ocrx.errors import LostProcessError, OcrxError

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """This process is number ``rank`` of ``size``. Alone, every call gives back what it got.

    All processes make the same calls in the same order; each call waits for all of them.
    Raises LostProcessError where one of them is gone or stays silent for longer than the time-out.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that logs, saves and writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> None:
        """Sum a tensor over all processes, in place; every process gets the same bits."""
        if self.size > 1:
            with _named_loss():
                dist.all_reduce(values)

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in the order of their numbers."""
        if self.size == 1:
            return [value]
        values = [value] * self.size
        with _named_loss():
            dist.all_gather_object(values, value)
        return values

    def share(self, value: T) -> T:
        """The value that process 0 has."""
        if self.size == 1:
            return value
        values = [value]
        with _named_loss():
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def run_on_main(self, make: Callable[[], T]) -> T:
        """What ``make`` gives in process 0; an OcrxError there is raised in all of them."""
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
        """Give every process the weights and buffers of process 0."""
        if self.size > 1:
            with torch.no_grad(), _named_loss():
                for value in model.state_dict().values():
                    dist.broadcast(value, src=0)


ALONE = Group()


@contextmanager
def _named_loss() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise LostProcessError(
            f"another process of this training is gone or silent ({first})",
            hint="its own error comes first; what was saved last is whole: go on with --resume",
        ) from None
