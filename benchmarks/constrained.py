"""Free against constrained reading: plates, captchas, amounts and dates.

    python benchmarks/constrained.py --data DIR --model FOLDER [--model FOLDER ...] > benchmarks/constrained.md

DIR holds plates_zh, captcha_v2 and sroie_lines with val.txt each. A model whose charset lacks the characters of a task
is left out of it, and said so. Logits are computed once; only the decoding differs.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrx.arrays import Floats
from ocrx.backends import Backend, open_backend
from ocrx.config import DecodeOptions
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.decoding.factory import Decoder, build_decoder
from ocrx.decoding.greedy import greedy
from ocrx.errors import OcrxError
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.inference.discovery import find_model
from ocrx.text.charset import Charset
from ocrx.text.metrics import compute_metrics

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
PLATE = rf"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{5}}"
AMOUNT = r"-?(RM ?)?(\d{1,3}(,\d{3})+|\d+)\.\d{2}"
DATE = r"\d{2}[/-]\d{2}[/-](20)?\d{2}( \d{1,2}:\d{2}(:\d{2})?( [AP]M)?)?"


@dataclass(frozen=True)
class Task:
    """Lines of a set whose truth is of a known form, and that form."""

    name: str
    folder: str
    pattern: str | None


TASKS = (
    Task("plates", "plates_zh", PLATE),
    Task("captchas, 5 of the 19 characters", "captcha_v2", None),
    Task("amounts", "sroie_lines", AMOUNT),
    Task("dates", "sroie_lines", DATE),
)


def main() -> int:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args()
    print("| lines | model | n | exact, free | exact, constrained | CER free | CER constrained | ms per line |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in options.model or [None]:
        folder = find_model(name)
        for task in TASKS:
            try:
                print(_row(task, options.data / task.folder, folder, options.backend), flush=True)
            except OcrxError as error:
                print(f"{task.name}, {folder}: left out ({error})", file=sys.stderr)
    return 0


def _row(task: Task, data: Path, folder: Path, kind: str) -> str:
    backend = open_backend(folder, kind)
    charset = Charset.from_spec(backend.spec)
    dataset = read_dataset(data)
    pattern = task.pattern or _any_five([sample.text for sample in dataset.samples])
    samples = [sample for sample in dataset.val if re.fullmatch(pattern, sample.text, re.ASCII)]
    bound = build_decoder(charset, DecodeOptions(pattern=pattern))
    lines = list(_logits(backend, samples))
    free_exact, free_cer, _ = _measure(lines, charset, greedy)
    exact, cer, milliseconds = _measure(lines, charset, bound)
    return (
        f"| {task.name} | {backend.spec.name or folder.name} | {len(samples)} | {free_exact:.1%} | {exact:.1%} "
        f"| {free_cer:.2%} | {cer:.2%} | {milliseconds:.1f} |"
    )


def _any_five(texts: Sequence[str]) -> str:
    return f"[{re.escape(''.join(sorted(set(''.join(texts)))))}]{{5}}"


def _logits(backend: Backend, samples: Sequence[Sample]) -> Iterator[tuple[str, Floats]]:
    for sample in samples:
        planes, _ = prepare(read_image(sample.image), backend.spec.image)
        yield sample.text, backend.logits(planes[None])


def _measure(lines: Sequence[tuple[str, Floats]], charset: Charset, decoder: Decoder) -> tuple[float, float, float]:
    """Accuracy, character error rate, and milliseconds of processor time per line in batches of one width."""
    widths: dict[int, list[int]] = {}
    for i, (_, logits) in enumerate(lines):
        widths.setdefault(logits.shape[1], []).append(i)
    texts = [""] * len(lines)
    start = time.process_time()
    for members in widths.values():
        batch = np.concatenate([lines[i][1] for i in members])
        for i, line in zip(members, decoder(batch), strict=True):
            texts[i] = charset.decode(line.classes)
    seconds = time.process_time() - start
    metrics = compute_metrics((truth, text) for (truth, _), text in zip(lines, texts, strict=True))
    return metrics.accuracy, metrics.cer, 1000 * seconds / max(1, len(lines))


if __name__ == "__main__":
    raise SystemExit(main())
