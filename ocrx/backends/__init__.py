"""The runtimes that compute logits. Each lies in its own module and is imported only when it is chosen."""

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
from ocrx.model_folder import INFERENCE_DIR, ONNX_FILE, SPEC_FILE, WEIGHTS_FILE, find_model_folder, is_embedded
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
# Back end and precision of each file that may lie in a model folder; earlier ones are preferred.
_FILES = {WEIGHTS_FILE: ("torch", "fp32")} | {
    f"model.{'' if precision == 'fp32' else precision + '.'}{suffix}": (backend, precision)
    for precision in PRECISIONS
    for suffix, backend in (("onnx", "onnx"), ("xml", "openvino"), ("pt", "torchscript"))
}
_INSTALL = {"openvino": "pip install 'ocrx[openvino]'"}


class Backend(Protocol):
    """A loaded network. ``logits`` may be called from ``parallel`` threads at once.

    ``threads`` is the number of processor cores it may use. ``pixels`` is the most pixels (of one channel) that one
    call should hold: a batch whose activations outgrow the processor's cache is slower a line than a single line.
    None: no limit. One line is never too much.
    """

    @property
    def spec(self) -> ModelSpec:
        """What the network is."""
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
        """Processor cores that it may use."""
        ...

    @property
    def parallel(self) -> int:
        """Threads that may call ``logits`` at once."""
        ...

    @property
    def pixels(self) -> int | None:
        """Most pixels of one call, if there is a limit."""
        ...

    def logits(self, images: Floats) -> Floats:
        """float32 images [N, C, H, W], W a bucket width → float32 logits [N, T, K].

        Args:
            images: Images [N, C, H, W], float32; W is a bucket width.

        Returns:
            Logits [N, T, K], float32.
        """
        ...


def open_backend(
    path: Path,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    precision: str = "fp32",
) -> Backend:
    """Load the model folder ``path``, or the file in one that it names, into a runtime.

    ``auto`` takes ONNX Runtime on the CPU where the folder holds an exported model, else torch, else what is there;
    never TorchScript, which runs code from the file.
    ``threads`` is the number of cores to use; default: those this process may run on. A ``precision`` other than
    fp32 needs a file that ``ocrx export`` made, but for torch and for bf16 in OpenVINO.
    Raises ConfigError for an unknown back end or one that does not read the file, BackendError for a runtime or device
    that is not there and for a reduced precision that this machine computes wrongly, ModelError for a folder that
    holds no such model, or TorchScript that was not asked for.

    Args:
        path: A model folder, or a file in one.
        backend: ``auto``, ``torch``, ``torch-compile``, ``onnx``, ``openvino`` or ``torchscript``.
        device: ``auto``, ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        threads: Processor cores to use; by default all that this process may use.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The opened back end.
    """
    for name, value, known in (("backend", backend, BACKENDS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ConfigError(f"{name}: {value!r}; expected one of {', '.join(known)}")

    folder = find_model_folder(path)
    if folder.name == INFERENCE_DIR and (folder.parent / SPEC_FILE).is_file():
        folder = folder.parent
    if (named := named_file(path)) is not None:
        folder = path.parent
        chosen, precision = _as_named(named, path, backend, precision)
    elif backend == "auto":
        chosen, precision = choose_backend(folder, device, precision)
    else:
        chosen = backend

    if chosen == "torchscript" != backend:
        raise ModelError(
            f"{path}: holds TorchScript, which runs code of its own when it is read",
            hint="if you trust where it comes from, read it with `--backend torchscript`",
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
    """Raise ModelError for a network whose classes are not those of its charset: it would read nonsense.

    ``found`` is the number of classes that the graph declares; where it declares none, one image is read.

    Args:
        backend: The back end.
        found: The number of classes that the graph declares, if it declares one.
        where: Names the model in the error.
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
    """How many lines of a bucket width one call should hold, ``batch_size`` at most.

    Args:
        backend: The back end.
        width: The bucket width in pixels.
        batch_size: Most lines of a batch.

    Returns:
        The number of lines, at least 1.
    """
    if backend.pixels is None:
        return batch_size
    return min(batch_size, max(1, backend.pixels // (width * backend.spec.image.height)))


def exported_name(name: str, precision: str) -> str:
    """``model.onnx`` for fp32, ``model.int8.onnx`` for int8, and so on.

    Args:
        name: The name in fp32.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The name in this precision.
    """
    stem, _, suffix = name.partition(".")
    return name if precision == "fp32" else f"{stem}.{precision}.{suffix}"


def named_file(path: Path) -> tuple[str, str] | None:
    """Back end and precision of the file in a model folder that ``path`` names; None where it means the folder.

    ``model.json`` and PaddleX's ``.pdparams`` mean the folder. Raises ModelError for a file that is none of ocrx's.

    Args:
        path: The file.

    Returns:
        Back end and precision, or None.
    """
    if not path.is_file() or path.name == SPEC_FILE or path.suffix == ".pdparams":
        return None
    if path.name in _FILES:
        return _FILES[path.name]
    raise ModelError(
        f"{path}: not a file that holds a model of ocrx",
        hint=f"name the model folder, or {WEIGHTS_FILE}, {ONNX_FILE}, model.int8.onnx, model.xml, model.pt in it",
    )


def _as_named(named: tuple[str, str], path: Path, backend: str, precision: str) -> tuple[str, str]:
    """``named``, unless something else was asked for than what reads the file."""
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
    """Back end and precision that ``auto`` means for a model folder on ``device``.

    Torch on a GPU, else ONNX Runtime. A folder without weights that holds other exports only: the first that has
    ``precision``; where nothing else than fp32 was asked for, the first of all. ONNX Runtime has no bf16: torch
    computes in it with the weights, OpenVINO with any export in fp32 that it reads. TorchScript means that the folder
    holds nothing else.

    Args:
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        Back end and precision.
    """
    held = [kind for name, kind in _FILES.items() if any((folder / p / name).is_file() for p in (INFERENCE_DIR, "."))]
    weights = (folder / WEIGHTS_FILE).is_file()

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
    """Cores to use: those of ``own_cores``, bounded by ``OMP_NUM_THREADS`` as in every runtime.

    Returns:
        The number of cores.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(own_cores(), int(wanted)) if wanted.isdigit() and int(wanted) > 0 else own_cores()


def own_cores() -> int:
    """Cores this process may run on.

    Returns:
        The number of cores.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def export_command(folder: Path, form: str, precision: str) -> str:
    """The command that makes what a model folder lacks.

    Args:
        folder: The model folder.
        form: The format.
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
    """``NAME`` or ``inference/NAME`` in a model folder; ``make`` is the command that writes it.

    Args:
        folder: The model folder.
        name: Name of the file.
        make: The command that writes it, for the hint.

    Returns:
        The file.
    """
    # The nearer one first: whoever names FOLDER/model.onnx means that, not one in FOLDER/inference.
    for path in (folder / name, folder / INFERENCE_DIR / name):
        if path.is_file():
            return path
    raise ModelError(f"{folder}: no {INFERENCE_DIR}/{name}", hint=f"make it with `{make}`")


def _torch_sees_gpu() -> bool:
    torch = import_module("torch")  # seconds; only where there is a driver
    return bool(torch.cuda.is_available())


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") != ""
