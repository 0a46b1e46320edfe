"""Synthetic lines: each is a pure function of the settings, the seed, its index and the fonts found."""

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
from ocrx.synth.layout import MAX_HEIGHT, MIN_HEIGHT, Typesetter, lay_out
from ocrx.synth.render import Box
from ocrx.synth.scenes import SCENES
from ocrx.synth.text import TextSource, charset_characters
from ocrx.synth.textures import Textures

__all__ = ["LineGenerator", "SynthConfig", "SynthLine"]


_TEXTS_TRIED = 20


@dataclass(frozen=True)
class SynthLine:
    """One rendered line.

    Attributes:
        image: uint8 [H, W] (grey) or [H, W, 3] (RGB), 10 to 64 pixels high.
        text: the label, in NFC.
        boxes: one box for each character (left, top, right, bottom in pixels): pen advance across, ink extent down.
        font: name of the typeface.
    """

    image: npt.NDArray[np.uint8]
    text: str
    boxes: tuple[Box, ...]
    font: str


class LineGenerator:
    """Renders lines; cheap enough to construct in every worker process.

    ``line(i)`` does not depend on which lines were rendered before.

    Args:
        config: the ``Synth`` section of a configuration.
        seed: another seed gives other lines.

    Raises:
        DataError: The charset, corpus, word lists or fonts of the settings cannot be used.
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
        self._setter = Typesetter(self.fonts, self.text, self.textures, config.strength)
        self._names = tuple(SCENES)

        self._weights = [getattr(config, name) for name in self._names]

    def line(self, index: int) -> SynthLine:
        """The line with this index.

        Args:
            index: Number of the line.

        Returns:
            The rendered line with its label.
        """
        rng = Random(f"{self.seed}/{index}")
        name = rng.choices(self._names, self._weights)[0]
        scene = SCENES[name]
        text, language, face = self._text_and_face(rng, name)
        strength = self.config.strength
        ink, boxes = lay_out(self._setter, rng, name, face, text, language)

        if strength == 0:
            image = Image.eval(ink, lambda value: 255 - value)
        else:
            wear = strength * rng.random() ** 1.3
            styles, weights = zip(*scene.print_styles, strict=True)
            image = rng.choices(styles, weights)[0](ink, rng, self.textures, wear)
            image, boxes = self._captured(rng, name, image, boxes)

        return SynthLine(np.asarray(image), text, boxes, face.name)

    def _text_and_face(self, rng: Random, scene: str) -> tuple[str, str, Face]:
        """A text, its language (empty if unknown) and a face that covers it."""
        for _ in range(_TEXTS_TRIED):
            text, language = self.text.sample_with_language(rng, scene)
            face = self.fonts.pick(rng, SCENES[scene].faces, text, SCENES[scene].italics, language)
            if face:
                return text, language, face
        raise DataError(
            f"Synth.fonts: no font found covers {text!r}", hint="install fonts of that script, or narrow Synth.charset"
        )

    def _captured(
        self, rng: Random, scene: str, image: Image.Image, boxes: tuple[Box, ...]
    ) -> tuple[Image.Image, tuple[Box, ...]]:
        """The line as scanned or photographed: perspective, blur, low resolution, sharpening, JPEG, often in grey."""
        s = self.config.strength
        share = self.config.color * (5 if scene in ("screen", "photo") else 4)
        if image.mode == "RGB" and rng.random() > share:
            image = image.convert("L")
        if scene in ("receipt", "document") and rng.random() < 0.03 * s:
            image = degrade.edge_bar(image, rng)
        if scene == "photo" and rng.random() < 0.5 * s:
            image, boxes = degrade.perspective(image, boxes, rng, s)
        if rng.random() < (0.3 if scene == "photo" else 0.07) * s:
            image = degrade.motion_blur(image, rng)
        size = image.size
        if rng.random() < 0.14 * s:
            image = degrade.low_resolution(image, rng, 13)
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
