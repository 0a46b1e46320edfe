"""A dataset with every problem that the checks know, each at a known line; and its clean twin."""

from __future__ import annotations

import io
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont


def _draw(text: str, height: int = 32) -> Image.Image:
    font = ImageFont.load_default(size=int(height * 0.7))
    image = Image.new("L", (int(font.getlength(text)) + 12, height), 245)
    ImageDraw.Draw(image).text((6, 3), text, fill=20, font=font)
    return image


def _words(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [f"{rng.choice('abcdefghij')}{''.join(rng.choices('abcdefghij', k=4))} {seed}{i:02}" for i in range(count)]


def write_clean(root: Path) -> Path:
    """A dataset without findings: 90 training and 20 validation lines and a dictionary."""
    (root / "images").mkdir(parents=True)
    for part, count, seed in (("train", 90, 1), ("val", 20, 2)):
        rows = []
        for i, text in enumerate(_words(count, seed)):
            name = f"images/{part}_{i:03}.png"
            _draw(text).save(root / name)
            rows.append(f"{name}\t{text}\n")
        (root / f"{part}.txt").write_text("".join(rows), encoding="utf-8", newline="\n")
    (root / "dict.txt").write_text("".join(f"{c}\n" for c in "0123456789abcdefghij"), encoding="utf-8", newline="\n")
    return root


@dataclass
class Planted:
    """A folder, and the (code, place) pairs that have to be found in it."""

    root: Path
    lines: dict[str, list[bytes]]
    expected: set[tuple[str, str]] = field(default_factory=set)

    def add(self, part: str, image: str, text: str, *codes: str) -> str:
        """A new line at the end of a list; its place."""
        self.lines[part].append(f"{image}\t{text}".encode())
        place = f"{part}.txt:{len(self.lines[part])}"
        self.expected |= {(code, place) for code in codes}
        return place

    def image(self, name: str, text: str = "abcde", height: int = 32) -> str:
        _draw(text, height).save(self.root / "images" / name)
        return f"images/{name}"


def write_planted(clean: Path, root: Path) -> Planted:
    """A copy of a clean dataset with every problem that the checks know, each at a known line."""
    shutil.copytree(clean, root)
    lists = {part: (root / f"{part}.txt").read_bytes().splitlines() for part in ("train", "val")}
    bad = Planted(root, lists)
    _plant_images(bad)
    _plant_labels(bad)
    _plant_sets(bad)
    _plant_files(bad)
    return bad


def _plant_images(bad: Planted) -> None:
    images = bad.root / "images"
    bad.add("train", "images/nowhere.png", "abc", "image-missing")
    (images / "empty.png").write_bytes(b"")
    bad.add("train", "images/empty.png", "abc", "image-empty")
    whole = io.BytesIO()
    _draw("abcdefgh").save(whole, "JPEG")
    (images / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    bad.add("train", "images/cut.jpg", "abcdefgh", "image-truncated")
    (images / "text.png").write_text("not an image")
    bad.add("train", "images/text.png", "abc", "image-unreadable")
    bad.add("val", "images", "abc", "image-unreadable")
    Image.new("L", (1, 1)).save(images / "dot.png")
    bad.add("train", "images/dot.png", "a", "image-tiny")
    frames = [_draw("abc"), _draw("abd")]
    frames[0].save(images / "moving.gif", save_all=True, append_images=frames[1:])
    bad.add("train", "images/moving.gif", "abc", "image-animated")
    exif = Image.Exif()
    exif[0x0112] = 3
    _draw("abcab").save(images / "turned.jpg", exif=exif)
    bad.add("train", "images/turned.jpg", "abcab", "image-rotated")
    Image.new("1", (10_000, 9_000)).save(images / "bomb.png")
    bad.add("train", "images/bomb.png", "abc", "image-bomb")
    Image.effect_noise((4000, 40), 90).save(images / "wide.png")
    bad.add("train", "images/wide.png", "abc", "image-aspect")
    Image.effect_noise((20, 200), 90).save(images / "tall.png")
    bad.add("train", "images/tall.png", "abc", "image-aspect")
    bad.add("train", bad.image("small.png", "abcjj", 12), "abcjj", "image-upscaled")
    Image.new("L", (90, 32), 255).save(images / "blank.png")
    bad.add("val", "images/blank.png", "abc", "image-blank")
    _draw("abcba").save(bad.root.parent / "outside.png")
    bad.add("train", "../outside.png", "abcba", "outside-folder")
    bad.image("Case.png", "fghij")
    bad.add("train", "Images/case.png", "fghij", "letter-case")


def _plant_labels(bad: Planted) -> None:
    labels = [
        ("", "label-empty"),
        ("   ", "label-empty"),
        ("cafe\u0301 d", "label-nfc"),
        (" abc", "label-spaces"),
        ("abc ", "label-spaces"),
        ("ab  cd", "label-spaces"),
        ("ab\x07c", "label-control"),
        ("ab\u200bc", "label-format"),
        ("ab\ue5dcc", "label-private-use"),
        ("ab\ufffdc", "label-damaged"),
        ("abce\u0430", "label-mixed-scripts"),
        ("abc <> d", "label-markup"),
        ('[{"transcription": "abc", "points": []}]', "detection-label"),
        ("abcß", "label-charset"),
        ("ab\tc", "columns"),
    ]
    for i, (text, code) in enumerate(labels):
        bad.add("train", bad.image(f"label_{i:02}.png", f"{chr(97 + i % 10) * 2}{i:02} label"), text, code)
    Image.effect_noise((64, 32), 80).save(bad.root / "images" / "short.png")
    bad.add("train", "images/short.png", "abcdefghij" * 2, "label-too-long")
    Image.effect_noise((64, 32), 70).save(bad.root / "images" / "crowded.png")
    bad.add("train", "images/crowded.png", "abcdefghij", "label-crowded")
    Image.effect_noise((64, 32), 60).save(bad.root / "images" / "repeats.png")
    bad.add("train", "images/repeats.png", "aabbccddee", "label-crowded")


def _plant_sets(bad: Planted) -> None:
    shutil.copy(bad.root / "images" / "train_003.png", bad.root / "images" / "copy.png")
    leak = bad.add("val", "images/copy.png", bad.lines["train"][3].decode().split("\t")[1])
    bad.expected.add(("leak", f"train.txt:4, {leak}"))
    conflict = bad.add("train", "images/train_005.png", "abcde")
    bad.expected.add(("label-conflict", f"train.txt:6, {conflict}"))
    double = bad.add("train", "images/train_006.png", bad.lines["train"][6].decode().split("\t")[1])
    bad.expected.add(("duplicate", f"train.txt:7, {double}"))
    Image.open(bad.root / "images" / "train_007.png").save(bad.root / "images" / "again.jpg", quality=60)
    near = bad.add("val", "images/again.jpg", bad.lines["train"][7].decode().split("\t")[1])
    bad.expected.add(("leak-near", f"train.txt:8, {near}"))
    bad.add("val", bad.image("unseen.png", "abcz"), "abcz", "val-unseen")


def _plant_files(bad: Planted) -> None:
    for part, line, code in (
        ("train", b"images/train_001.png abcde", "columns"),
        ("train", "images/train_001.png\tcafé".encode("latin-1"), "encoding"),
        ("train", b"", "blank-line"),
    ):
        bad.lines[part].append(line)
        bad.expected.add((code, f"{part}.txt:{len(bad.lines[part])}"))
    bad.lines["train"].append(bad.lines["train"][0])  # a blank line at the very end is none
    bad.lines["val"].insert(0, b"\xef\xbb\xbf" + bad.lines["val"].pop(0))
    bad.lines["val"][1] += b"\r"
    (bad.root / "train.txt").write_bytes(b"\n".join(bad.lines["train"]) + b"\n")
    (bad.root / "val.txt").write_bytes(b"\n".join(bad.lines["val"]))
    bad.expected |= {
        ("bom", "val.txt:1"),
        ("crlf", "val.txt:2"),
        ("no-final-newline", f"val.txt:{len(bad.lines['val'])}"),
        ("dict-duplicate", "dict.txt:1, dict.txt:21"),
        ("dict-blank", "dict.txt:22"),
        ("dict-multi", "dict.txt:23"),
        ("dict-unused", "dict.txt"),
    }
    with (bad.root / "dict.txt").open("a", encoding="utf-8") as file:
        file.write("0\n\nch\nQ\n")
