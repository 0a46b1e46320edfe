"""TorchScript: a network that runs without its Python code, also from C++. Importing this imports torch."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import torch

from ocrx.backends import check_classes, export_command, exported_name, find_model_file
from ocrx.backends.pytorch import DTYPES, TorchBackend
from ocrx.errors import ConfigError, ModelError, first_line
from ocrx.model_spec import ModelSpec
from ocrx.models.device import torch_device

SCRIPT_FILE = "model.pt"
SPEC_ENTRY = "ocrx.json"
_LOG = logging.getLogger(__name__)


class TorchScriptBackend(TorchBackend):
    """A traced network on a device."""

    name = "torchscript"


def load_script(file: Path, device: torch.device | str = "cpu", threads: int | None = None) -> TorchScriptBackend:
    """Load a TorchScript file.

    Args:
        file: The TorchScript file.
        device: The device to run on.
        threads: Processor cores to use.

    Returns:
        The back end.

    Raises:
        ModelError: The file is damaged or was not written by ocrx.
    """
    entries: dict[str, Any] = {SPEC_ENTRY: ""}
    load: Any = torch.jit.load

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch recommends torch.export
            model = load(str(file), map_location=device, _extra_files=entries)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"{file}: cannot be loaded ({first_line(error)})") from None

    described = entries[SPEC_ENTRY]
    if not described:
        raise ModelError(f"{file}: a TorchScript model, but not one of ocrx")
    text = described.decode() if isinstance(described, bytes) else described
    dtype = next((parameter.dtype for parameter in model.parameters()), torch.float32)
    backend = TorchScriptBackend(model, ModelSpec.from_json(text, str(file)), device, threads, dtype)
    check_classes(backend, None, str(file))
    return backend


def open_folder(folder: Path, device: str, threads: int, precision: str) -> TorchScriptBackend:
    """Load the TorchScript file of a model folder, which runs code from the file; a warning is logged.

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
        raise ConfigError(f"torchscript: precision {precision!r}; expected one of {', '.join(DTYPES)}")
    file = find_model_file(
        folder, exported_name(SCRIPT_FILE, precision), export_command(folder, "torchscript", precision)
    )
    _LOG.warning("%s: TorchScript runs code from the file; read only what you trust", file)
    if target.type == "cpu":
        torch.set_num_threads(threads)
    return load_script(file, target, threads)
