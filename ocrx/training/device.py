"""Which device trains, and in which precision."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext

import torch

from ocrx.errors import BackendError, ConfigError


def select_device(name: str) -> torch.device:
    """The torch device for ``auto``, ``cpu``, ``gpu``, ``gpu:0``, ``mps`` or their ``cuda`` spellings.

    ``auto`` takes what is there; any other device that is not there is an error.
    """
    match = re.fullmatch(r"(auto|cpu|gpu|cuda|mps)(?::(\d+(?:,\d+)*))?", name.strip().lower())
    if match is None or (match[2] and match[1] in ("auto", "cpu", "mps")):
        raise ConfigError(f"Global.device: {name!r}; expected auto, cpu, gpu, gpu:0 or mps")
    kind, numbers = match[1], [int(n) for n in (match[2] or "0").split(",")]
    if kind == "auto":
        kind = "gpu" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise BackendError("device mps is not available here", hint="use -o Global.device=cpu")
        return torch.device("mps")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    absent = [n for n in numbers if n >= count]
    if absent:
        raise BackendError(
            f"device {name}: no GPU {absent[0]} here ({count} found)", hint="use -o Global.device=cpu or auto"
        )
    if len(numbers) > 1:
        raise BackendError(f"device {name}: training on several GPUs is not supported yet", hint="name one, e.g. gpu:0")
    return torch.device("cuda", numbers[0])


def select_precision(name: str, device: torch.device) -> torch.dtype:
    """float32, bfloat16 or float16 for ``auto``, ``fp32``, ``bf16``, ``fp16``.

    ``auto`` takes bfloat16 where the hardware multiplies it natively, float16 on older GPUs, else float32.
    """
    if name != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        # Older torch cannot tell; emulated bfloat16 would be slower than float32.
        found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return torch.bfloat16 if found.get("avx512_bf16") or found.get("amx_bf16") else torch.float32
    return torch.float32


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """The autocast context for a precision; nothing for float32."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)
