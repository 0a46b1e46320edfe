"""A model folder to files for RapidOCR or PaddleX, checked on lines as the host prepares them, and inside the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import editdistance
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocrx.arrays import Floats, Pixels
from ocrx.backends import Backend
from ocrx.data.sample import Sample
from ocrx.decoding.greedy import greedy
from ocrx.errors import BackendError, DataError
from ocrx.evaluation.evaluate import evaluate
from ocrx.evaluation.exporter import Exported, SourceModel
from ocrx.export.host_graph import HOST_IMAGE
from ocrx.export.hosts import HostBackend, example, read_in_host, write_for_host
from ocrx.files import partial_folder
from ocrx.imaging.preparation import pad, prepare, resize, scale
from ocrx.imaging.reading import read_image
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import find_model_folder
from ocrx.text.charset import Charset

_MOST_EDITS = 0.02  # of the characters of all lines: two readings may be nearly as probable as each other
_CHECKED_LINES = 32


@dataclass(frozen=True)
class HostExport:
    """What was written for a host.

    Attributes:
        exported: The file, and how it read the lines of the comparison beside the model it came from.
        checked: The host is installed here, and read the lines inside itself alike.
        example: Three lines of Python that use the file.
    """

    exported: Exported
    checked: bool
    example: str


def export_for_host(path: Path, host: str, samples: Sequence[Sample] = (), target: Path | None = None) -> HostExport:
    """Export a model folder for another pipeline.

    Args:
        path: The model folder.
        host: ``rapidocr`` or ``paddlex``.
        samples: Lines to compare accuracy on.
        target: Folder for the files; default: one named after the host in the model folder.

    Returns:
        What was written.

    Raises:
        ModelError: The host cannot hold a character of the model.
        BackendError: The file, or the host itself, reads lines otherwise than the model; nothing is left in place then.
    """
    folder = find_model_folder(path)
    target = target or folder / host
    existing = next(parent for parent in (target, *target.parents) if parent.is_dir())

    with partial_folder(existing) as work:
        source = SourceModel(folder, work)
        files = write_for_host(source.onnx(), source.spec, host, work)
        backend = HostBackend(files[0], source.spec)
        lines = [*_probe_lines(), *_opened(samples[:_CHECKED_LINES])]
        difference, texts = _read(source.backend, backend, lines)
        checked = _check_in_host(host, files, lines, texts)
        changed, after, before = _compared(source.backend, backend, samples)

        target.mkdir(parents=True, exist_ok=True)
        size = sum(file.stat().st_size for file in files)
        for file in files:
            file.replace(target / file.name)
    files = [target / file.name for file in files]
    exported = Exported(files[0], size, len(samples), difference, changed, after, before)
    return HostExport(exported, checked, example(host, files))


def _probe_lines() -> list[Pixels]:
    """Rendered lines of several sizes, in BGR."""
    lines = []
    for text, height in (("Total 42.50", 60), ("Sphinx of black quartz, judge my vow", 33), ("i", 48)):
        font = ImageFont.load_default(size=0.7 * height)
        left, top, right, bottom = font.getbbox(text)
        line = Image.new("RGB", (int(right - left) + height // 4, height), "white")
        ImageDraw.Draw(line).text((height / 8 - left, (height - bottom + top) / 2 - top), text, fill="black", font=font)
        lines.append(np.ascontiguousarray(np.asarray(line)[:, :, ::-1]))
    return lines


def _opened(samples: Sequence[Sample]) -> list[Pixels]:
    lines = []
    for sample in samples:
        try:
            image = read_image(sample.image).convert("RGB")
        except DataError:
            continue
        lines.append(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
    return lines


def _read(model: Backend, host: HostBackend, lines: Sequence[Pixels]) -> tuple[float, list[str]]:
    """Largest difference of a probability, and the texts: one batch by the file, line by line by the model.

    The file sees the lines as the host resizes them. The model reads the lines that the file restores from that: those
    that the host has enlarged as they are, others as the host has shrunk them.
    """
    resized = [resize(Image.fromarray(line[:, :, ::-1]), HOST_IMAGE) for line in lines]
    width = max(HOST_IMAGE.min_width, *(line.shape[1] for line in resized))
    batch = np.stack([pad(scale(line, HOST_IMAGE), width, HOST_IMAGE) for line in resized])
    charset, largest = Charset.from_spec(model.spec), 0.0
    texts, expected = [], []

    for line, seen, logits in zip(lines, resized, host.logits(batch), strict=True):
        restored = line if len(line) < HOST_IMAGE.height != model.spec.image.height else seen
        image, _ = prepare(Image.fromarray(restored[:, :, ::-1]), model.spec.image)
        wanted = _probabilities(model.logits(image[None])[0])
        largest = max(largest, float(np.abs(np.exp(logits[: len(wanted)]) - wanted).max(initial=0)))
        texts.append(_text(charset, logits))
        expected.append(_text(charset, np.log(wanted + np.float32(1e-30))))
    _refuse_other_texts(host.name, texts, expected, "the model reads")
    return largest, texts


def _text(charset: Charset, logits: Floats) -> str:
    return charset.decode(greedy(logits[None])[0].classes)


def _probabilities(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return result


def _check_in_host(host: str, files: Sequence[Path], lines: Sequence[Pixels], expected: Sequence[str]) -> bool:
    """Whether the host is installed; raises BackendError where it reads otherwise."""
    texts = read_in_host(host, files, lines)
    if texts is None:
        return False

    _refuse_other_texts(host, texts, expected, "the file gives")
    return True


def _refuse_other_texts(reader: str, texts: Sequence[str], expected: Sequence[str], source: str) -> None:
    """Raise BackendError where texts differ by more than near ties do."""
    edits = [editdistance.eval(found, text) for found, text in zip(texts, expected, strict=True)]
    if sum(edits) > _MOST_EDITS * max(1, sum(map(len, expected))):
        worst = edits.index(max(edits))
        raise BackendError(f"{reader}: reads {texts[worst]!r} where {source} {expected[worst]!r}")


def _compared(model: Backend, host: HostBackend, samples: Sequence[Sample]) -> tuple[int, float | None, float | None]:
    """Texts changed, accuracy after and before: best paths, without a language model."""
    if not samples:
        return 0, None, None
    backends: tuple[Backend, Backend] = (model, host)
    before, after = (evaluate(Recognizer(backend), samples, batch_size=16) for backend in backends)
    pairs = zip(before.lines, after.lines, strict=True)
    changed = sum(one.prediction != other.prediction for one, other in pairs)
    return changed, after.metrics.accuracy, before.metrics.accuracy
