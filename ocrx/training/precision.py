"""In which precision a device trains."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def select_precision(name: str, device: torch.device) -> torch.dtype:
    """float32, bfloat16 or float16 for ``auto``, ``fp32``, ``bf16``, ``fp16``.

    ``auto`` takes bfloat16 where the hardware multiplies it natively, float16 on older GPUs, else float32.

    Args:
        name: The setting.
        device: The device.

    Returns:
        The type.
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
    """The autocast context for a precision; nothing for float32.

    Args:
        device: The device.
        precision: The type to compute in.

    Returns:
        The context.
    """
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)
