"""The runtimes that compute logits, one module each, imported only when it is chosen."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from ocrx.arrays import Floats
from ocrx.errors import BackendError, ConfigError, ModelError
from ocrx.model_folder import (
    INFERENCE_DIR,
    ONNX_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    export_places,
    find_model_folder,
    is_embedded,
    weights_file,
)
from ocrx.model_spec import ModelSpec

BACKENDS = ("auto", "torch", "torch-compile", "onnx", "openvino", "torchscript")
CACHED_PIXELS = 32 * 1024  # measured on PP-OCRv4 mobile and on networks a third of its size; 2 MiB of cache per core
PRECISIONS = ("fp32", "fp16", "bf16", "int8")

# Back end: the package it needs, and its module here.
_RUNTIMES = {
    "torch": ("torch", "pytorch"),
    "torch-compile": ("torch", "compiled"),
    "onnx": ("onnxruntime", "onnx"),
    "openvino": ("openvino", "openvino"),
    "torchscript": ("torch", "torchscript"),
}
# Back end and precision of each file that a model folder may contain; earlier ones are preferred.
_FILES = {WEIGHTS_FILE: ("torch", "fp32")} | {
    f"model.{'' if precision == 'fp32' else precision + '.'}{suffix}": (backend, precision)
    for precision in PRECISIONS
    for suffix, backend in (("onnx", "onnx"), ("xml", "openvino"), ("pt", "torchscript"))
}
_INSTALL = {"openvino": "pip install 'ocrx[openvino]'"}


class Backend(Protocol):
    """A loaded network. ``logits`` may be called from ``parallel`` threads at once."""

    @property
    def spec(self) -> ModelSpec:
        """Spec of the model."""
        ...

    @property
    def name(self) -> str:
        """Name of the runtime."""
        ...

    @property
    def device(self) -> str:
        """Where it computes: ``cpu``, ``cuda:0``, ``mps``."""
        ...

    @property
    def threads(self) -> int:
        """Number of processor cores that it may use."""
        ...

    @property
    def parallel(self) -> int:
        """Number of threads that may call ``logits`` at once."""
        ...

    @property
    def pixels(self) -> int | None:
        """Most pixels (of one channel) of several lines in one call; None means no limit.

        If the activations of a batch exceed the processor's cache, it takes longer than its lines one by one.
        """
        ...

    def logits(self, images: Floats) -> Floats:
        """Run the network.

        Args:
            images: float32 [N, C, H, W]; W is a bucket width.

        Returns:
            Logits, float32 [N, T, K].
        """
        ...


def open_backend(
    path: Path,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    precision: str = "fp32",
) -> Backend:
    """Load a model into a runtime.

    Args:
        path: A model folder, or a file in one.
        backend: ``torch``, ``torch-compile``, ``onnx``, ``openvino``, ``torchscript``, or ``auto``, see
            ``choose_backend``.
        device: ``auto``, ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        threads: Processor cores to use; by default all that this process may use.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``. Except in torch, and for bf16 in OpenVINO, others than fp32
            need a file from ``ocrx export``.

    Returns:
        The back end.

    Raises:
        ConfigError: The back end or precision is unknown, or does not fit the file.
        ModelError: The folder holds no such model, or only TorchScript, which must be requested.
        BackendError: The runtime or device is missing, or this machine computes the reduced precision wrongly.
    """
    for name, value, known in (("backend", backend, BACKENDS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ConfigError(f"{name}: {value!r}; expected one of {', '.join(known)}")

    folder = find_model_folder(path)
    if (named := named_file(path)) is not None:
        folder = path.parent
        chosen, precision = _as_named(named, path, backend, precision)
    elif backend == "auto":
        chosen, precision = choose_backend(folder, device, precision)
    else:
        chosen = backend

    if chosen == "torchscript" != backend:
        raise ModelError(
            f"{path}: a TorchScript file, which runs code when it is loaded",
            hint="if you trust its source, add `--backend torchscript`",
        )

    package, module_name = _RUNTIMES[chosen]
    if find_spec(package) is None:
        raise BackendError(f"{chosen}: {package} is not installed", hint=_INSTALL.get(chosen, f"pip install {package}"))
    module = import_module(f"ocrx.backends.{module_name}")
    opened: Callable[[Path, str, int, str], Backend] = module.open_folder
    loaded = opened(folder, device, threads or available_cores(), precision)
    if precision != "fp32":
        import_module("ocrx.backends.probe").verify(loaded, folder, device, precision)
    return loaded


def check_classes(backend: Backend, found: object, where: str) -> None:
    """Check that a network has as many classes as its charset needs.

    Args:
        backend: The back end.
        found: The number of classes that the graph declares. If it is not an integer, an image is read to find out.
        where: Names the model in the error.

    Raises:
        ModelError: The numbers differ, so that the texts would be nonsense.
    """
    spec = backend.spec
    if not isinstance(found, int):
        image = spec.image
        narrow = np.zeros((1, image.channels, image.height, image.bucket_width(1)), dtype=np.float32)
        found = backend.logits(narrow).shape[-1]
    if found != spec.classes:
        raise ModelError(
            f"{where}: its network has {found} classes; expected {spec.classes}, as its charset has "
            f"{len(spec.charset)} characters",
            hint="network and charset come from different models; import or export the model again",
        )


def lines_at_once(backend: Backend, width: int, batch_size: int) -> int:
    """Limit the lines of one call for a bucket width.

    Args:
        backend: The back end.
        width: The bucket width in pixels.
        batch_size: Most lines of a batch.

    Returns:
        The number of lines, from 1 to ``batch_size``.
    """
    if backend.pixels is None:
        return batch_size
    return min(batch_size, max(1, backend.pixels // (width * backend.spec.image.height)))


def exported_name(name: str, precision: str) -> str:
    """Name an exported file.

    Args:
        name: The name in fp32, such as ``model.onnx``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The name in this precision, such as ``model.int8.onnx``.
    """
    stem, _, suffix = name.partition(".")
    return name if precision == "fp32" else f"{stem}.{precision}.{suffix}"


def named_file(path: Path) -> tuple[str, str] | None:
    """Find the back end and precision of a file in a model folder.

    Args:
        path: Any path.

    Returns:
        Back end and precision; None if the path means the model folder, as ``model.json`` and PaddleX's ``.pdparams``
        do.

    Raises:
        ModelError: The file is not one of a model folder.
    """
    if not path.is_file() or path.name == SPEC_FILE or path.suffix == ".pdparams":
        return None
    if path.name in _FILES:
        return _FILES[path.name]
    raise ModelError(
        f"{path}: not a model file of ocrx",
        hint=f"name the model folder, or {WEIGHTS_FILE}, {ONNX_FILE}, model.int8.onnx, model.xml, model.pt in it",
    )


def _as_named(named: tuple[str, str], path: Path, backend: str, precision: str) -> tuple[str, str]:
    """Combine a file's back end and precision with the requested ones; raises ConfigError if they do not fit."""
    reader, stored = named
    # OpenVINO reads ONNX files too. Weights, and OpenVINO's bf16, are computed in what is asked for.
    readers = {"torch": ("torch", "torch-compile"), "onnx": ("onnx", "openvino")}.get(reader, (reader,))
    if backend not in ("auto", *readers):
        raise ConfigError(f"{path}: read by {' or '.join(readers)}; backend {backend!r} was asked for")
    free = reader == "torch" or (precision == "bf16" and "openvino" in (reader, backend))
    computed = precision if free else stored
    if precision not in ("fp32", computed):
        raise ConfigError(f"{path}: holds {stored}; precision {precision!r} was asked for")
    return (reader if backend == "auto" else backend), computed


def choose_backend(folder: Path, device: str, precision: str = "fp32") -> tuple[str, str]:
    """Choose the back end that ``auto`` means.

    On a GPU that is torch, else ONNX Runtime, or torch if there is no ONNX file. From a folder without weights and ONNX
    file it is the first export that has the precision or, for fp32, any export. For bf16 it is torch, or OpenVINO if
    there are no weights. ``torchscript`` is returned only if the folder holds nothing else.

    Args:
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        Back end and precision.
    """
    held = [kind for name, kind in _FILES.items() if any((folder / p / name).is_file() for p in (INFERENCE_DIR, "."))]
    weights = weights_file(folder) is not None

    if not weights and ("onnx", precision) not in held:
        fitting = [kind for kind in held if kind[1] == precision] or (held if precision == "fp32" else [])
        if fitting:
            return min(fitting, key=lambda kind: kind[0] == "torchscript")

    if precision == "bf16":
        return ("torch" if weights else "openvino"), precision
    if not {("onnx", "fp32"), ("onnx", precision)} & set(held) or find_spec("onnxruntime") is None:
        return "torch", precision
    if device == "cpu" or not weights or find_spec("torch") is None:
        return "onnx", precision
    if device == "auto" and not (_has_nvidia_driver() and _torch_sees_gpu()):
        return "onnx", precision
    return "torch", precision


def available_cores() -> int:
    """Count the cores to use: ``own_cores``, limited by ``OMP_NUM_THREADS``.

    Returns:
        The number of cores.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(own_cores(), int(wanted)) if wanted.isdigit() and int(wanted) > 0 else own_cores()


def own_cores() -> int:
    """Count the cores that this process may run on.

    Returns:
        The number of cores.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def export_command(folder: Path, form: str, precision: str) -> str:
    """Compose the command that exports a model.

    Args:
        folder: The model folder.
        form: ``onnx``, ``openvino`` or ``torchscript``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The command line.
    """
    lines = "" if precision == "fp32" else " --data DATA"
    if is_embedded(folder):  # nothing is written into the package
        make = f"ocrx export --model {folder.name} --output DIR{lines} --format {form} --precision {precision}"
        return f"{make}`, then `--model DIR"
    return f"ocrx export --model {folder}{lines} --format {form} --precision {precision}"


def find_model_file(folder: Path, name: str, make: str) -> Path:
    """Find a file in a model folder, in its folder ``inference``, or in the cache for an embedded model.

    Args:
        folder: The model folder.
        name: Name of the file.
        make: The command that writes the file, for the hint.

    Returns:
        The file.

    Raises:
        ModelError: There is no such file.
    """
    # FOLDER/model.onnx takes precedence over FOLDER/inference/model.onnx.
    for place in export_places(folder):
        if (place / name).is_file():
            return place / name
    raise ModelError(f"{folder}: no {INFERENCE_DIR}/{name}", hint=f"make it with `{make}`")


def _torch_sees_gpu() -> bool:
    torch = import_module("torch")  # takes seconds; only called if there is a driver
    return bool(torch.cuda.is_available())


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") != ""
