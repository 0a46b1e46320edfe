"""PyTorch compiled for this machine: pays off over many lines, as the first ones wait for the compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException

from ocrx.arrays import Floats
from ocrx.backends.pytorch import TorchBackend
from ocrx.backends.pytorch import open_folder as open_eager
from ocrx.errors import BackendError


class CompiledBackend(TorchBackend):
    """A network compiled once for all batch sizes and widths."""

    name = "torch-compile"

    def __init__(self, eager: TorchBackend) -> None:
        # One call at a time: two threads would compile twice.
        vars(self).update(vars(eager) | {"parallel": 1})
        compiled: Any = torch.compile(self._model, dynamic=True)
        self._model = compiled

    def logits(self, images: Floats) -> Floats:
        """float32 [N, C, H, W] → float32 [N, T, K].

        Args:
            images: Images [N, C, H, W], float32; W is a bucket width.

        Returns:
            Logits [N, T, K], float32.
        """
        try:
            return super().logits(images)
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise BackendError(
                f"torch-compile: {reason}", hint="it needs a C++ compiler; or use --backend torch"
            ) from None


def open_folder(folder: Path, device: str, threads: int, precision: str) -> CompiledBackend:
    """The weights of a model folder, fused for inference and compiled, on ``device``.

    Args:
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        threads: Processor cores to use.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The opened back end.
    """
    return CompiledBackend(open_eager(folder, device, threads, precision))
