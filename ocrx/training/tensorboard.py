"""``output/tensorboard``: loss, learning rate and validation as curves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ocrx.errors import BackendError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Observer(Protocol):
    """Receives losses and metrics during a training."""

    def start(self, step: int) -> None:
        """Called once, before the first update.

        Args:
            step: Updates that were made before; more than 0 for a resumed training.
        """
        ...

    def record(self, values: Mapping[str, float], step: int) -> None:
        """Called when values were measured.

        Args:
            values: Name → value, such as ``train/loss``.
            step: The update that they belong to.
        """
        ...

    def close(self) -> None:
        """Called once at the end, however the training ends."""
        ...


def require_tensorboard() -> None:
    """Fail early where the package is missing.

    Raises:
        BackendError: If tensorboard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise BackendError(
            "Train.tensorboard: the package tensorboard is not installed",
            hint="pip install 'ocrx[tensorboard]', or set Train.tensorboard to false",
        )


class TensorBoardWriter:
    """An observer that writes event files.

    A resumed training hides the points that earlier files have beyond the update that it resumes from.
    """

    def __init__(self, folder: Path) -> None:
        """Store the folder; nothing is written yet.

        Args:
            folder: Folder of the event files; made when the training starts.

        Raises:
            BackendError: If tensorboard is not installed.
        """
        require_tensorboard()
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def start(self, step: int) -> None:
        """Open a new event file.

        Args:
            step: Updates that an earlier part of the training has made.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=step + 1)

    def record(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each curve.

        Args:
            values: Named values.
            step: The update that they belong to.
        """
        if self._writer is None:
            return
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
