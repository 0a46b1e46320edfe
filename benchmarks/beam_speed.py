"""Processor time a line of every decoder, on made-up logits like those of a trained network. One thread, NumPy.

python benchmarks/beam_speed.py [--frames 80] [--classes 97] [--lines 32]
"""

from __future__ import annotations

import argparse
import random
import time

import numpy as np

from ocrx.arrays import Floats
from ocrx.config import DecodeOptions
from ocrx.decoding.factory import Decoder, build_decoder
from ocrx.decoding.ngram_model import NgramModel
from ocrx.text.charset import Charset

REPEATS = 5


def main() -> int:
    """Print one table in Markdown: the median of five runs over the batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--classes", type=int, default=97)
    parser.add_argument("--lines", type=int, default=32)
    options = parser.parse_args()
    charset = Charset([chr(32 + i) if i < 95 else chr(0x4E00 + i) for i in range(options.classes - 1)])
    logits = peaky(options.lines, options.frames, options.classes)
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 12))) for _ in range(20_000)]
    decoders = {
        "greedy": build_decoder(charset),
        "allow (digits)": build_decoder(charset, DecodeOptions(allow="0123456789")),
        "beam 10": build_decoder(charset, DecodeOptions(beam=10)),
        "beam 30": build_decoder(charset, DecodeOptions(beam=30)),
        r"pattern [A-Z]{2}\d{4}": build_decoder(charset, DecodeOptions(pattern=r"[A-Z]{2}\d{4}")),
        "lexicon, 20,000 entries": build_decoder(charset, DecodeOptions(lexicon=words)),
        "beam 10, language model": build_decoder(charset, DecodeOptions(lm=NgramModel.from_texts(words))),
    }
    print(f"{options.lines} lines at once, {options.frames} frames, {options.classes} classes\n")
    print("| decoder | ms per line |\n|---|---:|")
    for name, decoder in decoders.items():
        print(f"| {name} | {_milliseconds(decoder, logits):.2f} |", flush=True)
    return 0


def peaky(lines: int, frames: int, classes: int) -> Floats:
    """Logits [N, T, K] that are mostly blank, with a character every third frame."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(lines, frames, classes)).astype(np.float32)
    logits[:, :, 0] += 6
    nonblank = np.arange(0, frames, 3)
    for line in logits:
        line[nonblank, rng.integers(1, classes, size=nonblank.size)] += rng.uniform(5, 12, size=nonblank.size)
    return logits


def _milliseconds(decoder: Decoder, logits: Floats) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        decoder(logits)
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times)) / len(logits)


if __name__ == "__main__":
    raise SystemExit(main())
