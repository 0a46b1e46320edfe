"""Speed and memory of the dataset check, and what it finds in real sets.

python benchmarks/check_dataset.py speed              small images opened per second
python benchmarks/check_dataset.py memory             time and memory for a label file of a million lines
python benchmarks/check_dataset.py sets DIR           findings in every dataset under DIR
python benchmarks/check_dataset.py label-errors DIR MODEL
                                                      share of altered labels of DIR/val.txt that rank first
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ocrx.config import load_config
from ocrx.data.checks.geometry import recipe_geometry
from ocrx.data.checks.image_scan import scan_images
from ocrx.data.checks.run import run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample

IMAGES = 20_000
LINES = 1_000_000
ALTERED = 0.03
TOP = 0.06


def make_images(folder: Path, count: int) -> list[Path]:
    """Draw images of 160 x 32 pixels, half PNG and half JPEG."""
    paths = []
    font = ImageFont.load_default(size=20)
    for i in range(count):
        image = Image.effect_noise((160, 32), 12).point(lambda v: v + 80)
        ImageDraw.Draw(image).text((4, 3), f"line {i:06}", fill=10, font=font)
        path = folder / f"{i:06}.{('png', 'jpg')[i % 2]}"
        image.save(path)
        paths.append(path)
    return paths


def speed() -> None:
    """Open images without and with processes, then from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        paths = make_images(Path(folder), IMAGES)
        for workers in (0, 2):
            start = time.perf_counter()
            scan = scan_images(paths, workers=workers, cache=Path(folder) / f"{workers}.npy")
            seconds = time.perf_counter() - start
            how = f"{workers} processes" if workers else "in this process"
            print(f"{scan.decoded:,} images {how}: {seconds:.1f} s, {scan.decoded / seconds:,.0f} a second")

        start = time.perf_counter()
        scan = scan_images(paths, cache=Path(folder) / "2.npy")
        print(f"again, from the cache: {scan.decoded} opened, {time.perf_counter() - start:.2f} s")


def memory() -> None:
    """Check a label file of a million lines, which lists a thousand images in turn, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        for i in range(1000):
            Image.effect_noise((100, 32), 50).save(folder / "images" / f"{i:03}.png")
        rng = random.Random(0)
        with (folder / "train.txt").open("w", encoding="utf-8") as file:
            for i in range(LINES):
                file.write(f"images/{i % 1000:03}.png\t{rng.choice('abcdefghij')}{i:07} ä words\n")
        (folder / "val.txt").write_text("images/000.png\ta0000000 ä words\n", encoding="utf-8")
        command = [sys.executable, __file__, "memory-child", str(folder)]
        subprocess.run(command, check=True)


def memory_child(folder: Path) -> None:
    start = time.perf_counter()
    dataset = read_dataset(folder)
    read = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(dataset.train):,} lines read in {read:.1f} s, peak {peak:,.0f} MB")
    config = load_config()
    known = recipe_geometry(config.Global.model, config.Model.architecture, config.Model.params, config.Image)
    findings = run_checks(dataset, known)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - start
    print(f"all rules after {seconds:.1f} s, peak {peak:,.0f} MB, {len(findings.issues):,} findings")


def sets(root: Path) -> None:
    """Print a table of findings, one row a dataset."""
    config = load_config()
    known = recipe_geometry(config.Global.model, config.Model.architecture, config.Model.params, config.Image)
    print("| set | train / val | errors | warnings |\n|---|---|---|---|")
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        dataset = read_dataset(folder)
        found: dict[str, Counter[str]] = {"error": Counter(), "warning": Counter(), "info": Counter()}
        for issue in run_checks(dataset, known).issues:
            found[issue.severity][issue.code] += 1
        cells = [", ".join(f"{code} {n}" for code, n in found[s].items()) or "–" for s in ("error", "warning")]
        print(f"| {folder.name} | {len(dataset.train)} / {len(dataset.val)} | {cells[0]} | {cells[1]} |")


def label_errors(folder: Path, model: str) -> None:
    """Alter 3 % of the validation labels by one character, with ten seeds; count those in the first 6 %."""
    from ocrx.evaluation.label_errors import rank_labels
    from ocrx.inference.opening import create_model

    samples = read_dataset(folder).val
    letters = sorted({c for sample in samples for c in sample.text if c != " "})
    altered: list[dict[int, Sample]] = []
    for seed in range(10):
        rng = random.Random(seed)
        chosen = rng.sample(range(len(samples)), round(ALTERED * len(samples)))
        altered.append({i: replace(samples[i], text=_altered(samples[i].text, letters, rng)) for i in chosen})

    # Score every label once; each seed then ranks its own choice of original and altered labels.
    everything = [*samples, *(sample for part in altered for sample in part.values())]
    log_odds = {label.sample: label.log_odds for label in rank_labels(create_model(model), everything)}

    shares = []
    for seed, part in enumerate(altered):
        ranked = sorted(range(len(samples)), key=lambda i: -log_odds[part.get(i, samples[i])])
        top = ranked[: round(TOP * len(samples))]
        shares.append(sum(i in part for i in top) / len(part))
        print(f"seed {seed}: {shares[-1]:.1%} of {len(part)} altered labels are in the first {len(top)}")
    print(
        f"mean {sum(shares) / len(shares):.1%}; {sum(log_odds[s] == 0 for s in samples)} labels are read as they stand"
    )


def _altered(text: str, letters: list[str], rng: random.Random) -> str:
    """Replace, remove or insert one character."""
    at = rng.randrange(len(text))
    other = rng.choice([letter for letter in letters if letter.casefold() != text[at].casefold()])
    kind = rng.choice(("replace", "remove", "insert") if len(text) > 1 else ("replace", "insert"))
    return text[:at] + (other if kind != "remove" else "") + text[at + (kind != "insert") :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory", "memory-child", "sets", "label-errors"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("model", nargs="?")
    options = parser.parse_args()

    if options.what == "speed":
        speed()
    elif options.what == "memory":
        memory()
    elif options.what == "memory-child":
        memory_child(options.folder)
    elif options.what == "sets":
        sets(options.folder)
    else:
        label_errors(options.folder, options.model)


if __name__ == "__main__":
    main()
