"""``ocrx doctor``: describes the environment for a bug report."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE
from ocrx.version import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "onnxruntime",
    "openvino",
    "onnx",
    "numpy",
    "pillow",
    "omegaconf",
    "typer",
    "rich",
    "safetensors",
    "editdistance",
    "pypdfium2",
    "lmdb",
    "tensorboard",
    "fastapi",
    "uvicorn",
)
# Instruction sets that affect the speed of a network and, with int8, its results.
CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8", "asimd", "bf16")
_BACKENDS = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino", "torchscript": "torch"}


@dataclass(frozen=True)
class DoctorReport:
    """Versions and hardware. ``packages`` maps a package to its version, or None if it is not installed."""

    ocrx: str
    python: str
    platform: str
    processor: str
    cpu_features: tuple[str, ...]
    cores: int
    threads_variables: tuple[str, ...]
    devices: tuple[str, ...]
    backends: tuple[str, ...]
    embedded_models: tuple[str, ...]
    packages: dict[str, str | None]

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def run() -> DoctorReport:
    """Collect facts about the environment; loads torch to find devices.

    Returns:
        The report.
    """
    processor, features = _processor()
    return DoctorReport(
        ocrx=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        processor=processor,
        cpu_features=features,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads_variables=tuple(
            f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if name in os.environ
        ),
        devices=_devices(),
        backends=tuple(name for name, module in _BACKENDS.items() if find_spec(module) is not None),
        embedded_models=tuple(sorted(path.parent.name for path in EMBEDDED_DIR.glob(f"*/{SPEC_FILE}"))),
        packages={name: _version(name) for name in PACKAGES},
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> tuple[str, tuple[str, ...]]:
    """Name and features of the processor; features are reported on Linux only."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    fields: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()

    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    return name, tuple(feature for feature in CPU_FEATURES if feature in flags)


def _devices() -> tuple[str, ...]:
    import torch

    devices = ["cpu"]
    devices += [f"gpu:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return tuple(devices)
