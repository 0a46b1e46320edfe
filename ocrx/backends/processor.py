"""Identifies the processor and its instruction sets."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib import import_module
from pathlib import Path

# These make torch and oneDNN choose other kernels.
_KERNEL_VARIABLES = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA")


def processor_name() -> str:
    """Name the processor.

    Returns:
        Its model name if the system reports it, else its architecture.
    """
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return name


def processor_features() -> list[str]:
    """List the instruction sets that NumPy detects, and environment variables that restrict them.

    Returns:
        Names of instruction sets, and ``NAME=value`` of the variables.
    """
    found: dict[str, bool] = {}
    for module in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):  # NumPy 2, NumPy 1
        with contextlib.suppress(ImportError, AttributeError):
            found = import_module(module).__cpu_features__
            break
    limits = [f"{name}={os.environ[name]}" for name in _KERNEL_VARIABLES if name in os.environ]
    return sorted(name for name, present in found.items() if present) + limits


def adds_int8_in_32_bits() -> bool:
    """Whether the processor has instructions that add products of int8 in 32 bits, so that no sum overflows.

    Returns:
        True with AVX-512-VNNI on x86-64 and with the dot product of ARM.
    """
    return not {"AVX512VNNI", "ASIMDDP"}.isdisjoint(processor_features())
