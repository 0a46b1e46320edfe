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
from ocrx.synth.fonts import Face, FontBook
from ocrx.synth.render import Box, Inked, Placement, Setting, draw_line, needs_shaping, place
from ocrx.synth.text import TextSource, charset_characters
from ocrx.synth.textures import Textures

__all__ = ["LineGenerator", "SynthConfig", "SynthLine"]

Pixels = npt.NDArray[np.uint8]
SCENES = ("receipt", "document", "screen", "photo")
# Weights of the kinds of faces (mono, narrow, pixel, plain, core) in each scene.
FACES = {
    "receipt": (34, 16, 18, 10, 22),
    "document": (12, 4, 0, 46, 38),
    "screen": (12, 8, 12, 34, 34),
    "photo": (6, 16, 3, 50, 25),
}
MIN_HEIGHT, MAX_HEIGHT = 10, 64


@dataclass(frozen=True)
class SynthLine:
    """A drawn line: uint8 [H, W] or [H, W, 3] (RGB), 10 to 64 pixels high, its text in NFC, a box for each character
    (left, top, right, bottom in pixels: pen advance across, ink extent down), and the face's name."""

    image: Pixels
    text: str
    boxes: tuple[Box, ...]
    font: str


class LineGenerator:
    """Draws lines; cheap to make in every worker process. ``line(i)`` does not depend on what was drawn before."""

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

    def line(self, index: int) -> SynthLine:
        """The line of that number."""
        rng = Random(f"{self.seed}/{index}")
        scene = rng.choices(SCENES, self._scenes)[0]
        face = None
        while face is None:
            text = self.text.draw(rng, scene)
            face = self.fonts.pick(rng, FACES[scene], text, 0.35 if scene == "receipt" else 0.6)
        ink, boxes = self._ink(rng, scene, face, text)
        return self._finish(rng, scene, ink, boxes, text, face)

    def _ink(self, rng: Random, scene: str, face: Face, text: str) -> tuple[Image.Image, tuple[Box, ...]]:
        strength = self.config.strength
        em = min(46.0, 11.0 * 2 ** (rng.random() ** 0.9 * 2.1))
        printer = face.kind == "pixel" or (scene == "receipt" and rng.random() < 0.45)
        shaped = needs_shaping(text) or (not printer and rng.random() < 0.3)
        size: float = round(em)
        if printer:
            size = face.size or rng.choice((12, 14, 16, 16, 18, 20, 20, 22, 24, 24, 28))
        setting = self._setting(rng, text, scene, face, shaped, printer)
        inked = draw_line(text, self.fonts.open(face, size, shaped), setting)
        image, scale = inked.image, em / size
        if printer and strength and rng.random() < 0.3:
            image = degrade.lose_dots(image, rng, self.textures, strength)
        if printer and size <= 18 and rng.random() < 0.12:
            step = max(2, min(4, round(scale) + 1))
            image = degrade.dots(image, step, rng.uniform(0.4, 0.62))
            inked = Inked(image, tuple((l * step, t * step, r * step, b * step) for l, t, r, b in inked.boxes))
            scale /= step
        else:
            inked = Inked(image, inked.boxes)
        top, bottom = min(b[1] for b in inked.boxes), max(b[3] for b in inked.boxes)
        low_ink = (bottom - top) * scale
        if low_ink > 56:
            scale *= 56 / low_ink
        across = 1.0
        if strength and rng.random() < 0.6:
            across = rng.uniform(0.6, 1.1) if scene == "receipt" else rng.uniform(0.8, 1.25)
        area = (inked.boxes[0][0], top, inked.boxes[-1][2], bottom)
        ink_height = (bottom - top) * scale
        margins = self._margins(rng, min(em, 40.0), ink_height)
        slant = rng.uniform(-0.2, 0.2) if rng.random() < 0.08 * strength else 0.0
        turn = 0.0
        if rng.random() < 0.35 * strength:
            width = (area[2] - area[0]) * scale
            turn = max(-3.0, min(3.0, rng.gauss(0, 0.8)))
            limit = 57.3 * 0.3 * ink_height / max(width, 1)
            turn = max(-limit, min(limit, turn))
        placement = Placement(scale * across, scale, -slant, turn, margins)
        return place(inked, area, placement)

    def _margins(self, rng: Random, em: float, ink_height: float) -> tuple[float, float, float, float]:
        if rng.random() < 0.5:
            sides = [rng.uniform(0, 0.15) * em for _ in range(4)]
        else:
            sides = [rng.uniform(0.0, 0.5) * em, rng.uniform(0, 0.4) * em, rng.uniform(0, 0.5) * em, rng.uniform(0, 0.4) * em]
        if self.config.strength and rng.random() < 0.12:
            sides[rng.choice((1, 3))] = -rng.uniform(0, 0.08) * em
        lack = MIN_HEIGHT - (ink_height + sides[1] + sides[3])
        if lack > 0:
            sides[1] += lack / 2
            sides[3] += lack / 2
        return sides[0], sides[1], sides[2], sides[3]

    def _setting(self, rng: Random, text: str, scene: str, face: Face, shaped: bool, printer: bool) -> Setting:
        spaces = text.count(" ")
        gap_factor, gaps = 1.0, ()
        dice = rng.random()
        if spaces and self.config.strength:
            if dice < 0.2:
                gap_factor = rng.uniform(0.6, 0.95) if face.kind != "mono" else rng.uniform(0.5, 1.0)
            elif dice < 0.4:
                gap_factor = rng.uniform(1.1, 2.6)
            elif dice < 0.55:
                gaps = tuple(rng.choice((0.0, 0.0, 0.5, 0.6, 1.2, rng.uniform(0, 3))) for _ in range(spaces))
        tracking = 0.0
        if not shaped and self.config.strength and rng.random() < 0.25:
            tracking = rng.choice((rng.uniform(-0.05, 0.06), rng.uniform(0, 0.12), rng.uniform(0.1, 0.5) if rng.random() < 0.2 else 0.02))
        return Setting(tracking, gaps, gap_factor, shaped, printer)

    def _finish(self, rng: Random, scene: str, ink: Image.Image, boxes: tuple[Box, ...], text: str, face: Face) -> SynthLine:
        s = self.config.strength
        if not s:
            return SynthLine(255 - np.asarray(ink), text, boxes, face.name)
        binary = scene in ("receipt", "document") and rng.random() < 0.22
        amount = degrade.press(
            ink, rng, self.textures,
            blur=rng.choice((0.0, 0.3, 0.5, 0.8, 1.2)) * s, spread=rng.uniform(-0.18, 0.22) * s,
            hardness=rng.choice((1.0, 1.3, 2.0, 4.0)), rough=rng.uniform(0, 0.3) * s if rng.random() < 0.5 else 0.0,
        )  # fmt: skip
        if scene == "receipt" and rng.random() < 0.35 * s:
            amount = degrade.fade(amount, rng, self.textures, rng.uniform(0.3, 1.0) * s)
        picture = self._tone(rng, scene, amount, s)
        image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        if rng.random() < 0.1 * s:
            image = degrade.smear(image, rng)
        if rng.random() < 0.15 * s:
            before = image.size
            image = degrade.coarse(image, rng, MIN_HEIGHT)
            fx, fy = image.width / before[0], image.height / before[1]
            boxes = tuple((l * fx, t * fy, r * fx, b * fy) for l, t, r, b in boxes)
        if rng.random() < 0.35 * s:
            image = degrade.jpeg(image, rng.randint(25, 90))
        pixels = np.asarray(image)
        if binary:
            level = float(pixels.mean()) * rng.uniform(0.6, 0.9)
            pixels = np.where(pixels > level, np.uint8(255), np.uint8(0))
        if pixels.shape[0] > MAX_HEIGHT:
            factor = MAX_HEIGHT / pixels.shape[0]
            small = Image.fromarray(pixels).resize((max(4, round(pixels.shape[1] * factor)), MAX_HEIGHT), Image.Resampling.BILINEAR)
            fx = small.width / pixels.shape[1]
            pixels = np.asarray(small)
            boxes = tuple((l * fx, t * factor, r * fx, b * factor) for l, t, r, b in boxes)
        return SynthLine(np.ascontiguousarray(pixels), text, boxes, face.name)

    def _tone(self, rng: Random, scene: str, amount: npt.NDArray[np.float32], s: float) -> npt.NDArray[np.float32]:
        height, width = amount.shape
        colour = rng.random() < (self.config.color if scene in ("receipt", "document") else min(1.0, 3 * self.config.color))
        if not colour:
            tone = rng.choice((255.0, 250.0, rng.uniform(225, 250), rng.uniform(170, 240)))
            ink = rng.choice((0.0, rng.uniform(0, 60), rng.uniform(20, tone - 70)))
            if scene in ("screen", "photo") and rng.random() < 0.3:
                tone, ink = ink, tone
            ground = degrade.paper((height, width), rng, self.textures, tone, s)
            return ground + (np.float32(ink) - ground) * amount
        pen, sheet = degrade.tones(rng, 70)
        if scene == "receipt":
            sheet = (rng.randint(225, 255),) * 3
            pen = rng.choice(((70, 60, 150), (90, 70, 160), (40, 50, 130), (120, 60, 90), (60, 60, 60)))
        ground = degrade.paper((height, width), rng, self.textures, 0.0, s)[..., None] + np.array(sheet, dtype=np.float32)
        if scene == "photo" and rng.random() < 0.5:
            photo = self.textures.picture(rng, height, width).astype(np.float32)
            light = float(photo.mean())
            pen = (rng.randint(0, 40),) * 3 if light > 128 else (rng.randint(215, 255),) * 3
            ground = photo
        return ground + (np.array(pen, dtype=np.float32) - ground) * amount[..., None]
