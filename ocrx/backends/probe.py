"""Stored checks of reduced precision: inputs and their fp32 logits, in a file beside the exported model.

Processors compute int8, fp16 and bf16 in different ways. On x86-64 without VNNI, for one, a runtime may add pairs of
int8 products in 16 bits, which overflow. A model that was right where it was exported can then read nonsense elsewhere.
``verify`` computes the probe once a machine, remembers the outcome, and refuses a file that this machine gets wrong.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Floats
from ocrx.backends import Backend, exported_name
from ocrx.backends.processor import processor_features, processor_name
from ocrx.errors import BackendError, ModelError
from ocrx.files import file_digest, write_json
from ocrx.model_folder import ONNX_FILE, cache_folder, export_places

PROBE_SUFFIX = ".probe.safetensors"

_MOST_CLASSES = 64
_SLACK = 2.0  # other kernels and versions of a runtime round differently
_ROUNDING = 0.01
_STORED_NAMES = {"onnx": (ONNX_FILE,), "openvino": ("model.xml", ONNX_FILE), "torchscript": ("model.pt",)}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Probe:
    """Inputs of one line each, float32 [1, C, H, W], and their fp32 logits [1, T, K'] for a choice of ``classes``.

    ``tolerance`` is the largest error, as ``error`` measures it, that rounding explains.
    """

    images: Sequence[Floats]
    logits: Sequence[Floats]
    classes: npt.NDArray[np.int64]
    tolerance: float

    @classmethod
    def measure(cls, expected: Backend, reduced: Backend, images: Sequence[Floats]) -> Probe:
        """Make a probe for a back end of reduced precision.

        Args:
            expected: Computes the reference logits in fp32.
            reduced: The back end of reduced precision.
            images: float32 [1, C, H, W] each.

        Returns:
            The probe.

        Raises:
            BackendError: A logit of ``reduced`` is not finite.
        """
        images = [image.astype(np.float16).astype(np.float32) for image in images]  # as they are stored
        logits = [expected.logits(image) for image in images]
        # Only the most probable classes: thousands of others would make the file large.
        highest = np.max([part.max(axis=(0, 1)) for part in logits], axis=0)
        classes = np.sort(np.argsort(-highest, kind="stable")[:_MOST_CLASSES])
        probe = cls(images, [part[:, :, classes] for part in logits], classes, 0.0)
        error = probe.error(reduced)
        if not np.isfinite(error):
            raise BackendError(f"{reduced.name}: the logits are not numbers")
        return cls(probe.images, probe.logits, classes, _SLACK * error + _ROUNDING)

    def error(self, backend: Backend) -> float:
        """Compute the root mean square error relative to the root mean square of the fp32 logits.

        Args:
            backend: The back end.

        Returns:
            The relative error.
        """
        difference = size = 0.0
        for image, expected in zip(self.images, self.logits, strict=True):
            found = backend.logits(image)[:, :, self.classes]
            difference += float(np.square(found - expected, dtype=np.float64).sum())
            size += float(np.square(expected, dtype=np.float64).sum())
        return float(np.sqrt(difference / max(size, 1e-12)))

    def save(self, path: Path) -> None:
        """Write the probe as safetensors.

        Args:
            path: The file.
        """
        from safetensors.numpy import save_file  # reading in fp32 needs none of it

        arrays: dict[str, npt.NDArray[np.generic]] = {"classes": self.classes}
        for number, (image, logits) in enumerate(zip(self.images, self.logits, strict=True)):
            arrays[f"image.{number}"] = np.ascontiguousarray(image, np.float16)  # safetensors writes memory as it lies
            arrays[f"logits.{number}"] = np.ascontiguousarray(logits)
        save_file(arrays, path, {"tolerance": repr(self.tolerance)})

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Read a file that ``save`` wrote.

        Args:
            path: The file.

        Returns:
            The probe.

        Raises:
            ModelError: The file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                count = sum(name.startswith("image.") for name in file.keys())  # noqa: SIM118  # the file is no mapping and cannot be iterated
                images = [file.get_tensor(f"image.{number}").astype(np.float32) for number in range(count)]
                logits = [file.get_tensor(f"logits.{number}") for number in range(count)]
                tolerance = float((file.metadata() or {})["tolerance"])
                return cls(images, logits, file.get_tensor("classes"), tolerance)
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            raise ModelError(f"{path}: damaged ({error})", hint="export the model again with `ocrx export`") from None


def probe_path(file: Path, precision: str) -> Path:
    """Find the path of the probe for an exported file and the precision of its computation.

    Args:
        file: The exported file.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The path of its probe.
    """
    stem, _, suffix = file.name.partition(".")
    return file.with_name(exported_name(f"{stem}.{suffix.rpartition('.')[2]}", precision) + PROBE_SUFFIX)


def verify(backend: Backend, folder: Path, device: str, precision: str) -> None:
    """Check that this machine computes a reduced precision correctly.

    The outcome is cached for this processor, runtime and file. Exports without a probe are accepted, with a warning for
    int8.

    Args:
        backend: The back end.
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Raises:
        BackendError: The logits of the probe differ from fp32 by more than rounding explains.
    """
    file = _stored_file(folder, backend.name, precision)
    if precision == "fp32" or file is None:
        return
    path = _stored_probe(file, folder, precision)

    if path is None:
        if precision == "int8":
            _LOG.warning(
                "%s: exported without a check of int8 arithmetic; compare its texts with fp32, or export it again", file
            )
        return

    passed = _outcome_file(backend.name, device, precision, (file, file.with_suffix(".bin"), path))
    if passed is not None and passed.is_file():
        return
    probe = Probe.load(path)
    error = probe.error(backend)

    if not error <= probe.tolerance:  # nan included
        raise BackendError(
            f"{file}: {backend.name} on this machine ({processor_name()}) computes {precision} wrongly: the logits "
            f"of the stored check differ from fp32 by {error:.0%}; expected at most {probe.tolerance:.0%}",
            hint="read in fp32 (`--precision fp32`), or export the model again on this machine",
        )

    if passed is not None:
        with contextlib.suppress(OSError):  # the next start checks again
            write_json(passed, {"file": str(file), "error": error, "tolerance": probe.tolerance})


def _stored_file(folder: Path, backend: str, precision: str) -> Path | None:
    """The exported file that a back end reads for ``precision``; None for one that reads the weights."""
    stored = "fp32" if backend == "openvino" and precision == "bf16" else precision
    names = [exported_name(name, stored) for name in _STORED_NAMES.get(backend, ())]
    paths = (place / name for name in names for place in export_places(folder))
    return next((path for path in paths if path.is_file()), None)


def _stored_probe(file: Path, folder: Path, precision: str) -> Path | None:
    """The probe of a file: beside it, or for what is computed from the file of an embedded model in the cache."""
    path = probe_path(file, precision)
    places = (path.parent, *export_places(folder))
    return next((place / path.name for place in places if (place / path.name).is_file()), None)


def _outcome_file(backend: str, device: str, precision: str, files: Sequence[Path]) -> Path | None:
    """The file that records a passed check; None without a cache folder."""
    cache = cache_folder()
    if cache is None:
        return None
    import hashlib  # brings OpenSSL, 3 MiB

    package = {"onnx": "onnxruntime", "torchscript": "torch"}.get(backend, backend)
    contents = [file_digest(file) for file in files if file.is_file()]
    version = str(import_module(package).__version__)
    key = json.dumps([processor_name(), processor_features(), backend, version, device, precision, contents])
    return cache / "probes" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
