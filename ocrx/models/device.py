"""Translates device names as users write them into torch devices, for training and prediction alike."""

from __future__ import annotations

import re

import torch

from ocrx.errors import BackendError, ConfigError


def torch_device(name: str) -> torch.device:
    """Find the device that a name means.

    Args:
        name: ``auto``, ``cpu``, ``gpu``, ``gpu:0``, ``mps``, or ``cuda`` in place of ``gpu``.

    Returns:
        The device; the first one where the name lists several.

    Raises:
        ConfigError: The name means no device.
        BackendError: The device is missing; never for ``auto``.
    """
    kind, numbers = _parse(name)
    return _found(name, kind, numbers[:1])[0]


def torch_devices(name: str) -> tuple[torch.device, ...]:
    """Find all devices that a name means.

    Args:
        name: As for ``torch_device``; ``gpu:0,1`` means two devices.

    Returns:
        The devices, in the order of the name.

    Raises:
        ConfigError: The name means no device, or one twice.
        BackendError: A device is missing; never for ``auto``.
    """
    return _found(name, *_parse(name))


def _parse(name: str) -> tuple[str, list[int]]:
    match = re.fullmatch(r"(auto|cpu|mps|gpu|cuda)|(?:gpu|cuda):(\d+(?:,\d+)*)", name.strip().lower())
    if match is None:
        raise ConfigError(f"device: {name!r}; expected auto, cpu, gpu, gpu:0 or mps")
    numbers = [int(number) for number in (match[2] or "0").split(",")]
    if len(set(numbers)) < len(numbers):
        raise ConfigError(f"device: {name!r} names a GPU twice")
    return match[1] or "gpu", numbers


def _found(name: str, kind: str, numbers: list[int]) -> tuple[torch.device, ...]:
    if kind == "auto":
        kind = "gpu" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "mps" and not torch.backends.mps.is_available():
        raise BackendError("device mps is not available here", hint="use --device cpu, or -o Global.device=cpu")
    if kind not in ("gpu", "cuda"):
        return (torch.device(kind),)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0

    for number in numbers:
        if number >= count:
            raise BackendError(
                f"device {name}: no GPU {number} here ({count} found)", hint="use --device cpu, or -o Global.device=cpu"
            )

    return tuple(torch.device("cuda", number) for number in numbers)
