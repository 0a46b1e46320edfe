"""PyTorch with torch.compile: worth it for many lines, since the first ones wait for the compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException

from ocrx.arrays import Floats
from ocrx.backends.pytorch import TorchBackend
from ocrx.backends.pytorch import open_folder as open_eager
from ocrx.errors import BackendError, first_line


class CompiledBackend(TorchBackend):
    """A network compiled once for all batch sizes and widths."""

    name = "torch-compile"

    def __init__(self, eager: TorchBackend) -> None:
        # One call at a time: two threads would compile twice.
        vars(self).update(vars(eager) | {"parallel": 1})
        compiled: Any = torch.compile(self._model, dynamic=True)
        self._model = compiled

    def logits(self, images: Floats) -> Floats:
        """Run the network.

        Args:
            images: float32 [N, C, H, W]; W is a bucket width.

        Returns:
            Logits, float32 [N, T, K].

        Raises:
            BackendError: The runtime fails, for example for lack of memory.
        """
        try:
            return super().logits(images)
        except TorchDynamoException as error:
            raise BackendError(
                f"torch-compile: {first_line(error)}", hint="it needs a C++ compiler; or use --backend torch"
            ) from None


def open_folder(folder: Path, device: str, threads: int, precision: str) -> CompiledBackend:
    """Load the weights of a model folder, fused for inference, and compile the network.

    Args:
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        threads: Processor cores to use.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The back end.

    Raises:
        ConfigError: The device or precision is not supported.
        ModelError: The file is missing or damaged.
    """
    return CompiledBackend(open_eager(folder, device, threads, precision))
