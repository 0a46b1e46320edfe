"""Synthetic lines: every line a pure function of the settings, the seed, its index and the fonts found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.config import SynthConfig
from ocrx.synth import degrade
from ocrx.synth.fonts import FontBook
from ocrx.synth.layout import MAX_HEIGHT, MIN_HEIGHT, lay_out
from ocrx.synth.looks import LOOKS
from ocrx.synth.render import Box
from ocrx.synth.text import TextSource, charset_characters
from ocrx.synth.textures import Textures

__all__ = ["LineGenerator", "SynthConfig", "SynthLine"]

SCENES = ("receipt", "document", "screen", "photo")
# Weights of the kinds of faces (mono, narrow, pixel, plain, core), and the share of italic faces kept, in each scene.
_FACES = {
    "receipt": ((40, 13, 14, 8, 25), 0.12),
    "document": ((12, 4, 0, 46, 38), 0.5),
    "screen": ((12, 8, 10, 34, 36), 0.4),
    "photo": ((6, 16, 3, 50, 25), 0.4),
}


@dataclass(frozen=True)
class SynthLine:
    """A drawn line: uint8 [H, W] or [H, W, 3] (RGB), 10 to 64 pixels high, its text in NFC, a box for each character
    (left, top, right, bottom in pixels: pen advance across, ink extent down), and the face's name."""

    image: npt.NDArray[np.uint8]
    text: str
    boxes: tuple[Box, ...]
    font: str


class LineGenerator:
    """Draws lines; cheap to make in every worker process. ``line(i)`` does not depend on what was drawn before.

    Raises DataError if the charset, corpus, word lists or fonts of the settings cannot be used.
    """

    def __init__(self, config: SynthConfig, seed: int = 0) -> None:
        self.config, self.seed = config, seed
        self.text = TextSource(
            charset_characters(config.charset),
            Path(config.corpus) if config.corpus else None,
            config.corpus_share,
            tuple(map(Path, config.word_lists)),
            config.min_length,
            config.max_length,
        )
        self.fonts = FontBook([Path(folder) for folder in config.fonts])
        self.textures = Textures()
        self._scenes = (config.receipt, config.document, config.screen, config.photo)
        self._looks = {scene: ([look for look, _ in rows], [weight for _, weight in rows]) for scene, rows in LOOKS.items()}

    def line(self, index: int) -> SynthLine:
        """The line of that number."""
        rng = Random(f"{self.seed}/{index}")
        scene = rng.choices(SCENES, self._scenes)[0]
        face = None
        while face is None:
            text = self.text.draw(rng, scene)
            face = self.fonts.pick(rng, _FACES[scene][0], text, _FACES[scene][1])
        strength = self.config.strength
        ink, boxes = lay_out(rng, scene, face, text, self.fonts, self.text, self.textures, strength)
        if strength == 0:
            image = Image.eval(ink, lambda value: 255 - value)
        else:
            wear = strength * rng.random() ** 1.3
            looks, weights = self._looks[scene]
            image = rng.choices(looks, weights)[0](ink, rng, self.textures, wear)
            image, boxes = self._taken(rng, scene, image, boxes)
        return SynthLine(np.asarray(image), text, boxes, face.name)

    def _taken(
        self, rng: Random, scene: str, image: Image.Image, boxes: tuple[Box, ...]
    ) -> tuple[Image.Image, tuple[Box, ...]]:
        """Scanned or photographed: perspective, blur, low resolution, sharpening, JPEG, and grey where colour is not wanted."""
        s = self.config.strength
        if image.mode == "RGB" and rng.random() > min(1.0, self.config.color * (5 if scene in ("screen", "photo") else 4)):
            image = image.convert("L")
        if scene == "photo" and rng.random() < 0.5:
            coefficients = degrade.bend(image.size, rng, s)
            boxes = tuple(degrade.bent_box(box, coefficients) for box in boxes)
            fill = tuple(np.asarray(image).reshape(-1, 3).mean(0).astype(int)) if image.mode == "RGB" else 128
            image = image.transform(image.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR, fillcolor=fill)
        if rng.random() < (0.3 if scene == "photo" else 0.07) * s:
            image = degrade.smear(image, rng)
        size = image.size
        if rng.random() < 0.14 * s:
            image = degrade.coarse(image, rng, 13)
        if rng.random() < 0.22 * s and scene != "screen":
            image = degrade.sharpen(image, rng)
        if rng.random() < 0.4 * s:
            image = degrade.jpeg(image, rng.randint(35, 92))
        if not MIN_HEIGHT <= image.height <= MAX_HEIGHT:
            factor = (MAX_HEIGHT if image.height > MAX_HEIGHT else MIN_HEIGHT) / image.height
            image = image.resize((max(4, round(image.width * factor)), round(image.height * factor)), Image.Resampling.BILINEAR)
        if image.size != size:
            x, y = image.width / size[0], image.height / size[1]
            boxes = tuple((a * x, b * y, c * x, d * y) for a, b, c, d in boxes)
        return image, boxes
