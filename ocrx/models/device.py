"""Device names, as users write them, to torch devices; the same for training and prediction."""

from __future__ import annotations

import re

import torch

from ocrx.errors import BackendError, ConfigError


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
        raise BackendError("device mps is not available here", hint="use --device cpu, or -o Global.device=cpu")
    if kind in ("gpu", "cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if number >= count:
            raise BackendError(
                f"device {name}: no GPU {number} here ({count} found)", hint="use --device cpu, or -o Global.device=cpu"
            )
        return torch.device("cuda", number)
    return torch.device(kind)
