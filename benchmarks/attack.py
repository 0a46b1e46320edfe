"""Feed damaged and hostile files to the command line, and count what it does with them.

    python benchmarks/attack.py --cases 20000 --workers 2

A case is one file or one small group of files, made from a seed: an image, a dataset, a model folder, an LMDB, a PDF,
a configuration or a Paddle checkpoint, mostly valid ones with some bytes or values changed. It is read by the command
that a user would give it to, in a worker process. A case passes if the command ends with exit code 0, 1 or 2 and, if
not 0, says why. It fails with an exception, a dead process, more than ten seconds of processor time or more than two
gigabytes of memory. Failing cases are printed; ``--family NAME --seed N`` runs one of them again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import pickle
import random
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, features

CPU_SECONDS = 10.0
WALL_SECONDS = 60.0
MEMORY_MIB = 2048.0
NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63, 10**30, 1e308, float("nan"), 0.5)
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "PPM", "WEBP", "JPEG2000", "AVIF")


@dataclass(frozen=True)
class Outcome:
    """What a case did: ``passed``, ``exception``, ``silent``, ``dead``, ``hang`` or ``memory``; and more about it."""

    kind: str
    detail: str = ""


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a few places of a file.

    Args:
        data: A valid file.
        rng: Where the randomness comes from.

    Returns:
        The file cut, with flipped bytes, with numbers written over its fields, with parts repeated or removed.
    """
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not changed:
            break
        at = rng.randrange(len(changed))
        action = rng.randrange(6)
        if action == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            changed[at] = rng.choice((0, 0xFF, 0x7F, 0x80, rng.randrange(256)))
        elif action == 2:
            number = struct.pack(rng.choice("<>") + "I", rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 65536)))
            changed[at : at + 4] = number
        elif action == 3:
            del changed[at : at + rng.randrange(1, 64)]
        elif action == 4:
            changed[at:at] = changed[at : at + rng.randrange(1, 64)]
        else:
            del changed[at:]
    return bytes(changed)


def line_image(rng: random.Random) -> Image.Image:
    """A small image of a line in one of Pillow's modes."""
    image = Image.new("RGB", (rng.randrange(8, 200), rng.randrange(8, 40)), "white")
    ImageDraw.Draw(image).text((2, 2), str(rng.random()), fill="black")
    return image.convert(rng.choice(("L", "RGB", "1", "P", "RGBA", "CMYK", "I;16", "F")))


def image_bytes(rng: random.Random) -> bytes:
    """An encoded image, damaged as a rule."""
    kind = rng.choice(FORMATS)
    name = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}.get(kind)
    if name is not None and not features.check(name):
        kind = "PNG"
    buffer = io.BytesIO()
    image = line_image(rng)
    try:
        image.save(buffer, kind)
    except (OSError, ValueError, KeyError):
        image.convert("RGB").save(buffer, kind)
    return mutate(buffer.getvalue(), rng) if rng.random() < 0.9 else buffer.getvalue()


def png_bomb() -> bytes:
    """A PNG that claims far more pixels than it has bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def attack_images(rng: random.Random, folder: Path) -> list[str]:
    """Damaged images, and files that are something else than their name says."""
    foreign = (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.4\n", b"", rng.randbytes(300), png_bomb())
    for number in range(4):
        data = image_bytes(rng) if rng.random() < 0.85 else rng.choice(foreign)
        suffix = rng.choice(("png", "jpg", "tif", "bmp", "webp", "avif", "gif"))
        (folder / f"{number}.{suffix}").write_bytes(data)
    return ["predict", str(folder), "--jsonl", "--beam", "1"]


def attack_pdf(rng: random.Random, folder: Path) -> list[str]:
    """A damaged PDF."""
    buffer = io.BytesIO()
    line_image(rng).convert("RGB").save(buffer, "PDF")
    (folder / "a.pdf").write_bytes(mutate(buffer.getvalue(), rng))
    return ["predict", str(folder / "a.pdf"), "--jsonl", "--beam", "1"]


def attack_labels(rng: random.Random, folder: Path) -> list[str]:
    """Damaged label files of every layout."""
    line_image(rng).convert("L").save(folder / "a.png")
    rows = [f"a.png\t{rng.choice(('one', 'zwei', 'ſ', '١٢', ''))}" for _ in range(rng.randrange(1, 6))]
    text = "\n".join(rows).encode(rng.choice(("utf-8", "utf-16", "latin-1", "gbk")), "replace")
    table = "file_name,text\na.png,one\n"
    row = {"file_name": "a.png", "text": value(rng, 3)}
    names = {
        "train.txt": text,
        "val.txt": text,
        "dict.txt": b"a\nb\n",
        "label.txt": text,
        "train.csv": table.encode(),
        "metadata.jsonl": dump(row) + b"\n",
    }
    for name in rng.sample(sorted(names), rng.randrange(1, 4)):
        (folder / name).write_bytes(mutate(names[name], rng))
    return ["check-dataset", str(folder), "--output", str(folder / "out"), "-o", "CheckDataset.workers=0"]


def value(rng: random.Random, depth: int) -> Any:
    """A value of any JSON type."""
    kind = rng.randrange(8 if depth else 5)
    if kind == 0:
        return rng.choice(NUMBERS[:7])
    if kind == 1:
        return rng.choice(("", "a", "\x00", "x" * 1000, "${oc.env:HOME}", "../../x", "nan"))
    if kind in (2, 3, 4):
        return rng.choice((None, True, False, 1.5, -3))
    if kind == 5:
        nested: Any = 1
        for _ in range(rng.choice((3, 100, 3000))):
            nested = [nested]
        return nested
    if kind == 6:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {str(rng.random()): value(rng, depth - 1) for _ in range(rng.randrange(4))}


def replace_somewhere(data: Any, rng: random.Random) -> Any:
    """A copy of JSON data with one value replaced, removed or renamed."""
    if not isinstance(data, (dict, list)) or not data or rng.random() < 0.2:
        return value(rng, 2)
    copy = data.copy()
    key = rng.choice(sorted(copy) if isinstance(copy, dict) else range(len(copy)))
    if isinstance(copy, dict) and rng.random() < 0.15:
        del copy[key]
    else:
        copy[key] = replace_somewhere(copy[key], rng)
    return copy


def dump(data: Any) -> bytes:
    """JSON as text; nesting beyond Python's own limit is cut."""
    try:
        return json.dumps(data).encode()
    except (RecursionError, ValueError):
        return b"[" * 5000


def attack_model(rng: random.Random, folder: Path) -> list[str]:
    """The embedded model with one of its files damaged."""
    import shutil

    from ocrx.model_folder import EMBEDDED_DIR

    source = sorted(path for path in EMBEDDED_DIR.iterdir() if path.is_dir())[0]
    model = folder / "model"
    shutil.copytree(source, model)
    victim = rng.choice(sorted(path for path in model.rglob("*") if path.is_file() and path.suffix != ".md"))
    if victim.suffix == ".json" and rng.random() < 0.7:
        victim.write_bytes(dump(replace_somewhere(json.loads(victim.read_text("utf-8")), rng)))
    else:
        victim.write_bytes(mutate(victim.read_bytes(), rng))
    line_image(rng).convert("L").save(folder / "a.png")
    backend = rng.choice(("auto", "auto", "onnx"))
    return ["predict", str(folder / "a.png"), "--model", str(model), "--backend", backend, "--jsonl"]


def attack_config(rng: random.Random, folder: Path) -> list[str]:
    """A configuration with wrong values, unknown keys, aliases and interpolations."""
    sections = {
        "Global": ("model", "mode", "dataset_dir", "device", "output", "seed", "threads", "charset"),
        "Train": ("epochs_iters", "batch_size", "learning_rate", "accumulate", "processes", "augment", "precision"),
        "Model": ("architecture", "params"),
        "Image": ("height", "bucket", "max_width", "mean", "order"),
        "Decode": ("pattern", "beam", "lm_weight", "allow"),
        "Predict": ("batch_size", "min_score", "backend"),
    }
    config: dict[str, Any] = {}
    for _ in range(rng.randrange(1, 4)):
        section = rng.choice(sorted(sections))
        key = rng.choice((*sections[section], "unknown"))
        config.setdefault(section, {})[key] = value(rng, 2)
    data = dump(config)
    if rng.random() < 0.3:
        data = mutate(data, rng)
    if rng.random() < 0.1:
        data = b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (98 + i, 98 + i, 97 + i, 97 + i) for i in range(20))
    (folder / "c.yaml").write_bytes(data)
    override = ["-o", f"Global.output={folder / 'out'}", "-o", "Global.mode=check_dataset"]
    return ["run", "-c", str(folder / "c.yaml"), *override]


def attack_lmdb(rng: random.Random, folder: Path) -> list[str]:
    """A damaged LMDB of lines."""
    import lmdb

    buffer = io.BytesIO()
    line_image(rng).convert("L").save(buffer, "PNG")
    with lmdb.open(str(folder), map_size=1 << 20, lock=False) as environment, environment.begin(write=True) as batch:
        batch.put(b"num-samples", b"1")
        batch.put(b"image-000000001", buffer.getvalue())
        batch.put(b"label-000000001", b"one")
    path = folder / "data.mdb"
    path.write_bytes(mutate(path.read_bytes(), rng))
    return ["check-dataset", str(folder), "--convert-to", "paddlex", "--output", str(folder.parent / "out")]


def attack_pickle(rng: random.Random, folder: Path) -> list[str]:
    """A damaged or hostile Paddle checkpoint."""
    import numpy as np

    state = {f"conv{i}.w_0": np.arange(rng.randrange(1, 9), dtype=np.float32) for i in range(3)}
    hostile = (b"cos\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nndarray\n(I1\ntR.")
    data = pickle.dumps(state, protocol=rng.choice((2, 4))) if rng.random() < 0.85 else rng.choice(hostile)
    (folder / "w.pdparams").write_bytes(mutate(data, rng))
    return ["import", str(folder / "w.pdparams"), "--output", str(folder / "out"), "--model", "PP-OCRv4_mobile_rec"]


FAMILIES: dict[str, Callable[[random.Random, Path], list[str]]] = {
    "images": attack_images,
    "pdf": attack_pdf,
    "labels": attack_labels,
    "model": attack_model,
    "config": attack_config,
    "lmdb": attack_lmdb,
    "pickle": attack_pickle,
}


def run_case(family: str, seed: int) -> Outcome:
    """Make the files of a case and run the command that reads them, in this process.

    Args:
        family: Name in ``FAMILIES``.
        seed: Decides everything about the case.

    Returns:
        What happened.
    """
    from ocrx.cli.app import main

    rng = random.Random(f"{family} {seed}")
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory(prefix="attack") as name:
        folder = Path(name) / "case"
        folder.mkdir()
        arguments = FAMILIES[family](rng, folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(arguments)
        except BaseException:
            return Outcome("exception", traceback.format_exc())
    if code not in (0, 1, 2) or (code and "error" not in err.getvalue() and "error" not in out.getvalue()):
        return Outcome("silent", f"exit code {code}: {err.getvalue()[-500:]}")
    if (peak := peak_mib()) > MEMORY_MIB:
        return Outcome("memory", f"{peak:.0f} MiB")
    return Outcome("passed")


def peak_mib() -> float:
    """Largest memory of this program in MiB; 0 where /proc is missing.

    ``getrusage`` would count what the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _serve(connection: Connection) -> None:
    """Run cases in a worker until the parent closes the connection."""
    import warnings

    warnings.simplefilter("ignore")
    while True:
        try:
            family, seed = connection.recv()
        except EOFError:
            return
        connection.send(run_case(family, seed))


class Worker:
    """A process that runs one case at a time and is replaced when it dies or hangs."""

    def __init__(self) -> None:
        self.case: tuple[str, int] | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,))
        self.process.start()
        theirs.close()

    def give(self, case: tuple[str, int]) -> None:
        """Start a case."""
        self.case, self._since, self._cpu = case, time.monotonic(), self._cpu_seconds()
        self.connection.send(case)

    def outcome(self) -> Outcome | None:
        """What the case did, or None while it runs."""
        if self.connection.poll():
            try:
                found: Outcome = self.connection.recv()
            except (EOFError, OSError):
                self.process.join()
                found = Outcome("dead", f"exit code {self.process.exitcode}")
            if found.kind in ("dead", "memory"):
                self._replace()
            return found
        busy, waited = self._cpu_seconds() - self._cpu, time.monotonic() - self._since
        if busy > CPU_SECONDS or waited > WALL_SECONDS:
            self._replace()
            return Outcome("hang", f"{busy:.0f} s of processor time, {waited:.0f} s")
        return None

    def _replace(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _cpu_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / 100


def attack(cases: list[tuple[str, int]], workers: int) -> Iterator[tuple[str, int, Outcome]]:
    """Run cases in worker processes.

    Args:
        cases: Family and seed of each.
        workers: Number of processes.

    Yields:
        Family, seed and outcome, in the order in which they end.
    """
    waiting = list(reversed(cases))
    pool = [Worker() for _ in range(workers)]
    try:
        while waiting or any(worker.case for worker in pool):
            for worker in pool:
                if worker.case is None and waiting:
                    worker.give(waiting.pop())
                elif worker.case is not None and (outcome := worker.outcome()) is not None:
                    yield (*worker.case, outcome)
                    worker.case = None
            time.sleep(0.002)
    finally:
        for worker in pool:
            worker.stop()


def main() -> int:
    """Run the attack and print what it found; the exit code is 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--family", choices=sorted(FAMILIES))
    parser.add_argument("--seed", type=int, help="run only this case, in this process")
    options = parser.parse_args()
    families = [options.family] if options.family else sorted(FAMILIES)
    if options.seed is not None:
        print(run_case(families[0], options.seed))
        return 0

    cases = [(families[i % len(families)], i // len(families)) for i in range(options.cases)]
    counts: Counter[tuple[str, str]] = Counter()
    start = time.monotonic()
    for family, seed, outcome in attack(cases, options.workers):
        counts[family, outcome.kind] += 1
        if outcome.kind != "passed":
            last = outcome.detail.strip().splitlines()[-1:] or [""]
            print(f"{family} {seed}: {outcome.kind}: {last[0]}", file=sys.stderr, flush=True)
    print(f"{options.cases} cases in {time.monotonic() - start:.0f} s, {options.workers} workers")
    for (family, kind), count in sorted(counts.items()):
        print(f"{family}\t{kind}\t{count}")
    return int(any(kind != "passed" for _, kind in counts))


if __name__ == "__main__":
    sys.exit(main())
