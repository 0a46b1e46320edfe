"""Synthetic lines: every line a pure function of the settings, the seed, its index and the fonts found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.config import SynthConfig
from ocrx.errors import DataError
from ocrx.synth import degrade
from ocrx.synth.fonts import Face, FontBook
from ocrx.synth.layout import MAX_HEIGHT, MIN_HEIGHT, lay_out
from ocrx.synth.render import Box
from ocrx.synth.scenes import SCENES
from ocrx.synth.text import TextSource, charset_characters
from ocrx.synth.textures import Textures

__all__ = ["LineGenerator", "SynthConfig", "SynthLine"]


_TEXTS_TRIED = 20


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
            config.word_lists,
            config.min_length,
            config.max_length,
            Path(config.languages) if config.languages else None,
        )
        self.fonts = FontBook([Path(folder) for folder in config.fonts])
        self.textures = Textures()
        self._names = tuple(SCENES)
        self._weights = [getattr(config, name) for name in self._names]

    def line(self, index: int) -> SynthLine:
        """The line of that number."""
        rng = Random(f"{self.seed}/{index}")
        name = rng.choices(self._names, self._weights)[0]
        scene = SCENES[name]
        text, face = self._text_and_face(rng, name)
        strength = self.config.strength
        ink, boxes = lay_out(rng, name, face, text, self.fonts, self.text, self.textures, strength)
        if strength == 0:
            image = Image.eval(ink, lambda value: 255 - value)
        else:
            wear = strength * rng.random() ** 1.3
            looks, weights = zip(*scene.looks, strict=True)
            image = rng.choices(looks, weights)[0](ink, rng, self.textures, wear)
            image, boxes = self._taken(rng, name, image, boxes)
        return SynthLine(np.asarray(image), text, boxes, face.name)

    def _text_and_face(self, rng: Random, scene: str) -> tuple[str, Face]:
        """A text, and a face that has its characters."""
        for _ in range(_TEXTS_TRIED):
            text = self.text.draw(rng, scene)
            face = self.fonts.pick(rng, SCENES[scene].faces, text, SCENES[scene].italics)
            if face:
                return text, face
        raise DataError(
            f"Synth.fonts: no font found draws {text!r}", hint="install fonts of that script, or narrow Synth.charset"
        )

    def _taken(
        self, rng: Random, scene: str, image: Image.Image, boxes: tuple[Box, ...]
    ) -> tuple[Image.Image, tuple[Box, ...]]:
        """Scanned or photographed: perspective, blur, low resolution, sharpening, JPEG; grey at times."""
        s = self.config.strength
        share = self.config.color * (5 if scene in ("screen", "photo") else 4)
        if image.mode == "RGB" and rng.random() > share:
            image = image.convert("L")
        if scene in ("receipt", "document") and rng.random() < 0.03 * s:
            image = degrade.edge_bar(image, rng)
        if scene == "photo" and rng.random() < 0.5 * s:
            image, boxes = degrade.bend(image, boxes, rng, s)
        if rng.random() < (0.3 if scene == "photo" else 0.07) * s:
            image = degrade.smear(image, rng)
        size = image.size
        if rng.random() < 0.14 * s:
            image = degrade.coarse(image, rng, 13)
        if rng.random() < 0.22 * s and scene != "screen":
            image = degrade.sharpen(image, rng)
        if rng.random() < 0.4 * s:
            image = degrade.jpeg(image, rng.randint(35, 92))
        height = min(MAX_HEIGHT, max(MIN_HEIGHT, image.height))
        if height != image.height:
            width = max(4, round(image.width * height / image.height))
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        if image.size != size:
            x, y = image.width / size[0], image.height / size[1]
            boxes = tuple((a * x, b * y, c * x, d * y) for a, b, c, d in boxes)
        return image, boxes
