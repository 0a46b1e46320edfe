"""Everything that is about speed, measured beside its peers, into ``docs/performance.md``: ``make bench``.

    python benchmarks/performance.py [--only reading,start] [--data ../shared/data/sroie_lines]
                                     [--peer-python ENVIRONMENT/bin/python]...

Each section is measured by the script that is named above its table, in turn with its peer, and replaces the section of
this machine from an earlier run; the figures of other machines stay (``benchmarks/performance/*.json``). A reader that
is not installed is named on the page with its install command. Other readers run in the environments that
``--peer-python`` or the variable OCRX_PEER_PYTHONS names.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

import cold_start
import numpy as np
from check_dataset import make_images
from peers import TITLES, find_peers, missing_peers, peer_version
from performance_page import ROOT, Section, save_section, write_page
from PIL import Image, ImageDraw, ImageFont
from predict_speed import Measured, measure, own_readers, peer_readers, ratio
from processor_peak import fp32_peak, int8_peak

from ocrx.backends import own_cores
from ocrx.backends.onnx import OnnxBackend
from ocrx.config import BenchmarkConfig
from ocrx.data.checks.image_scan import scan_images
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import OcrxError
from ocrx.evaluation.reduced_precision import CHECKED_LINES, make_int8
from ocrx.imaging.preparation import resize
from ocrx.imaging.reading import read_image
from ocrx.inference.batching import stack_lines, width_batches
from ocrx.inference.discovery import find_model
from ocrx.inference.tuned_settings import machine
from ocrx.model_folder import INFERENCE_DIR, ONNX_FILE, read_spec

MODEL = "printed_en"  # the peers read English
FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
PACKAGES = ("numpy", "onnxruntime", "openvino", "torch", "pillow")
SECONDS = "{:.2f} ({:.2f}–{:.2f})"
TIMES = "{:.1f} ({:.1f}–{:.1f})"
BUSY = (
    "The machine was busy with other work: only rows of one thread compare, by processor time. Threads that wait for "
    "each other spin meanwhile, so that rows of several threads say more about the load than about the readers."
)
PEER_RATIO = "times as fast as PP-OCRv4 mobile"


@dataclass(frozen=True)
class Options:
    """What is measured on.

    Attributes:
        data: Dataset of lines.
        lines: Lines to read.
        rounds: How often the readers take turns.
        pythons: Environments with other readers.
    """

    data: Path
    lines: int
    rounds: int
    pythons: tuple[Path, ...]

    def samples(self) -> list[Sample]:
        """The lines to read."""
        dataset = read_dataset(self.data)
        return list(dataset.val or dataset.train)[: self.lines]

    def command(self, section: str) -> str:
        """How a section is measured, whatever the folders of this machine are called."""
        return f"python benchmarks/performance.py --only {section}"


def processor(options: Options) -> Section:
    """Peaks of a core, and the share of them that the network reaches on one thread."""
    peak = {"fp32": fp32_peak(), "int8": int8_peak()}
    folder = find_model(MODEL)
    spec = read_spec(folder)
    lines = [resize(read_image(sample.image), spec.image) for sample in options.samples()]
    backend = OnnxBackend(folder / INFERENCE_DIR / ONNX_FILE)
    batches = [
        stack_lines([lines[index] for index in indices], backend.spec.image)
        for indices in width_batches(lines, backend, 8)
    ]
    operations = 2 * sum(network_multiplications(folder, [batch.shape for batch in batches])) / 1e9

    seconds = []
    for _ in range(options.rounds + 1):  # the first one is a warm-up
        start = time.process_time()
        for batch in batches:
            backend.logits(batch)
        seconds.append(time.process_time() - start)
    rates = [operations / spent for spent in seconds[1:]]
    rate = statistics.median(rates)
    rows = [
        ("fp32 matrix product, one core", f"{peak['fp32']:.0f} billion operations/s"),
        ("int8 matrix product, one core", f"{peak['int8']:.0f} billion operations/s"),
        (
            f"network of {MODEL}, one thread, batch 8",
            f"{statistics.median(seconds[1:]) / len(lines) * 1000:.2f} ms a line",
        ),
        ("", f"{rate:.0f} ({min(rates):.0f}–{max(rates):.0f}) billion operations/s, {rate / peak['fp32']:.0%} of fp32"),
        ("processor", f"{own_cores()} cores; {', '.join(_features()) or platform.machine()}"),
        ("versions", f"Python {platform.python_version()}, {', '.join(_versions())}"),
    ]
    return Section(
        "The processor",
        options.command("processor"),
        _conditions(f"{len(lines)} lines of {options.data.name}, by processor time"),
        ("", ""),
        tuple(rows),
    )


def network_multiplications(folder: Path, shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Multiplications of the network for batches of these shapes."""
    import torch

    from ocrx.export.graph import inference_form
    from ocrx.models.model_io import load_model
    from ocrx.zoo.cost import multiplications

    network = inference_form(load_model(folder)[0]).to("meta")
    return [multiplications(network, torch.empty(shape, device="meta")) for shape in shapes]


def reading(options: Options) -> Section:
    """Lines from files to texts, with one thread and with all cores."""
    samples, pythons = options.samples(), find_peers(options.pythons)
    rows: list[tuple[str, ...]] = []
    settings, notes = _settings(options)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > own_cores() / 2:
        notes.append(BUSY)
    for threads in sorted({1, own_cores()}):
        own = own_readers([None], ["onnx"], threads, (8,)) | own_readers([MODEL], settings, threads, (8,))
        measured = measure(samples, own | peer_readers(pythons, threads), options.rounds)
        base = measured.get(TITLES["rapidocr1"])
        known = [entry for entry in measured.values() if entry.failure is None]
        rows += [
            _reading_row(entry, base, threads, len(samples)) for entry in sorted(known, key=lambda e: sum(e.seconds))
        ]
        notes += [f"{entry.title}: not measured ({entry.failure})." for entry in measured.values() if entry.failure]
    notes += [f"{title}: not installed; `{install}`." for title, install in missing_peers(list(pythons)).items()]
    notes += [f"{TITLES[name]}: {peer_version(name, python)}." for name, python in pythons.items()]
    return Section(
        "Reading",
        options.command("reading"),
        _conditions(
            f"{len(samples)} lines of {options.data.name} from files to texts, {options.rounds} rounds of all readers "
            "in turn, medians (least and largest ratio of a round)"
        ),
        ("reader", "threads", "ms a line", "of processor time", "exact, any case", PEER_RATIO, "by processor time"),
        tuple(rows),
        tuple(dict.fromkeys(notes)),
    )


def _reading_row(entry: Measured, base: Measured | None, threads: int, lines: int) -> tuple[str, ...]:
    wall, processor_time = f"{entry.ms_per_line(lines):.2f}", f"{entry.processor_ms_per_line(lines):.2f}"
    ratios = ("–", "–")
    if base is not None and base.failure is None:
        ratios = (
            TIMES.format(*ratio(entry.seconds, base.seconds)),
            TIMES.format(*ratio(entry.processor_seconds, base.processor_seconds)),
        )
    return (entry.title, str(threads), wall, processor_time, f"{entry.exact:.1%}", *ratios)


def start(options: Options) -> Section:
    """A whole process that reads one line, beside bare imports and Tesseract."""
    image = str(options.samples()[0].image)
    found = json.loads(_run_script(["cold_start.py", image, "--json", "--runs", str(max(5, 3 * options.rounds))]))
    rows = [
        (title, *(f"{v:.3f}" for v in cold_start.medians(costs)[:2]), f"{cold_start.medians(costs)[2]:.0f}")
        for title, costs in found.items()
    ]
    pairs = list(zip(found[cold_start.OCRX], found[cold_start.BARE], strict=True))
    processor_time = [ours[1] - bare[1] for ours, bare in pairs]
    memory = [ours[2] - bare[2] for ours, bare in pairs]
    above = SECONDS.format(statistics.median(processor_time), min(processor_time), max(processor_time))
    note = f"Above the bare imports: {above} s of processor time, {statistics.median(memory):.0f} MiB."
    return Section(
        "Start",
        options.command("start"),
        _conditions(f"one line, {len(pairs)} starts of each in turn, medians"),
        ("process", "wall s", "processor s", "peak MiB"),
        tuple(rows),
        (note,),
    )


def training(options: Options) -> Section:
    """``train_speed.py``: the engine and a plain loop, an epoch each in turn."""
    script = ["train_speed.py", str(options.data), "--lines", "800", "--threads", str(own_cores())]
    output = _run_script(script)
    table = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("| ")]
    return Section(
        "Training",
        "python benchmarks/train_speed.py DATASET --lines 800",
        _conditions(output.splitlines()[0].rpartition(", ")[0]),
        tuple(table[0]),
        tuple(map(tuple, table[1:])),
    )


def rendering(options: Options) -> Section:
    """``synth_speed.py``, in turn with plain text drawn by Pillow."""
    lines = 3000
    found: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        output = _run_script(["synth_speed.py", "--lines", str(lines), "--processes", str(own_cores())])
        for title, rate in re.findall(r"^(.+): ([\d.]+) lines/s", output, re.MULTILINE):
            found.setdefault(title, []).append(float(rate))
        found.setdefault("Pillow alone, one font, no degradation, one process", []).append(_plain_drawing(lines))
    return Section(
        "Rendering",
        f"python benchmarks/synth_speed.py --lines {lines} --processes {own_cores()}",
        _conditions(f"{lines} lines, {options.rounds} rounds in turn, medians (least–largest)"),
        ("", "lines/s"),
        tuple((title, _rates(rates)) for title, rates in found.items()),
    )


def _plain_drawing(lines: int) -> float:
    font = ImageFont.load_default(size=24)
    start = time.perf_counter()
    for number in range(lines):
        text = f"Line {number} of plain text"
        image = Image.new("L", (round(font.getlength(text)) + 8, 36), 255)
        ImageDraw.Draw(image).text((4, 2), text, fill=0, font=font)
    return lines / (time.perf_counter() - start)


def checking(options: Options) -> Section:
    """Opening the images of a dataset, in turn with Pillow alone."""
    count = 4000
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        paths = make_images(Path(name), count)
        ways: dict[str, Callable[[], object]] = {
            "ocrx, one process": lambda: scan_images(paths, workers=0),
            f"ocrx, {own_cores()} processes": lambda: scan_images(paths, workers=own_cores()),
            "Pillow alone, one process": lambda: list(map(_decoded_size, paths)),
        }
        for _ in range(options.rounds):
            for title, work in ways.items():
                start = time.perf_counter()
                work()
                found.setdefault(title, []).append(count / (time.perf_counter() - start))
    return Section(
        "Checking a dataset",
        options.command("checking"),
        _conditions(f"{count:,} images of 160x32 pixels, {options.rounds} rounds in turn, medians (least–largest)"),
        ("", "images/s"),
        tuple((title, _rates(rates)) for title, rates in found.items()),
    )


def bulk(options: Options) -> Section:
    """``ocrx bulk``, which writes each line exactly once, in turn with ``ocrx predict``; starts count."""
    count = 4000
    images = [str(sample.image) for sample in options.samples()]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        listing = Path(name, "lines.txt")
        listing.write_text("".join(f"{image}\n" for image in islice(cycle(images), count)), encoding="utf-8")
        for number in range(options.rounds):
            cores = str(own_cores())
            bulk_options = ["--output", f"{name}/{number}", "--workers", cores, "--threads", "1"]
            commands = {
                f"ocrx bulk, {cores} workers": ["bulk", f"@{listing}", *bulk_options],
                f"ocrx predict, {cores} threads": ["predict", f"@{listing}", "--threads", cores],
            }
            for title, command in commands.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, "-m", "ocrx", *command], check=True, capture_output=True)
                found.setdefault(title, []).append(count / (time.perf_counter() - start))
    return Section(
        "Bulk reading",
        options.command("bulk"),
        _conditions(
            f"{count:,} lines of {options.data.name}, {options.rounds} rounds in turn, medians (least–largest)"
        ),
        ("", "lines/s"),
        tuple((title, _rates(rates)) for title, rates in found.items()),
    )


def files(options: Options) -> Section:
    """Many small and some large files, in turn with Pillow, which decodes them and reads nothing."""
    images = [sample.image for sample in options.samples()]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        large = large_images(Path(name), 20)
        sets = {
            f"10,000 small files ({options.data.name})": list(islice(cycle(images), 10_000)),
            "200 scans of 300 dpi, PNG, 2480x150 pixels": list(islice(cycle(large["png"]), 200)),
            "200 JPEG of 12 megapixels, 9000x1333": list(islice(cycle(large["jpg"]), 200)),
        }
        reader = own_readers([MODEL], ["onnx"], own_cores(), (8,)).popitem()[1]
        for title, paths in sets.items():
            ours, plain = [], []
            for _ in range(options.rounds):
                found = reader(paths)
                ours.append(len(paths) / found.seconds if found else 0.0)
                start = time.perf_counter()
                list(map(_decoded_size, paths))
                plain.append(len(paths) / (time.perf_counter() - start))
            rows.append((title, _rates(ours), _rates(plain)))
    return Section(
        "Files",
        options.command("files"),
        _conditions(f"{options.rounds} rounds in turn, medians (least–largest)"),
        ("", f"read, {own_cores()} threads, files/s", "decoded by Pillow, one thread, files/s"),
        tuple(rows),
    )


def large_images(folder: Path, count: int) -> dict[str, list[Path]]:
    """Draw lines as a scanner and a camera give them: strips of 300 dpi in PNG, and JPEG of 12 megapixels."""
    found: dict[str, list[Path]] = {"png": [], "jpg": []}
    for suffix, size in (("png", (2480, 150)), ("jpg", (9000, 1333))):
        font = ImageFont.load_default(size=0.6 * size[1])
        for number in range(count):
            noise = np.random.default_rng(number).normal(235, 6, (size[1], size[0])).clip(0, 255).astype(np.uint8)
            image = Image.fromarray(noise).convert("RGB")
            ImageDraw.Draw(image).text((40, 0.1 * size[1]), f"Invoice {number:04}", fill=(30, 30, 30), font=font)
            path = folder / f"{number:03}.{suffix}"
            image.save(path)
            found[suffix].append(path)
    return found


def _decoded_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.width, image.height


def _rates(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"


def _run_script(script: Sequence[str]) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / script[0]), *script[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def _settings(options: Options) -> tuple[list[str], list[str]]:
    """Back ends and precisions to read with, and why one is left out."""
    settings = ["onnx", "onnx:int8"]
    notes = []
    try:
        make_int8(find_model(MODEL), read_dataset(options.data).train[:CHECKED_LINES], BenchmarkConfig().max_loss)
    except OcrxError as error:
        settings.remove("onnx:int8")
        notes.append(f"int8: {error.message}.")
    if find_spec("openvino") is not None:
        settings += ["openvino", "openvino:bf16"]
    return settings, notes


def _features() -> list[str]:
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text(encoding="utf-8").split()) if info.exists() else set()
    return [feature for feature in FEATURES if feature in flags]


def _versions() -> list[str]:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def _conditions(what: str) -> str:
    """What was measured, and how many processes wanted to run when it began."""
    return f"{what}; load before {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else what


SECTIONS: dict[str, Callable[[Options], Section]] = {
    section.__name__: section for section in (processor, reading, start, files, training, rendering, checking, bulk)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"sections, joined by commas: {', '.join(SECTIONS)}")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "sroie_lines")
    parser.add_argument("--lines", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", type=Path, action="append", default=[])
    given = parser.parse_args()
    names = given.only.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        parser.error(f"--only: {', '.join(unknown)}; expected some of {', '.join(SECTIONS)}")

    options = Options(given.data, given.lines, given.rounds, tuple(given.peer_python))
    for name in names:
        print(f"{name} …", flush=True)
        save_section(machine(), name, SECTIONS[name](options))
        write_page(list(SECTIONS))


if __name__ == "__main__":
    main()
