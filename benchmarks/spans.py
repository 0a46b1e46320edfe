"""Do the spans lie on their characters? Rendered lines whose glyph boxes are known.

    python benchmarks/spans.py [--model FOLDER] [--lines 300] [--strength 0.3]

A character counts as placed when the middle of its span lies within its glyph's box, one frame of tolerance on either
side. Lines that were read wrongly are aligned to their true text; spaces are left out. Exit code 1 below 95 %.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from PIL import Image

from ocrx.backends import Backend, open_backend
from ocrx.config import SynthConfig
from ocrx.ctc.alignment import forced_alignment, pixel_spans
from ocrx.imaging.pixels import to_grey_or_rgb
from ocrx.imaging.preparation import prepare
from ocrx.inference.recognizer import find_model
from ocrx.synth.generator import LineGenerator, SynthLine
from ocrx.text.charset import Charset

WANTED = 0.95


def main() -> int:
    """Print the share of characters that are placed, and how far the others lie."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--strength", type=float, default=0.3)
    options = parser.parse_args()
    backend = open_backend(find_model(options.model), options.backend)
    characters = "".join(c for c in backend.spec.charset if len(c) == 1)
    generator = LineGenerator(replace(SynthConfig(), charset=characters, strength=options.strength), seed=1)
    misses = np.concatenate([_misses(backend, generator.line(i)) for i in range(options.lines)])
    placed = float((misses <= 0).mean())
    print(f"{misses.size} characters of {options.lines} lines, shift {backend.spec.frames.shift:g} pixels")
    print(f"placed: {placed:.2%}; farthest: {max(0.0, float(misses.max())):.1f} prepared pixels outside")
    return 0 if placed >= WANTED else 1


def _misses(backend: Backend, line: SynthLine) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """For each character other than a space: prepared pixels outside its box and the tolerance; <= 0 is inside."""
    spec, charset = backend.spec, Charset.from_spec(backend.spec)
    if charset.missing(line.text) or len(charset.encode(line.text)) != len(line.boxes):
        return np.zeros(0)
    image = to_grey_or_rgb(Image.fromarray(line.image))
    planes, width = prepare(image, spec.image)
    alignment = forced_alignment(backend.logits(planes[None])[0], charset.encode(line.text))
    spans = pixel_spans(alignment.spans, spec, width, image.width)
    scale = width / image.width
    outside = [
        max(box[0] - middle, middle - box[2]) * scale - spec.frames.stride
        for character, box, middle in zip(line.text, line.boxes, [(a + b) / 2 for a, b in spans], strict=bool(spans))
        if character != " "
    ]
    return np.array(outside)


if __name__ == "__main__":
    raise SystemExit(main())
