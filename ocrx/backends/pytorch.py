"""PyTorch, eager: every device torch knows, and live models during a training. Importing this imports torch."""

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
        self._device = torch.device(device)
        # On the processor torch spreads one batch over its threads; beside a GPU one batch is made ready while another
        # is read. A live model changes its mode for each call, which allows one call at a time.
        self.parallel = 2 if self._device.type == "cuda" and not model.training else 1
        self.pixels: int | None = None
        self.device = str(self._device)
        self._dtype = dtype
        self._model = model.to(self._device, dtype)

    def logits(self, images: Floats) -> Floats:
        """float32 [N, C, H, W] → float32 [N, T, K].

        Args:
            images: Images [N, C, H, W], float32; W is a bucket width.

        Returns:
            Logits [N, T, K], float32.
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
    """The weights of a model folder, fused for inference, on ``device``.

    Args:
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        threads: Processor cores to use.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The opened back end.
    """
    target = torch_device(device)
    if precision not in DTYPES:
        raise ConfigError(f"torch: precision {precision!r}; expected one of {', '.join(DTYPES)}")
    model, spec = load_model(folder)
    if target.type == "cpu":
        torch.set_num_threads(threads)
    return TorchBackend(model.fuse(), spec, target, threads, DTYPES[precision])
