"""Other readers, each in its own environment, on the same images: their texts and how long they took.

RapidOCR 1.4.4 holds PP-OCRv4 mobile, RapidOCR 3.10 PP-OCRv6 small, both on ONNX Runtime; Tesseract is Debian's.
Only recognition runs (no detection, no page analysis), from files, one line at a time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = {"rapidocr1": "rapidocr-onnxruntime==1.4.4", "rapidocr3": "rapidocr==3.10.*"}
TITLES = {
    "rapidocr1": "PP-OCRv4 mobile (RapidOCR 1.4.4)",
    "rapidocr3": "PP-OCRv6 small (RapidOCR 3.10)",
    "tesseract": "Tesseract eng",
}

_RUNNERS = {
    "rapidocr1": """
import json, sys, time
from rapidocr_onnxruntime import RapidOCR
paths, threads = json.load(sys.stdin)
reader = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)
def read(path):
    found, _ = reader(path, use_det=False, use_cls=False, use_rec=True)
    return found[0][0] if found else ""
read(paths[0])
start = time.perf_counter()
texts = [read(path) for path in paths]
print("RESULT" + json.dumps([texts, time.perf_counter() - start]))
""",
    "rapidocr3": """
import json, logging, sys, time
from rapidocr import RapidOCR
logging.disable(logging.CRITICAL)
paths, threads = json.load(sys.stdin)
engine = "EngineConfig.onnxruntime."
reader = RapidOCR(params={engine + "intra_op_num_threads": threads, engine + "inter_op_num_threads": 1})
def read(path):
    found = reader(path, use_det=False, use_cls=False, use_rec=True)
    return found.txts[0] if found.txts else ""
read(paths[0])
start = time.perf_counter()
texts = [read(path) for path in paths]
print("RESULT" + json.dumps([texts, time.perf_counter() - start]))
""",
}


@dataclass(frozen=True)
class Reading:
    """What a peer read, in the order of the images, and the seconds for all of them without its start-up."""

    texts: list[str]
    seconds: float


def environments(folder: Path) -> dict[str, Path]:
    """The Python of each RapidOCR in ``folder``; what is missing is installed there."""
    pythons = {}
    for name, requirement in ENVIRONMENTS.items():
        python = folder / name / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
            install = [str(python), "-m", "pip", "install", "--quiet", requirement, "onnxruntime"]
            subprocess.run(install, check=True)
        pythons[name] = python
    return pythons


def read_rapidocr(name: str, python: Path, images: Sequence[Path], threads: int) -> Reading:
    """RapidOCR, recognition alone."""
    job = json.dumps([[str(image) for image in images], threads])
    done = subprocess.run([python, "-c", _RUNNERS[name]], input=job, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        raise RuntimeError(f"{name} failed: {done.stderr[-800:]}")
    texts, seconds = json.loads(line.removeprefix("RESULT"))
    return Reading(texts, seconds)


def read_tesseract(images: Sequence[Path], language: str = "eng") -> Reading | None:
    """Tesseract on a list of images in one process, one thread, page mode 7 (one line); None if it is not installed."""
    if shutil.which("tesseract") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "images.txt"
        listing.write_text("".join(f"{image}\n" for image in images), encoding="utf-8")
        command = ["tesseract", str(listing), "stdout", "--psm", "7", "-l", language]
        start = time.perf_counter()
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        seconds = time.perf_counter() - start
    pages = done.stdout.split("\f")[: len(images)]
    if len(pages) != len(images):
        raise RuntimeError(f"tesseract gave {len(pages)} pages for {len(images)} images")
    return Reading([" ".join(page.split()) for page in pages], seconds)
