"""``ocrx export``: converts a model for another runtime and checks the file on real lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.backends import named_file
from ocrx.config import Config
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError
from ocrx.evaluation.exporter import export_folder
from ocrx.evaluation.host_export import export_for_host
from ocrx.export.hosts import HOSTS
from ocrx.inference.discovery import find_model
from ocrx.model_folder import bundled_language_model, find_model_folder, is_embedded, read_spec
from ocrx.results import write_result


@dataclass(frozen=True)
class ExportReport:
    """The exported file, and how it compares with the model.

    Attributes:
        model: The model folder.
        format: ``onnx``, ``openvino``, ``torchscript``, ``rapidocr`` or ``paddlex``.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.
        file: The exported file.
        bytes: Its size.
        lines: Lines that were compared; 0 for noise.
        largest_difference: Largest absolute difference of a logit; for ``rapidocr`` and ``paddlex`` of a probability.
        texts_changed: Lines whose text differs.
        accuracy: Share of exact lines of the export; None without labelled lines.
        accuracy_before: Share of exact lines of the model.
        checked_in_host: For ``rapidocr`` and ``paddlex``: whether the host is installed and read lines with the export.
        example: For these: Python code that uses the file.
    """

    model: str
    format: str
    precision: str
    file: Path
    bytes: int
    lines: int
    largest_difference: float
    texts_changed: int
    accuracy: float | None
    accuracy_before: float | None
    checked_in_host: bool | None = None
    example: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return {**asdict(self), "file": str(self.file)}


def run(config: Config, log: Callable[[str], None], target: Path | None = None) -> ExportReport:
    """Export the model that ``Export.weight_path`` names as ``Export.format`` in ``Export.precision``.

    Model and export both read lines of ``Global.dataset_dir``; without a dataset the logits of noise are compared
    (fp32 only). Writes ``export_result.json`` into ``Global.output``.

    Args:
        config: The configuration.
        log: Takes one line at a time.
        target: Folder for the file; by default the folder ``inference`` of the model.

    Returns:
        The report.

    Raises:
        ConfigError: The model is embedded and there is no ``target``, or it is an export itself.
        BackendError: In full precision a logit differs by more than rounding, or reduced precision costs more accuracy
            than ``Export.max_loss``. No file is left behind then.
    """
    settings = config.Export
    folder = _source(settings.weight_path)

    if target is None and is_embedded(folder):
        raise ConfigError(
            f"{folder}: an embedded model; nothing is written into the installed package",
            hint=f"name a folder for the file: ocrx export --model {folder.name} --output DIR",
        )

    log(f"model {folder}: exporting as {settings.format}, {settings.precision}")
    if settings.format in HOSTS:
        report = _export_for_host(folder, config, target, log)
    else:
        samples = _samples(config)
        exported = export_folder(folder, settings.format, settings.precision, samples, settings.max_loss, target)
        report = ExportReport(str(folder), settings.format, settings.precision, **vars(exported))
    write_result(Path(config.Global.output), "export", report.to_dict())
    return report


def _export_for_host(folder: Path, config: Config, target: Path | None, log: Callable[[str], None]) -> ExportReport:
    settings = config.Export
    if settings.precision != "fp32":
        raise ConfigError(f"{settings.format}: precision {settings.precision!r}; expected fp32")
    spec = read_spec(folder)
    if spec.direction == "rtl":
        log(f"{settings.format}: right-to-left lines are output in visual order, from left to right")
    if bundled_language_model(folder) is not None:
        log(f"{settings.format}: reads without the language model in {folder}")

    done = export_for_host(folder, settings.format, _samples(config), target)
    fields = {**vars(done.exported), "checked_in_host": done.checked, "example": done.example}
    return ExportReport(str(folder), settings.format, settings.precision, **fields)


def _source(weight_path: str | None) -> Path:
    """The model folder to export."""
    model = find_model(weight_path, key="Export.weight_path")
    kind = named_file(model)
    if kind not in (None, ("torch", "fp32"), ("onnx", "fp32")):
        raise ConfigError(f"{model}: an export itself", hint="name its model folder, or the weights in it")
    return find_model_folder(model)


def _samples(config: Config) -> list[Sample]:
    """Lines to compare and calibrate on: evenly spread over the validation lines, or over all lines."""
    if not config.Global.dataset_dir:
        return []
    dataset = read_dataset(Path(config.Global.dataset_dir))
    samples = dataset.val or dataset.train
    step = max(1, len(samples) // config.Export.lines)
    return list(samples[::step][: config.Export.lines])
