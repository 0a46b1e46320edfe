"""Make the language model of the embedded model: python benchmarks/embed_lm.py [COUNT]

COUNT texts (default 600,000) are drawn as for rendered lines, and n-grams of up to five characters are counted; the
rare ones are left out. Weight and confidence threshold were chosen on the train part of real receipt lines, see
embedded_model.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random

from ocrx.config import SynthConfig
from ocrx.decoding.ngram_model import NgramModel
from ocrx.model_folder import EMBEDDED_DIR, LM_FILE
from ocrx.synth.generator import LineGenerator
from ocrx.synth.scenes import SCENES
from ocrx.zoo.embedded import DEFAULT

PRUNE = 4
WEIGHT, BONUS, THRESHOLD = 0.1, 0.0, 0.7


def texts(count: int) -> Iterator[str]:
    """Texts in the shares that the scenes have."""
    settings = SynthConfig()
    source = LineGenerator(settings, 1).text
    scenes = list(SCENES)
    weights = [getattr(settings, scene) for scene in scenes]
    for i in range(count):
        rng = Random(f"lm/{i}")
        yield source.sample(rng, rng.choices(scenes, weights)[0])


def main(count: int) -> None:
    model = NgramModel.from_texts(texts(count), prune=PRUNE).tuned(WEIGHT, BONUS, THRESHOLD)
    path = EMBEDDED_DIR / DEFAULT / LM_FILE
    model.save(path)
    print(f"{path}: {model.ngrams:,} n-grams, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600_000)
