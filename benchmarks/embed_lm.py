"""Make the language model of an embedded model: python benchmarks/embed_lm.py [NAME] [COUNT]

NAME is a recipe and an embedded model (default: the default model). COUNT texts (default 500,000) are sampled as for
rendered lines, most of them for receipts, where the language model pays most. N-grams of up to five
characters are counted; the rare ones are left out. Weight and threshold were chosen on the train part of real receipt
lines and on ``print_multi``, see embedded_model.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random

from ocrx.config import SynthConfig, load_config
from ocrx.decoding.ngram_model import NgramModel
from ocrx.model_folder import EMBEDDED_DIR, LM_FILE
from ocrx.synth.generator import LineGenerator
from ocrx.zoo.embedded import DEFAULT

PRUNE = 4
WEIGHT, BONUS, THRESHOLD = 0.1, 0.0, 0.7
SHARES = {"receipt": 0.8, "document": 0.12, "screen": 0.05, "photo": 0.03}


def texts(settings: SynthConfig, count: int) -> Iterator[str]:
    """Texts of all scenes."""
    source = LineGenerator(settings, 1).text
    scenes, weights = list(SHARES), list(SHARES.values())
    for i in range(count):
        rng = Random(f"lm/{i}")
        yield source.sample(rng, rng.choices(scenes, weights)[0])


def main(name: str, count: int) -> None:
    settings = load_config(name).Synth
    model = NgramModel.from_texts(texts(settings, count), prune=PRUNE).tuned(WEIGHT, BONUS, THRESHOLD)
    path = EMBEDDED_DIR / name / LM_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    print(f"{path}: {model.ngrams:,} n-grams, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT, int(sys.argv[2]) if len(sys.argv) > 2 else 500_000)
