"""Official parity: imported PP-OCR weights against ONNX Runtime on the original files.

    python benchmarks/parity_official.py --data DATA --output benchmarks/parity_official.md [FILE.onnx ...]

First both read the same random tensors: the largest difference of a probability. Then both read the same image files:
the original with OpenCV and PP-OCR's preprocessing (BGR, height 48, own width, at least 320 with zeros), ours through
``create_model`` on the imported folder. DATA holds folders with ``val.txt`` (``image<TAB>text``). Without FILE the
models inside rapidocr-onnxruntime and rapidocr are taken, if installed. Needs opencv-python-headless.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch

from ocrx import create_model
from ocrx.models.model_io import load_model
from ocrx.zoo.importer import import_weights

SETS = {
    "sroie_lines": 100,
    "plates_zh": 60,
    "captcha_v2": 40,
    "fraktur_de": 40,
    "typewritten_cs_sk": 30,
    "handwriting_en": 30,
}
PACKAGED = {
    "rapidocr_onnxruntime": "models/ch_PP-OCRv4_rec_infer.onnx",
    "rapidocr": "models/PP-OCRv6_rec_small.onnx",
}
# Two classes closer than this are a tie that rounding or a resampled pixel may decide either way.
NEAR = 0.2


@dataclass(frozen=True)
class Reading:
    """A text, and the smallest gap between the best and the second probability over its frames."""

    text: str
    gap: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--bucket", type=int, default=1, help="pad to multiples of this, to see what it changes")
    options = parser.parse_args()
    lines = real_lines(options.data)
    rows = [
        "| file | recipe | same tensor: largest difference | same files: equal texts | near ties among the rest | "
        "exact, original | exact, ours |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(rows), flush=True)
    for file in options.files or packaged():
        rows.append(measure(file, lines, options.bucket))
        print(rows[-1], flush=True)
    if options.output:
        options.output.write_text(f"{(__doc__ or '').strip()}\n\n" + "\n".join(rows) + "\n", encoding="utf-8")


def packaged() -> list[Path]:
    """The recognition models inside the installed peers."""
    found = []
    for name, path in PACKAGED.items():
        package = importlib.util.find_spec(name)
        if package is not None and package.origin is not None:
            found.append(Path(package.origin).parent / path)
    return found


def real_lines(data: Path) -> list[tuple[Path, str]]:
    lines: list[tuple[Path, str]] = []
    for name, count in SETS.items():
        rows = (data / name / "val.txt").read_text(encoding="utf-8").splitlines()[:count]
        lines += [(data / name / row.split("\t")[0], row.split("\t")[1]) for row in rows]
    return lines


def measure(file: Path, lines: list[tuple[Path, str]], bucket: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "imported"
        report = import_weights(str(file), output)
        spec_file = output / "model.json"
        text = spec_file.read_text(encoding="utf-8").replace('"bucket": 1,', f'"bucket": {bucket},')
        spec_file.write_text(text, encoding="utf-8")
        model, spec = load_model(output)
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        worst = 0.0
        for width in (320, 640, 1000):
            images = np.random.default_rng(width).uniform(-1, 1, (2, 3, 48, width)).astype(np.float32)
            with torch.inference_mode():
                found = model(torch.from_numpy(images)).softmax(-1).numpy()
            worst = max(worst, float(np.abs(run(session, images) - found).max()))
        reader = create_model(model_dir=str(output), backend="torch")
        ours = [result.text for result in reader.predict([str(path) for path, _ in lines], batch_size=8)]
    theirs = [read_original(session, path, spec.charset) for path, _ in lines]
    differing = [index for index in range(len(lines)) if ours[index] != theirs[index].text]
    ties = sum(theirs[index].gap < NEAR for index in differing)
    for index in differing:
        print(f"  {lines[index][0].name}: {theirs[index].text!r} / {ours[index]!r}, gap {theirs[index].gap:.3f}")
    exact = [
        sum(text == truth for text, (_, truth) in zip(texts, lines, strict=True))
        for texts in ([reading.text for reading in theirs], ours)
    ]
    equal = len(lines) - len(differing)
    return (
        f"| {file.name} | {report.name} | {worst:.1e} | {equal} of {len(lines)} ({equal / len(lines):.1%}) | "
        f"{ties} of {len(differing)} | {exact[0]} | {exact[1]} |"
    )


def run(session: Any, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])


def read_original(session: Any, path: Path, charset: tuple[str, ...]) -> Reading:
    """PP-OCR's own way: OpenCV, one image at a time, best path."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    resized_width = min(3200, math.ceil(48 * width / height))
    resized = cv2.resize(image, (resized_width, 48), interpolation=cv2.INTER_LINEAR)
    planes = np.zeros((1, 3, 48, max(320, resized_width)), np.float32)
    planes[0, :, :, :resized_width] = (resized.astype(np.float32).transpose(2, 0, 1) / 255 - 0.5) / 0.5
    frames = run(session, planes)[0]
    best = frames.argmax(-1)
    ordered = np.sort(frames, -1)
    kept = [int(c) for i, c in enumerate(best) if c != 0 and (i == 0 or c != best[i - 1])]
    return Reading("".join(charset[c - 1] for c in kept), float((ordered[:, -1] - ordered[:, -2]).min()))


if __name__ == "__main__":
    main()
