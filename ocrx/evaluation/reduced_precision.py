"""Reduced precision that can be trusted: made on this machine, and checked there on lines whose texts are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ocrx.backends import Backend, exported_name, open_backend
from ocrx.backends.probe import Probe, probe_path
from ocrx.backends.processor import adds_int8_in_32_bits
from ocrx.config import SynthConfig
from ocrx.data.sample import Sample
from ocrx.errors import ModelError
from ocrx.evaluation.evaluate import evaluate
from ocrx.evaluation.exporter import export_folder
from ocrx.export.graph import probe_images
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import ONNX_FILE, export_places, local_exports
from ocrx.model_spec import ModelSpec
from ocrx.synth.generator import LineGenerator

CHECKED_LINES = 400
"""Lines that decide whether a reduced precision reads as well: with fewer, 0.3 points could not be told from none."""

_BATCH_SIZE = 16


class PrecisionCheck:
    """Compares back ends of reduced precision with fp32 on the same lines.

    Attributes:
        accuracy: Share of the lines that fp32 reads exactly.
    """

    def __init__(self, folder: Path, samples: Sequence[Sample], max_loss: float) -> None:
        """Read the lines in fp32.

        Args:
            folder: The model folder.
            samples: Lines with their texts.
            max_loss: Largest share of exact lines that a reduced precision may lose.
        """
        self._folder = folder
        self._samples = samples
        self._max_loss = max_loss
        self._reference = open_backend(folder, device="cpu")
        self.accuracy = self._read(self._reference)

    def objection(self, backend: Backend, precision: str) -> str | None:
        """Read the lines in reduced precision; one that reads well gets a probe for ``backends.probe.verify``.

        Args:
            backend: The back end.
            precision: What it computes in.

        Returns:
            Why it is not good enough, or None.
        """
        accuracy = self._read(backend)
        if accuracy < self.accuracy - self._max_loss:
            return (
                f"{accuracy:.2%} of {len(self._samples)} lines are exact, {self.accuracy:.2%} in fp32; "
                f"expected a loss of at most {self._max_loss:.2%}"
            )
        self._add_probe(backend, precision)
        return None

    def _read(self, backend: Backend) -> float:
        return evaluate(Recognizer(backend), self._samples, batch_size=_BATCH_SIZE).metrics.accuracy

    def _add_probe(self, backend: Backend, precision: str) -> None:
        """Store a probe for bf16, which OpenVINO computes from the fp32 file; exported files have theirs already."""
        place = local_exports(self._folder)
        if backend.name != "openvino" or precision != "bf16" or place is None:
            return
        place.mkdir(parents=True, exist_ok=True)
        images = probe_images(self._reference.spec)
        Probe.measure(self._reference, backend, images).save(probe_path(place / ONNX_FILE, precision))


def make_int8(folder: Path, samples: Sequence[Sample], max_loss: float) -> Path | None:
    """Make the int8 export of a model where there is none yet.

    Args:
        folder: The model folder; for an embedded model the file goes into the user's cache.
        samples: Lines with their texts, which calibrate it and are compared.
        max_loss: Largest share of exact lines that it may lose.

    Returns:
        The file; None if there was one.

    Raises:
        ModelError: There is no folder to write to.
        BackendError: More accuracy is lost.
    """
    name = exported_name(ONNX_FILE, "int8")
    if any((place / name).is_file() for place in export_places(folder)):
        return None
    target = local_exports(folder)
    if target is None:
        raise ModelError(f"{folder}: no home folder to store int8 in", hint="set XDG_CACHE_HOME to a folder")
    # The file is for this machine; its probe keeps others from reading it wrongly.
    bits = 8 if adds_int8_in_32_bits() else 7
    return export_folder(folder, "onnx", "int8", samples, max_loss, target, bits).file


def rendered_samples(spec: ModelSpec, count: int, folder: Path) -> list[Sample]:
    """Render lines in the characters of a model, with the wear of scans and photos.

    Args:
        spec: The model's spec.
        count: Number of lines.
        folder: Where their images are written.

    Returns:
        The lines.

    Raises:
        DataError: No font has these characters.
    """
    characters = "".join(entry for entry in spec.charset if len(entry) == 1)
    generator = LineGenerator(replace(SynthConfig(), charset=characters), seed=0)
    samples = []
    for number in range(count):
        line = generator.line(number)
        path = folder / f"{number:04}.png"
        Image.fromarray(line.image).save(path)
        samples.append(Sample(path, line.text, f"rendered:{number}"))
    return samples
