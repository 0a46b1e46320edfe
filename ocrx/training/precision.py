"""Chooses the precision of the forward pass."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def select_precision(name: str, device: torch.device) -> torch.dtype:
    """Choose the type of the forward pass.

    Args:
        name: ``fp32``, ``bf16``, ``fp16``, or ``auto``: bfloat16 where the hardware multiplies it natively, float16 on
            older GPUs, else float32.
        device: The device that trains.

    Returns:
        ``torch.float32``, ``torch.bfloat16`` or ``torch.float16``.
    """
    if name != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        # Older versions of torch do not report it; emulated bfloat16 would be slower than float32.
        found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return torch.bfloat16 if found.get("avx512_bf16") or found.get("amx_bf16") else torch.float32
    return torch.float32


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Make the autocast context for a precision.

    Args:
        device: The device that trains.
        precision: The result of ``select_precision``.

    Returns:
        The context; it does nothing for float32.
    """
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)
