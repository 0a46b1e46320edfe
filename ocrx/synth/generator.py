"""Synthetic lines: each is a pure function of the settings, the seed, its index and the fonts found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from ocrx.arrays import Pixels
from ocrx.config import SynthConfig
from ocrx.errors import DataError
from ocrx.synth import capture
from ocrx.synth.font_facts import FontFacts, facts_file
from ocrx.synth.font_files import Face
from ocrx.synth.fonts import FontBook
from ocrx.synth.layout import MAX_HEIGHT, MIN_HEIGHT, Typesetter, lay_out
from ocrx.synth.render import Box
from ocrx.synth.scenes import SCENES
from ocrx.synth.text import TextSource, charset_characters
from ocrx.synth.textures import Textures

__all__ = ["GENERATOR_VERSION", "LineGenerator", "SynthConfig", "SynthLine"]


GENERATOR_VERSION = 2
"""Incremented when the same settings, seed and fonts no longer give the same lines. 2: blur and grey in float32."""

_TEXTS_TRIED = 20


@dataclass(frozen=True)
class SynthLine:
    """One rendered line.

    Attributes:
        image: uint8 [H, W] (grey) or [H, W, 3] (RGB), 10 to 64 pixels high.
        text: The label, in NFC.
        boxes: One box per character (left, top, right, bottom in pixels): horizontally the pen advance, vertically the
            extent of the ink; empty if not requested.
        font: Name of the typeface.
    """

    image: Pixels
    text: str
    boxes: tuple[Box, ...]
    font: str


class LineGenerator:
    """Renders lines; cheap enough to create in every worker process.

    ``line(i)`` does not depend on the lines rendered before.

    Args:
        config: The ``Synth`` section of a configuration.
        seed: Seed of all lines.

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
        self.fonts = FontBook([Path(folder) for folder in config.fonts], facts=FontFacts(facts_file()))
        self.textures = Textures()
        self._setter = Typesetter(self.fonts, self.text, self.textures, config.strength)
        self._names = tuple(SCENES)

        self._weights = [getattr(config, name) for name in self._names]

    def line(self, index: int, *, boxes: bool = True) -> SynthLine:
        """Render the line with a given index.

        Args:
            index: Number of the line.
            boxes: Whether to measure each character. The image is the same without, takes less time, and
                ``SynthLine.boxes`` is empty.

        Returns:
            The rendered line with its label.
        """
        rng = Random(f"{self.seed}/{index}")
        name = rng.choices(self._names, self._weights)[0]
        scene = SCENES[name]
        text, language, face = self._text_and_face(rng, name)
        strength = self.config.strength
        laid_out, places = lay_out(self._setter, rng, name, face, text, language, boxes=boxes)
        ink = np.asarray(laid_out)

        if strength == 0:
            return SynthLine(255 - ink, text, places, face.name)

        wear = strength * rng.random() ** 1.3
        styles, weights = zip(*scene.print_styles, strict=True)
        style = rng.choices(styles, weights)[0]
        printed = style(ink * np.float32(1 / 255), rng, self.textures, wear)
        pixels, places = self._captured(rng, name, printed, places)
        return SynthLine(pixels, text, places, face.name)

    def _text_and_face(self, rng: Random, scene: str) -> tuple[str, str, Face]:
        """Choose a text, its language (empty if unknown) and a face that covers it."""
        for _ in range(_TEXTS_TRIED):
            text, language = self.text.sample_with_language(rng, scene)
            face = self.fonts.pick(rng, SCENES[scene].faces, text, SCENES[scene].italics, language)
            if face:
                return text, language, face
        raise DataError(
            f"Synth.fonts: no font found covers {text!r}", hint="install fonts of that script, or narrow Synth.charset"
        )

    def _captured(
        self, rng: Random, scene: str, printed: Pixels, boxes: tuple[Box, ...]
    ) -> tuple[Pixels, tuple[Box, ...]]:
        """Simulate scanning or photography: perspective, blur, low resolution, sharpening, JPEG, often in grey."""
        s = self.config.strength
        unchanged = image = Image.fromarray(printed)
        share = self.config.color * (5 if scene in ("screen", "photo") else 4)
        if image.mode == "RGB" and rng.random() > share:
            image = image.convert("L")
        if scene in ("receipt", "document") and rng.random() < 0.03 * s:
            image = capture.edge_bar(image, rng)
        if scene == "photo" and rng.random() < 0.5 * s:
            image, boxes = capture.perspective(image, boxes, rng, s)
        if rng.random() < (0.3 if scene == "photo" else 0.07) * s:
            image = capture.motion_blur(image, rng)
        size = image.size
        if rng.random() < 0.14 * s:
            image = capture.low_resolution(image, rng, 13)
        if rng.random() < 0.22 * s and scene != "screen":
            image = capture.sharpen(image, rng)
        if rng.random() < 0.4 * s:
            image = capture.jpeg(image, rng.randint(35, 92))
        height = min(MAX_HEIGHT, max(MIN_HEIGHT, image.height))
        if height != image.height:
            width = max(4, round(image.width * height / image.height))
            image = image.resize((width, height), Image.Resampling.BILINEAR)

        if image.size != size:
            x, y = image.width / size[0], image.height / size[1]
            boxes = tuple((a * x, b * y, c * x, d * y) for a, b, c, d in boxes)

        return printed if image is unchanged else np.asarray(image), boxes
