"""``output/tensorboard``: loss, learning rate and validation as curves, for those who watch many trainings at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ocrx.errors import BackendError

Record = Callable[[Mapping[str, float], int], None]
"""Takes named values and the step they belong to."""


def require_tensorboard() -> None:
    """Raises BackendError if the package is missing: known before a training starts, not after its first epoch."""
    if find_spec("tensorboard") is None:
        raise BackendError(
            "Train.tensorboard: the package tensorboard is not installed",
            hint="pip install 'ocrx[tensorboard]', or set Train.tensorboard to false",
        )


def no_record(values: Mapping[str, float], step: int) -> None:
    """Leaves the values where they are."""


@contextmanager
def event_file(folder: Path | None, step: int) -> Iterator[Record]:
    """Opens a new event file in ``folder``; what earlier ones hold after ``step``, where a training was resumed, is
    no longer shown. Without a folder nothing is recorded."""
    if folder is None:
        yield no_record
        return
    require_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=step + 1) as writer:

        def record(values: Mapping[str, float], at: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, at)
            writer.flush()

        yield record
