"""Noise fields and photographic backgrounds, computed once per process and then sliced."""

from __future__ import annotations

from random import Random
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ocrx.arrays import Floats, Pixels

_Array = TypeVar("_Array", bound=npt.NDArray[Any])

HEIGHT, WIDTH = 128, 1536
GRAINS = (0.0, 0.7, 1.5, 4.0, 16.0)
_BACKGROUNDS = 20


class Textures:
    """Noise fields of unit standard deviation at several grain sizes (pixels), and colour backgrounds."""

    def __init__(self) -> None:
        rng = np.random.default_rng(20240)
        white = rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32)
        self._fields = [_smooth(np.roll(white, 31 * i), grain) for i, grain in enumerate(GRAINS)]
        self._uniform = rng.random((HEIGHT, WIDTH), dtype=np.float32)
        self._backgrounds: list[Pixels] = []

    def noise(self, rng: Random, grain: int, height: int, width: int) -> Floats:
        """Cut a window [height, width] from the field ``GRAINS[grain]``; mean 0, standard deviation 1.

        Args:
            rng: Source of randomness.
            grain: Index into ``GRAINS``: the size of the structures.
            height: Height in pixels.
            width: Width in pixels.

        Returns:
            Values, float32 [height, width].
        """
        return _window(self._fields[grain], rng, height, width)

    def uniform(self, rng: Random, height: int, width: int) -> Floats:
        """Return independent values in [0, 1).

        Args:
            rng: Source of randomness.
            height: Height in pixels.
            width: Width in pixels.

        Returns:
            Values, float32 [height, width].
        """
        return _window(self._uniform, rng, height, width)

    def curve(self, rng: Random, grain: int, length: int) -> Floats:
        """Return a row of a field, a random curve along a line; mean 0, standard deviation 1 over many lines.

        Args:
            rng: Source of randomness.
            grain: Index into ``GRAINS``: the size of the structures.
            length: Number of values.

        Returns:
            Values, float32 [length].
        """
        row: Floats = self.noise(rng, grain, 1, length)[0]
        return row

    def background(self, rng: Random, height: int, width: int) -> Pixels:
        """Cut a window [height, width, 3] from an artificial photograph.

        Args:
            rng: Source of randomness.
            height: Height in pixels.
            width: Width in pixels.

        Returns:
            Colours, uint8 [height, width, 3].
        """
        if not self._backgrounds:
            self._backgrounds = [_make_background(Random(i), self._fields) for i in range(_BACKGROUNDS)]
        return _window(rng.choice(self._backgrounds), rng, height, width)


def _window(field: _Array, rng: Random, height: int, width: int) -> _Array:
    rows, columns = field.shape[:2]
    if height > rows or width > columns:
        times = (-(-height // rows), -(-width // columns), *(1,) * (field.ndim - 2))
        field = np.tile(field, times)  # type: ignore[assignment]  # tile keeps the element type
        rows, columns = field.shape[:2]
    top, left = rng.randint(0, rows - height), rng.randint(0, columns - width)
    return field[top : top + height, left : left + width]  # type: ignore[return-value]  # so does a slice


def _smooth(field: Floats, sigma: float) -> Floats:
    """Blur by a Gaussian through the Fourier transform, so that the field wraps around; scale to unit deviation."""
    if sigma > 0:
        rows = np.fft.fftfreq(field.shape[0])[:, None]
        columns = np.fft.rfftfreq(field.shape[1])[None]
        damp = np.exp(-2 * (np.pi * sigma) ** 2 * (rows**2 + columns**2))
        field = np.fft.irfft2(np.fft.rfft2(field) * damp, field.shape).astype(np.float32)
    result: Floats = (field - field.mean()) / field.std()
    return result


def _make_background(rng: Random, fields: list[Floats]) -> Pixels:
    """Draw patches of colour, stripes and grain, more or less out of focus, as behind a sign."""
    size = (512, 96)

    def tone() -> tuple[int, int, int]:
        grey = rng.randint(0, 255)
        return tuple(max(0, min(255, grey + rng.randint(-90, 90))) for _ in range(3))  # type: ignore[return-value]  # three

    image = Image.new("RGB", size, tone())
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(0, 14)):
        x, y, a, b = rng.randint(-40, 512), rng.randint(-30, 96), rng.randint(10, 260), rng.randint(6, 80)
        (draw.rectangle if rng.random() < 0.6 else draw.ellipse)((x, y, x + a, y + b), fill=tone())
    if rng.random() < 0.4:
        step, across, fill = rng.randint(4, 30), rng.random() < 0.5, tone()
        for at in range(0, 512 if across else 96, step):
            draw.line((at, 0, at + rng.randint(-3, 3), 96) if across else (0, at, 512, at), fill, rng.randint(1, 3))
    image = image.filter(ImageFilter.GaussianBlur(rng.choice((0.5, 1.5, 4, 9))))
    shade = sum(fields[grain][:96, :512] * rng.choice((0, 4, 10, 22)) for grain in (1, 3, 4))
    pixels: Pixels = np.clip(np.asarray(image, dtype=np.float32) + np.asarray(shade)[..., None], 0, 255).astype(
        np.uint8
    )
    return pixels
