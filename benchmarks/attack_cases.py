"""The cases of ``benchmarks/attack.py``: each function fills a folder with files and names the command that reads them.

Files are mostly valid ones with some bytes or values changed. Everything follows from the ``Random`` that a function
gets. Files that would run a program or code leave a trace, ``TRACE``, in the folder if they succeed.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, features

TRACE = "ran"
NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63, 10**30, 1e308, float("nan"), 0.5)
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "PPM", "WEBP", "JPEG2000", "AVIF", "DIB")
_PROBED = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}
_TIFF_MODES = {"jpeg": "RGB", "group4": "1"}
_SAVED: tuple[dict[str, Any], ...] = (
    {},
    {"save_all": True},
    {"compression": "tiff_lzw"},
    {"compression": "tiff_adobe_deflate"},
    {"compression": "group4"},
    {"compression": "jpeg"},
    {"progressive": True},
    {"lossless": True},
    {"optimize": True},
)


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


def line_image(rng: random.Random) -> Image.Image:
    """A small image of a line in one of Pillow's modes."""
    image = Image.new("RGB", (rng.randrange(8, 200), rng.randrange(8, 40)), "white")
    ImageDraw.Draw(image).text((2, 2), str(rng.random()), fill="black")
    return image.convert(rng.choice(("L", "RGB", "1", "P", "RGBA", "CMYK", "I;16", "F")))


def image_bytes(rng: random.Random) -> bytes:
    """An encoded image, damaged as a rule."""
    kind = rng.choice(FORMATS)
    if kind in _PROBED and not features.check(_PROBED[kind]):
        kind = "PNG"
    buffer, image, options = io.BytesIO(), line_image(rng), dict(rng.choice(_SAVED))
    if options.get("compression") in _TIFF_MODES:  # Pillow 11 damages its memory where it cannot write a mode so
        image = image.convert(_TIFF_MODES[options["compression"]])
    if options.get("save_all"):
        options["append_images"] = [image.copy() for _ in range(rng.randrange(1, 30))]
    if rng.random() < 0.2 and kind != "AVIF":  # Pillow crashes on writing an odd orientation into one
        exif = Image.Exif()
        exif[0x0112] = rng.choice((1, 3, 6, 8, 99))
        options["exif"] = exif
    try:
        image.save(buffer, kind, **options)
    except Exception:  # Pillow raises any kind for a mode or option that a format lacks; it is saved plainly instead
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "TIFF" if kind == "TIFF" else "PNG")
    return mutate(buffer.getvalue(), rng) if rng.random() < 0.9 else buffer.getvalue()


def png_bomb() -> bytes:
    """A PNG that claims far more pixels than it has bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def postscript(folder: Path) -> bytes:
    """An EPS that writes a file where Ghostscript runs it."""
    return f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({folder / TRACE}) (w) file closefile\n".encode()


def attack_images(rng: random.Random, folder: Path) -> list[str]:
    """Damaged images, and files that are something else than their name says."""
    foreign = (postscript(folder), b"%PDF-1.4\n", b"", rng.randbytes(300), png_bomb())
    for number in range(4):
        data = image_bytes(rng) if rng.random() < 0.85 else rng.choice(foreign)
        suffix = rng.choice(("png", "jpg", "tif", "bmp", "webp", "avif", "gif", "jp2", "ppm"))
        (folder / f"{number}.{suffix}").write_bytes(data)
    return ["predict", str(folder), "--jsonl", "--beam", "1"]


def attack_pdf(rng: random.Random, folder: Path) -> list[str]:
    """A damaged PDF."""
    buffer = io.BytesIO()
    pages = [line_image(rng).convert("RGB") for _ in range(rng.randrange(1, 4))]
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:])
    (folder / "a.pdf").write_bytes(mutate(buffer.getvalue(), rng))
    return ["predict", str(folder / "a.pdf"), "--jsonl", "--beam", "1"]


def page_image(rng: random.Random) -> Image.Image:
    """A page of a few lines, or of none, in a size that a detector may not expect."""
    width, height = rng.choice(((400, 300), (300, 400), (90, 60), (1, 1), (3000, 2), (2, 3000), (1200, 40)))
    page = Image.new("RGB", (width, height), rng.choice(("white", "white", "grey", "black")))
    for _ in range(rng.randrange(5)):
        line = line_image(rng).convert("RGB").rotate(rng.choice((0, 0, 0, 90, 180, 4)), expand=True, fillcolor="white")
        page.paste(line, (rng.randrange(width), rng.randrange(height)))
    return page.convert(rng.choice(("L", "RGB", "1", "P", "RGBA")))


def attack_pages(rng: random.Random, folder: Path) -> list[str]:
    """Pages, damaged or not, whose lines are found and written in every form of output."""
    buffer, suffix = io.BytesIO(), rng.choice(("png", "png", "tif", "pdf"))
    pages = [page_image(rng) for _ in range(1 if suffix == "png" else rng.randrange(1, 3))]
    if suffix == "pdf":
        pages = [page.convert("RGB") for page in pages]
    more = {} if suffix == "png" else {"save_all": True, "append_images": pages[1:]}
    pages[0].save(buffer, {"png": "PNG", "tif": "TIFF", "pdf": "PDF"}[suffix], **more)
    (folder / f"a.{suffix}").write_bytes(mutate(buffer.getvalue(), rng) if rng.random() < 0.6 else buffer.getvalue())
    form = rng.choice(("text", "page-json", "hocr", "tsv", "csv", "jsonl", "json"))
    how = ["--lines", rng.choice(("detect", "detect", "detect", "split")), "--format", form]
    if rng.random() < 0.3:
        how += ["--save-dir", str(folder / "out")]
    if rng.random() < 0.3:
        how += ["--orientation", rng.choice(("none", "auto"))]
    return ["predict", str(folder / f"a.{suffix}"), *how, "--beam", "1", "--model", "printed_en", "--backend", "onnx"]


def attack_labels(rng: random.Random, folder: Path) -> list[str]:
    """Damaged label files of every layout."""
    line_image(rng).convert("L").save(folder / "a.png")
    name = rng.choice(("a.png", "a.png", "/dev/zero", "../case/a.png", "missing.png", "a" * 300, "\x00"))
    rows = [f"{name}\t{rng.choice(('one', 'zwei', 'ſ', '١٢', ''))}" for _ in range(rng.randrange(1, 6))]
    text = "\n".join(rows).encode(rng.choice(("utf-8", "utf-16", "latin-1", "gbk")), "replace")
    table = "file_name,text\na.png,one\n"
    row = {"file_name": "a.png", "text": value(rng, 3)}
    names = {
        "train.txt": text,
        "val.txt": text,
        "dict.txt": b"a\nb\n",
        "label.txt": text,
        "train.csv": table.encode(),
        "train.tsv": table.replace(",", "\t").encode(),
        "metadata.jsonl": dump(row) + b"\n",
    }
    for file in rng.sample(sorted(names), rng.randrange(1, 4)):
        (folder / file).write_bytes(mutate(names[file], rng))
    more = rng.choice(([], [], ["--fix"], ["--split", "50"], ["--convert-to", "csv"], ["--build-dict"]))
    return ["check-dataset", str(folder), "--output", str(folder / "out"), "-o", "CheckDataset.workers=0", *more]


_PAGE = """<?xml version="1.0"?><PcGts><Page imageFilename="p.png" imageWidth="200" imageHeight="60"><TextRegion id="r">
<TextLine id="l"><Coords points="5,5 190,5 190,40 5,40"/><Baseline points="5,30 190,30"/><TextEquiv index="0">
<Unicode>one line</Unicode></TextEquiv></TextLine></TextRegion></Page></PcGts>"""
_ALTO = """<?xml version="1.0"?><alto><Description><sourceImageInformation><fileName>p.png</fileName>
</sourceImageInformation></Description><Layout><Page WIDTH="200" HEIGHT="60"><PrintSpace><TextBlock><TextLine HPOS="5"
VPOS="5" WIDTH="150" HEIGHT="30"><String CONTENT="one"/><SP/><String CONTENT="line"/></TextLine></TextBlock>
</PrintSpace></Page></Layout></alto>"""
_BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'
_BOX = [[5, 5], [190, 5], [190, 40], [5, 40]]


def attack_annotations(rng: random.Random, folder: Path) -> list[str]:
    """Damaged annotations of pages, which lines are cut out of."""
    Image.new("L", (200, 60), 255).save(folder / "p.png")
    form = rng.choice(("page", "alto", "labelstudio", "ppocrlabel"))
    region = {"transcription": "one line", "points": _BOX, "difficult": False}
    result = {"id": "x", "original_width": 200, "original_height": 60, "from_name": "b", "type": "rectangle"}
    shape = {"value": {"x": 2.5, "y": 8, "width": 90, "height": 60, "rotation": 0}, **result}
    words = {"value": {"text": ["one"], "x": 2.5, "y": 8, "width": 90, "height": 60}, **result, "type": "textarea"}
    tasks: Any = [{"data": {"ocr": "/data/p.png"}, "annotations": [{"result": [shape, words]}]}]
    boxes: Any = [region]
    if rng.random() < 0.6:
        tasks, boxes = replace_somewhere(tasks, rng), replace_somewhere(boxes, rng)
    files = {
        "page": ("p.xml", (_BOMB if rng.random() < 0.05 else _PAGE).encode()),
        "alto": ("p.xml", _ALTO.encode()),
        "labelstudio": ("export.json", dump(tasks)),
        "ppocrlabel": ("Label.txt", b"p.png\t" + dump(boxes) + b"\n"),
    }
    name, data = files[form]
    (folder / name).write_bytes(mutate(data, rng) if rng.random() < 0.6 else data)
    return ["check-dataset", str(folder), "--convert-from", form, "--output", str(folder.parent / "out")]


def attack_model(rng: random.Random, folder: Path) -> list[str]:
    """An embedded model with one of its files damaged."""
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
    backend = rng.choice(("auto", "auto", "onnx", "torch"))
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
        "Synth": ("charset", "max_length", "fonts", "strength", "corpus"),
        "Evaluate": ("batch_size", "worst", "wanted_precision"),
        "CheckDataset": ("workers", "min_samples", "split"),
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

    trace = str(folder / TRACE)
    state = {f"conv{i}.w_0": np.arange(rng.randrange(1, 9), dtype=np.float32) for i in range(3)}
    hostile = (
        f"cos\nsystem\n(S'touch {trace}'\ntR.",
        f"cbuiltins\nexec\n(S\"open('{trace}','w')\"\ntR.",
        f"cpathlib\nPath.touch\n(cpathlib\nPath\n(S'{trace}'\ntRtR.",
        "cnumpy\nndarray\n(I1\ntR.",
    )
    data = pickle.dumps(state, protocol=rng.choice((2, 4))) if rng.random() < 0.85 else rng.choice(hostile).encode()
    (folder / "w.pdparams").write_bytes(mutate(data, rng) if rng.random() < 0.8 else data)
    return ["import", str(folder / "w.pdparams"), "--output", str(folder / "out"), "--model", "PP-OCRv4_mobile_rec"]


def attack_archive(rng: random.Random, folder: Path) -> list[str]:
    """Paddle's inference format and archives of it: damaged, of random content, with names that leave the folder."""
    program = {"base_code": {"magic": "pir", "version": 1, "trainable": True}, "program": {"regions": [value(rng, 3)]}}
    files = {
        "inference.json": dump(replace_somewhere(program, rng)),
        "inference.pdiparams": mutate(struct.pack("<IQI", 0, 0, 0) + rng.randbytes(200), rng),
        "inference.yml": mutate(b"Global:\n  model_name: PP-OCRv4_mobile_rec\n", rng),
    }
    if rng.random() < 0.4:
        files["inference.pdmodel"] = rng.randbytes(rng.randrange(1, 400))
        files.pop("inference.json", None)
    source = folder / "model"
    source.mkdir()
    for name, data in files.items():
        (source / name).write_bytes(data)
    if rng.random() < 0.5:
        return ["import", str(source), "--output", str(folder / "out")]

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(files):
            tar.add(source / name, arcname=rng.choice((f"m/{name}", f"../{TRACE}", f"{folder}/{TRACE}", name)))
    (folder / "m.tar").write_bytes(mutate(buffer.getvalue(), rng) if rng.random() < 0.6 else buffer.getvalue())
    return ["import", str(folder / "m.tar"), "--output", str(folder / "out")]


def attack_options(rng: random.Random, folder: Path) -> list[str]:
    """Damaged files and odd values of the options that decode: language model, lexicon, pattern, lists of inputs."""
    from ocrx.model_folder import EMBEDDED_DIR, LM_FILE

    line_image(rng).convert("L").save(folder / "a.png")
    image, option = str(folder / "a.png"), rng.randrange(4)
    common = ["--jsonl", "--backend", "onnx", "--model", "printed_en"]
    if option == 0:
        stored = (EMBEDDED_DIR / "printed_en" / LM_FILE).read_bytes()
        data = zlib.decompress(stored, wbits=31)[: rng.randrange(1, 3000)] if rng.random() < 0.3 else stored
        (folder / "lm.json.gz").write_bytes(mutate(data, rng))
        return ["predict", image, *common, "--lm", str(folder / "lm.json.gz")]
    if option == 1:
        words = "\n".join(rng.choice(("one", "zwei", "", "x" * 5000, "\x00", "ſ")) for _ in range(20))
        (folder / "words.txt").write_bytes(mutate(words.encode(), rng))
        return ["predict", image, *common, "--lexicon", str(folder / "words.txt")]
    if option == 2:
        parts = ("a", "[", "]", "(", ")", "{9}", "{1,999999}", "*", "+", "?", "|", r"\d", r"\p", "^", "$", ".", "(?=a)")
        pattern = "".join(rng.choice(parts) for _ in range(rng.randrange(1, 12)))
        return ["predict", image, *common, f"--pattern={pattern}"]
    names = (
        "a.png",
        "",
        "@list.txt",
        "missing.png",
        "/dev/zero",
        "x" * 5000,
        "http://",
        "file:///etc",
        "*",
        "[",
        "\x00",
    )
    lines = mutate("\n".join(rng.choices(names, k=8)).encode(), rng).split(b"\n")
    # A path cut to "/" asks for every image of this machine.
    (folder / "list.txt").write_bytes(b"\n".join(line for line in lines if line.strip() != b"/"))
    return ["predict", f"@{folder / 'list.txt'}", *common, "--beam", "1"]


def attack_bulk(rng: random.Random, folder: Path) -> list[str]:
    """Damaged manifests and shards of many lines, some of which are damaged images."""
    source = folder / "in"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.png").write_bytes(image_bytes(rng))
    names = [*(f"in/{number}.png" for number in range(3)), "missing.png", "", "/dev/zero", "\x00"]
    chosen = rng.choices(names, k=rng.randrange(1, 8))
    manifest = {
        "m.csv": "id,image\n" + "".join(f"{number},{name}\n" for number, name in enumerate(chosen)),
        "m.jsonl": "".join(json.dumps({"id": str(number), "image": name}) + "\n" for number, name in enumerate(chosen)),
    }
    kind = rng.choice((*manifest, "m.tar", "m.parquet", "in", "@list.txt"))
    buffer = io.BytesIO()
    if kind in manifest:
        buffer.write(manifest[kind].encode())
    elif kind == "m.tar":
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(source, arcname="shard")
    else:
        buffer.write("\n".join(chosen).encode() if kind == "@list.txt" else b"PAR1" + rng.randbytes(100) + b"PAR1")
    if kind != "in":
        (folder / kind.lstrip("@")).write_bytes(
            mutate(buffer.getvalue(), rng) if rng.random() < 0.7 else buffer.getvalue()
        )
    place = f"@{folder}/list.txt" if kind == "@list.txt" else str(folder / kind)
    more = ["--format", "jsonl", "--workers", "1", "--beam", "1", "--model", "printed_en", "--backend", "onnx"]
    return ["bulk", place, "--output", str(folder / "out"), *more]


def attack_special(rng: random.Random, folder: Path) -> list[str]:
    """Pipes, devices, loops of links and folders where a file is expected."""
    data = folder / "data"
    data.mkdir()
    line_image(rng).convert("L").save(data / "a.png")
    (data / "train.txt").write_text("a.png\tone\n" * 3)
    (data / "val.txt").write_text("a.png\tone\n" * 2)
    names = ("a.png", "train.txt", "val.txt", "dict.txt", "c.yaml", "w.pdparams", "m.tar", "words.txt", "lm.json.gz")
    victim = data / rng.choice(names)
    victim.unlink(missing_ok=True)
    kind = rng.randrange(5)
    if kind == 0:
        os.mkfifo(victim)
    elif kind == 1:
        victim.symlink_to("/dev/zero")
    elif kind == 2:
        victim.symlink_to(victim)
    elif kind == 3:
        victim.mkdir()
    else:
        victim.symlink_to(data / "nowhere")
    image, out = str(data / "a.png"), ["--output", str(folder / "out")]
    named = {
        "c.yaml": ["run", "-c", str(victim)],
        "w.pdparams": ["import", str(victim), *out],
        "m.tar": ["import", str(victim), *out],
        "words.txt": ["predict", image, "--jsonl", "--lexicon", str(victim)],
        "lm.json.gz": ["predict", image, "--jsonl", "--lm", str(victim)],
    }
    reads = rng.choice((["check-dataset", str(data), *out], ["predict", str(data), "--jsonl", "--beam", "1"]))
    return named.get(victim.name, reads)


FAMILIES: dict[str, tuple[Callable[[random.Random, Path], list[str]], int]] = {
    "images": (attack_images, 16),
    "pdf": (attack_pdf, 9),
    "pages": (attack_pages, 2),
    "labels": (attack_labels, 12),
    "annotations": (attack_annotations, 8),
    "model": (attack_model, 11),
    "config": (attack_config, 13),
    "lmdb": (attack_lmdb, 3),
    "pickle": (attack_pickle, 10),
    "archive": (attack_archive, 4),
    "options": (attack_options, 3),
    "special": (attack_special, 2),
    "bulk": (attack_bulk, 2),
}
"""Name → what makes a case, and how many of a hundred cases are of this kind; the rest is in ``attack_servers.py``."""
