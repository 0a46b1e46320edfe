"""PyTorch in eager mode, on every device of torch, also for networks in training. Importing this imports torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ocrx.arrays import Floats
from ocrx.errors import BackendError, ConfigError
from ocrx.model_spec import ModelSpec
from ocrx.models.device import torch_device
from ocrx.models.model_io import load_model

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """A network on a device. Each call runs in evaluation mode and restores the mode afterwards."""

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
        self._device = torch.device(device)
        # On a CPU torch spreads one batch over its threads; with a GPU one batch is prepared while another is read.
        # Calls change the mode of a network in training, so only one at a time is allowed.
        self.parallel = 2 if self._device.type == "cuda" and not model.training else 1
        self.pixels: int | None = None
        self.device = str(self._device)
        self._dtype = dtype
        self._model = model.to(self._device, dtype)

    def logits(self, images: Floats) -> Floats:
        """Run the network.

        Args:
            images: float32 [N, C, H, W]; W is a bucket width.

        Returns:
            Logits, float32 [N, T, K].

        Raises:
            BackendError: The runtime fails, for example for lack of memory.
        """
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
    """Load the weights of a model folder, fused for inference.

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
    target = torch_device(device)
    if precision not in DTYPES:
        raise ConfigError(f"torch: precision {precision!r}; expected one of {', '.join(DTYPES)}")
    model, spec = load_model(folder)
    if target.type == "cpu":
        torch.set_num_threads(threads)
    return TorchBackend(model.fuse(), spec, target, threads, DTYPES[precision])
