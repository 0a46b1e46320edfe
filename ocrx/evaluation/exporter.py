"""Exports a model folder to ONNX, OpenVINO or TorchScript, in fp32, fp16, bf16 or int8.

Every file is read back and compared with the model on real lines before it is put in place.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ocrx.arrays import Floats
from ocrx.backends import Backend, exported_name, find_model_file
from ocrx.backends.onnx import OnnxBackend
from ocrx.backends.probe import Probe, probe_path
from ocrx.backends.pytorch import DTYPES, TorchBackend
from ocrx.data.sample import Sample
from ocrx.errors import BackendError, ConfigError, DataError, ModelError
from ocrx.evaluation.evaluate import Evaluation, evaluate
from ocrx.export.graph import (
    check_parity,
    export_onnx,
    inference_form,
    prepared,
    probe_images,
    sample_images,
    trace_script,
)
from ocrx.export.quantize import half_onnx, quantized_onnx
from ocrx.files import partial_folder
from ocrx.imaging.reading import read_image
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import (
    INFERENCE_DIR,
    LM_FILE,
    ONNX_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    bundled_language_model,
    find_model_folder,
    read_spec,
    weights_file,
)
from ocrx.model_spec import ModelSpec
from ocrx.models.model_io import load_model

FORMATS = MappingProxyType(
    {"onnx": ("fp32", "fp16", "int8"), "openvino": ("fp32", "fp16", "bf16", "int8"), "torchscript": tuple(DTYPES)}
)


@dataclass(frozen=True)
class Exported:
    """An exported file, and how it compares with the model.

    Attributes:
        file: The file.
        bytes: Its size, including files that belong to it.
        lines: Lines that were compared.
        largest_difference: Largest absolute difference of a logit.
        texts_changed: Lines whose text differs.
        accuracy: Share of exact lines of the export; None without labelled lines.
        accuracy_before: Share of exact lines of the model.
    """

    file: Path
    bytes: int
    lines: int
    largest_difference: float
    texts_changed: int
    accuracy: float | None
    accuracy_before: float | None


def export_folder(
    path: Path,
    form: str,
    precision: str = "fp32",
    samples: Sequence[Sample] = (),
    max_loss: float = 0.01,
    target: Path | None = None,
    weight_bits: int = 7,
) -> Exported:
    """Export a model folder.

    A language model in the folder is copied along. After an error the target is unchanged.

    Args:
        path: The model folder.
        form: ``onnx``, ``openvino`` or ``torchscript``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.
        samples: Lines that both networks read to compare them, and that calibrate int8.
        max_loss: Largest loss of accuracy in reduced precision.
        target: Folder for the file; by default the folder ``inference`` of the model.
        weight_bits: Bits of weights in int8, see ``export.quantize.quantized_onnx``.

    Returns:
        The exported file, and how it compares with the model.

    Raises:
        ConfigError: The format does not support the precision, or the target holds another model.
        DataError: There are no lines for a reduced precision, or none of their images can be read.
        BackendError: In fp32 a logit differs by more than rounding, or else the accuracy drops by more than
            ``max_loss``.
    """
    _check_request(form, precision, samples)
    folder = find_model_folder(path)
    target = target or folder / INFERENCE_DIR
    elsewhere = target.resolve() != (folder / INFERENCE_DIR).resolve()
    if elsewhere:
        _refuse_another_model(target, folder)
    existing = next(parent for parent in (target, *target.parents) if parent.is_dir())

    with partial_folder(existing) as work:
        source = SourceModel(folder, work, weight_bits)
        written = _WRITERS[form](source, precision, samples)
        compared = _compare(source.backend, written.backend, samples, precision, max_loss)
        files = list(written.files)
        if precision != "fp32":
            files.append(probe_path(written.files[0], precision))
            Probe.measure(source.backend, written.backend, probe_images(source.spec)).save(files[-1])
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            file.replace(target / file.name)

    (target / SPEC_FILE).write_text(source.spec.to_json(), encoding="utf-8")
    lm = bundled_language_model(folder)
    if lm is not None and elsewhere:
        shutil.copyfile(lm, target / LM_FILE)
    size = sum((target / file.name).stat().st_size for file in written.files)
    return Exported(target / written.files[0].name, size, len(samples), *compared)


def _check_request(form: str, precision: str, samples: Sequence[Sample]) -> None:
    """Raise an error where the form lacks the precision, its package is missing, or no line can be compared on."""
    if precision not in FORMATS[form]:
        raise ConfigError(f"{form}: precision {precision!r}; expected one of {', '.join(FORMATS[form])}")
    if form == "openvino" and find_spec("openvino") is None:
        raise BackendError("openvino is not installed", hint="pip install 'ocrx[openvino]'")
    if precision != "fp32" and not samples:
        raise DataError(
            f"{form} in {precision}: no lines to compare on", hint="add a dataset of your own lines with --data"
        )
    if samples and not any(_readable(sample.image) for sample in samples):
        raise DataError(f"{samples[0].image}: cannot be read, nor any other of {len(samples)} images to compare on")


def _refuse_another_model(target: Path, folder: Path) -> None:
    """Raise ConfigError if ``target`` holds a model with other images or characters.

    A later state of the same model, which differs only in its frame shift, may be replaced.
    """
    if not (target / SPEC_FILE).is_file():
        return
    there, given = read_spec(target), read_spec(folder)
    if replace(there, frames=given.frames) != given:
        raise ConfigError(f"{target}: holds another model", hint="choose another folder with --output")


def _readable(image: Path) -> bool:
    try:
        read_image(image)
    except DataError:
        return False
    return True


class SourceModel:
    """The model to export: its weights if the folder has them, else its ONNX file."""

    def __init__(self, folder: Path, work: Path, weight_bits: int = 7) -> None:
        """Load the model.

        Args:
            folder: Its folder.
            work: For files that are made on the way.
            weight_bits: Bits of weights in int8.
        """
        self.weight_bits = weight_bits
        self.folder = folder
        self.work = work
        self.spec: ModelSpec = read_spec(folder)
        self.network = None if weights_file(folder) is None else inference_form(load_model(folder)[0])
        self.backend: Backend
        if self.network is not None:
            self.backend = TorchBackend(self.network, self.spec)
        else:
            self.backend = OnnxBackend(find_model_file(folder, ONNX_FILE, "ocrx train"))

    def onnx(self) -> Path:
        """Find or make an fp32 ONNX file of the model.

        Returns:
            The file.
        """
        if self.network is None:
            return find_model_file(self.folder, ONNX_FILE, "ocrx train")
        path = self.work / ONNX_FILE
        export_onnx(self.network, self.spec, path)
        return path


@dataclass(frozen=True)
class _Written:
    files: Sequence[Path]
    backend: Backend


def _write_onnx(source: SourceModel, precision: str, samples: Sequence[Sample]) -> _Written:
    file = source.work / exported_name(ONNX_FILE, precision)
    original = source.onnx()
    if precision == "fp16":
        half_onnx(original, file)
    elif precision == "int8":
        images = prepared([sample.image for sample in samples], source.spec)
        quantized_onnx(original, file, images, source.weight_bits)
    elif source.network is None:
        raise ModelError(f"{source.folder}: no {WEIGHTS_FILE}; the folder has only its ONNX model")
    return _Written([file], OnnxBackend(file))


def _write_openvino(source: SourceModel, precision: str, samples: Sequence[Sample]) -> _Written:
    import openvino

    from ocrx.backends.openvino import IR_FILE, SPEC_PATH, OpenVinoBackend, stored_precision

    original = source.onnx()
    if precision == "int8":
        original = source.work / exported_name(ONNX_FILE, precision)
        images = prepared([sample.image for sample in samples], source.spec)
        quantized_onnx(source.onnx(), original, images, source.weight_bits)
    network = openvino.Core().read_model(original)
    network.set_rt_info(source.spec.to_json(), SPEC_PATH)
    file = source.work / exported_name(IR_FILE, stored_precision(precision))
    openvino.save_model(network, file, compress_to_fp16=precision == "fp16")
    return _Written([file, file.with_suffix(".bin")], OpenVinoBackend(file, precision=precision))


def _write_torchscript(source: SourceModel, precision: str, samples: Sequence[Sample]) -> _Written:
    from ocrx.backends.torchscript import SCRIPT_FILE, SPEC_ENTRY, load_script

    if source.network is None:
        raise ModelError(f"{source.folder}: no {WEIGHTS_FILE}; TorchScript needs the weights")
    file = source.work / exported_name(SCRIPT_FILE, precision)
    network = copy.deepcopy(source.network).to(DTYPES[precision])
    trace_script(network, source.spec, DTYPES[precision], file, {SPEC_ENTRY: source.spec.to_json()})
    return _Written([file], load_script(file))


_WRITERS: MappingProxyType[str, Callable[[SourceModel, str, Sequence[Sample]], _Written]] = MappingProxyType(
    {"onnx": _write_onnx, "openvino": _write_openvino, "torchscript": _write_torchscript}
)


def _compare(
    before: Backend, after: Backend, samples: Sequence[Sample], precision: str, max_loss: float
) -> tuple[float, int, float | None, float | None]:
    """Largest difference of a logit, number of changed texts, accuracy after and before."""
    images = prepared([sample.image for sample in samples[:32]], before.spec)
    exact = precision == "fp32"
    if exact:
        check_parity(before, after, images or sample_images(before.spec), after.name)
    difference = max((_distance(before, after, image) for image in images or sample_images(before.spec)), default=0.0)
    if not samples:
        return difference, 0, None, None
    first, second = (evaluate(Recognizer(backend), samples, batch_size=16) for backend in (before, after))
    changed = _changed(first, second)

    if exact:
        # Rounding may decide between equally probable classes: only a larger difference is a mismatch.
        for sample, texts in changed:
            check_parity(
                before, after, prepared([sample.image], before.spec), f"{sample.source}: {texts}: {after.name}"
            )

    loss = first.metrics.accuracy - second.metrics.accuracy

    if loss > max_loss and not exact:
        raise BackendError(
            f"{after.name} in {precision}: {second.metrics.accuracy:.2%} of {len(samples)} lines are exact, "
            f"{first.metrics.accuracy:.2%} before; expected a loss of at most {max_loss:.2%}",
            hint="allow more with --max-loss, calibrate on more lines, or use another precision",
        )

    return difference, len(changed), second.metrics.accuracy, first.metrics.accuracy


def _changed(first: Evaluation, second: Evaluation) -> list[tuple[Sample, str]]:
    """The lines whose texts differ, with both texts."""
    return [
        (a.sample, f"{a.prediction!r}, then {b.prediction!r}")
        for a, b in zip(first.lines, second.lines, strict=True)
        if a.prediction != b.prediction
    ]


def _distance(before: Backend, after: Backend, image: Floats) -> float:
    return float(np.abs(before.logits(image) - after.logits(image)).max(initial=0))
