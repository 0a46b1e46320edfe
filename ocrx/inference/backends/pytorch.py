"""PyTorch, eager: every device torch knows, and live models during a training. Importing this imports torch."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ocrx.errors import BackendError, ConfigError
from ocrx.inference.backends import Floats
from ocrx.models.store import load_model
from ocrx.spec import ModelSpec

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """A network on a device. It is put into evaluation mode for each call and back into its own afterwards."""

    name = "torch"

    def __init__(
        self,
        model: nn.Module,
        spec: ModelSpec,
        device: torch.device | str = "cpu",
        threads: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.spec = spec
        self.threads = threads or torch.get_num_threads()
        self.parallel = 1  # torch spreads one batch over its own threads
        self._device = torch.device(device)
        self._dtype = dtype
        self._model = model.to(self._device, dtype)

    def logits(self, images: Floats) -> Floats:
        """float32 [N, C, H, W] → float32 [N, T, K]."""
        training = self._model.training
        self._model.eval()
        try:
            with torch.inference_mode():
                batch = torch.from_numpy(images).to(self._device, self._dtype)
                result: Floats = self._model(batch).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise BackendError(f"torch: {error}", hint="use a smaller --batch-size") from None
        finally:
            self._model.train(training)
        return np.ascontiguousarray(result)


def open_folder(folder: Path, device: str, threads: int, precision: str) -> TorchBackend:
    """The weights of a model folder, fused for inference, on ``device``."""
    target = torch_device(device)
    if precision not in DTYPES:
        raise ConfigError(f"torch: precision {precision!r}; expected one of {', '.join(DTYPES)}")
    model, spec = load_model(folder)
    fuse = getattr(model, "fuse", None)
    if target.type == "cpu":
        torch.set_num_threads(threads)
    return TorchBackend(fuse() if fuse is not None else model, spec, target, threads, DTYPES[precision])


def torch_device(name: str) -> torch.device:
    """The device for ``auto``, ``cpu``, ``gpu``, ``gpu:0``, ``mps`` or their ``cuda`` spellings; of several the first.

    Raises ConfigError for another name, BackendError for a device that is not there (never for ``auto``).
    """
    match = re.fullmatch(r"(auto|cpu|mps|(?:gpu|cuda)(?::(\d+)(?:,\d+)*)?)", name.strip().lower())
    if match is None:
        raise ConfigError(f"device: {name!r}; expected auto, cpu, gpu, gpu:0 or mps")
    kind, number = match[1].partition(":")[0], int(match[2] or 0)
    if kind == "auto":
        kind = "gpu" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "mps" and not torch.backends.mps.is_available():
        raise BackendError("device mps is not available here", hint="use --device cpu")
    if kind in ("gpu", "cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if number >= count:
            raise BackendError(f"device {name}: no GPU {number} here ({count} found)", hint="use --device cpu or auto")
        return torch.device("cuda", number)
    return torch.device(kind)
