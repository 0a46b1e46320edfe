"""Do the spans enclose their characters? Lines whose glyph boxes are known.

    python benchmarks/spans.py [--model FOLDER] [--lines 300] [--strength 0.3]

Two measurements, both without spaces; lines that were read wrongly are aligned to their true text.
Overlap: lines rendered glyph by glyph, so that the ink of each glyph is known, then with noise, blur and JPEG. A
glyph counts as enclosed when span and ink overlap with an intersection over union of at least 0.6 across.
Middle: lines of ``ocrx synth``, whose boxes are pen advances. A character counts as placed when the middle of its
span lies in its box, one frame of tolerance on either side.
Exit code 1 if either is below 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ocrx.backends import Backend, open_backend
from ocrx.config import SynthConfig
from ocrx.ctc.alignment import forced_alignment
from ocrx.imaging.pixels import to_grey_or_rgb
from ocrx.imaging.preparation import prepare, resize
from ocrx.inference.discovery import find_model
from ocrx.inference.spans import ColumnProfile, PixelSpans, character_spans
from ocrx.synth import capture
from ocrx.synth.fonts import FontBook
from ocrx.synth.generator import LineGenerator
from ocrx.synth.scenes import SCENES
from ocrx.synth.text import TextSource
from ocrx.text.charset import Charset

WANTED = 0.95
OVERLAP = 0.6


@dataclass(frozen=True)
class Line:
    """An image, its text, and left and right edge of each character."""

    image: Image.Image
    text: str
    boxes: tuple[tuple[float, float], ...]


def main() -> int:
    """Print both shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--strength", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    backend = open_backend(find_model(options.model), options.backend)
    characters = "".join(c for c in backend.spec.charset if len(c) == 1)

    overlaps = []
    for line in glyph_lines(characters, options.lines, options.seed):
        overlaps += [overlap(span, box) for span, box in spans_and_boxes(backend, line)]
    enclosed = float((np.array(overlaps) >= OVERLAP).mean())
    print(f"{len(overlaps)} glyphs of {options.lines} lines; overlap of at least {OVERLAP}: {enclosed:.2%}")

    middles = []
    for line in synthetic_lines(characters, options.lines, options.strength, options.seed):
        tolerance = backend.spec.frames.stride * line.image.height / backend.spec.image.height
        for (left, right), box in spans_and_boxes(backend, line):
            middles.append(box[0] - tolerance <= (left + right) / 2 <= box[1] + tolerance)
    placed = float(np.mean(middles))
    print(f"{len(middles)} characters of {options.lines} lines of `ocrx synth`; middle in its box: {placed:.2%}")
    return 0 if min(enclosed, placed) >= WANTED else 1


def spans_and_boxes(backend: Backend, line: Line) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The span and the true box of each character other than a space."""
    spec, charset = backend.spec, Charset.from_spec(backend.spec)
    if charset.missing(line.text) or len(charset.encode(line.text)) != len(line.boxes):
        return
    planes, _ = prepare(line.image, spec.image)
    alignment = forced_alignment(backend.logits(planes[None])[0], charset.encode(line.text))
    profile = ColumnProfile.from_pixels(resize(line.image, spec.image))
    spaces = [c == " " for c in line.text]
    spans: PixelSpans = character_spans(alignment.spans, spec.frames, profile, spaces, line.image.width)
    for character, box, span in zip(line.text, line.boxes, spans, strict=bool(spans)):
        if character != " ":
            yield span, box


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Intersection over union of two stretches."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / (max(a[1], b[1]) - min(a[0], b[0]))


def synthetic_lines(characters: str, count: int, strength: float, seed: int) -> Iterator[Line]:
    """Lines of ``ocrx synth``; the boxes are pen advances."""
    generator = LineGenerator(replace(SynthConfig(), charset=characters, strength=strength), seed=seed)
    for i in range(count):
        line = generator.line(i)
        boxes = tuple((box[0], box[2]) for box in line.boxes)
        yield Line(to_grey_or_rgb(Image.fromarray(line.image)), line.text, boxes)


def glyph_lines(characters: str, count: int, seed: int) -> Iterator[Line]:
    """Lines of the texts and faces of ``ocrx synth``; the boxes are the ink of each glyph."""
    fonts, source = FontBook(), TextSource(characters)
    scenes = tuple(SCENES)
    number = 0
    while count:
        number += 1
        rng = Random(f"{seed}/{number}")
        scene = rng.choice(scenes)
        text = source.sample(rng, scene)
        face = fonts.pick(rng, SCENES[scene].faces, text, SCENES[scene].italics)
        if face is None:
            continue
        count -= 1
        ink, boxes = _render(text, fonts.open(face, rng.randint(20, 48)), rng)
        yield Line(_degrade(ink, rng), text, tuple(boxes))


def _render(text: str, font: ImageFont.FreeTypeFont, rng: Random) -> tuple[Image.Image, list[tuple[float, float]]]:
    """Ink (mode L) of a line, and the columns that each glyph covers (of a space its advance)."""
    tracking = rng.choice((0, 0, 0, 0.03, -0.02)) * font.size
    pen, placed, boxes = 0.0, [], []
    for character in text:
        mask, (left, top) = font.getmask2(character, "L", anchor="ls")
        advance = font.getlength(character)
        boxes.append((pen, pen + advance))
        if character != " " and mask.size[0] * mask.size[1]:
            x = round(pen) + left
            placed.append((x, top, mask))
            columns = np.flatnonzero(np.array(mask).reshape(mask.size[1], mask.size[0]).max(axis=0) > 64)
            if columns.size:
                boxes[-1] = (float(x + columns[0]), float(x + columns[-1] + 1))
        pen += advance + tracking

    pad = round(rng.uniform(2, 0.4 * font.size))
    left, top = min(x for x, _, _ in placed) - pad, min(y for _, y, _ in placed) - pad
    right = max(x + mask.size[0] for x, _, mask in placed) + pad
    bottom = max(y + mask.size[1] for _, y, mask in placed) + pad
    image = Image.new("L", (right - left, bottom - top), 0)
    for x, y, mask in placed:
        ImageDraw.Draw(image).draw.draw_bitmap((x - left, y - top), mask, 255)
    return image, [(a - left, b - left) for a, b in boxes]


def _degrade(ink: Image.Image, rng: Random) -> Image.Image:
    """Tones of ink and paper (one line in ten light on dark), noise, blur and JPEG."""
    dark, light = rng.randint(0, 90), rng.randint(170, 255)
    if rng.random() < 0.1:
        dark, light = light, dark
    share = np.asarray(ink, dtype=np.float32) / 255
    noise = np.random.default_rng(rng.getrandbits(32)).normal(size=share.shape) * rng.choice((0, 3, 8))
    image = Image.fromarray((share * dark + (1 - share) * light + noise).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.02 * image.height)))
    return capture.jpeg(image, rng.randint(40, 90)) if rng.random() < 0.4 else image


if __name__ == "__main__":
    raise SystemExit(main())
