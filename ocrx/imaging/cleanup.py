"""Optional clean-up of an image before it is resized; the steps are part of a model's spec.

Each step takes and returns a Pillow image of mode L or RGB. All are off by default: a trained network usually reads the
raw image better, so measure the effect of a step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

Step = Callable[[Image.Image], Image.Image]


def is_tall(size: tuple[int, int]) -> bool:
    """Whether ``rotate_tall`` rotates an image.

    Args:
        size: Width and height in pixels.

    Returns:
        True from 1.5 times as high as wide.
    """
    return size[1] >= 1.5 * size[0]


def rotate_tall(image: Image.Image) -> Image.Image:
    """Rotate a crop that is at least 1.5 times as high as wide by 90 degrees counter-clockwise.

    Args:
        image: Mode L or RGB.

    Returns:
        The rotated image, or the same one.
    """
    return image.transpose(Image.Transpose.ROTATE_90) if is_tall(image.size) else image


def deskew(image: Image.Image) -> Image.Image:
    """Rotate by the angle within ±5 degrees that gives the sharpest row profile.

    Args:
        image: Mode L or RGB.

    Returns:
        An image of the same size and mode; new corners take the median tone.
    """
    small = ImageOps.contain(image.convert("L"), (480, 64))
    paper = int(np.median(np.asarray(small)))

    def sharpness(angle: float) -> float:
        rows = np.asarray(small.rotate(angle, Image.Resampling.BILINEAR, fillcolor=paper), dtype=np.float64).mean(1)
        return float(np.square(np.diff(rows)).sum())

    best = max(np.arange(-5, 5.01, 0.5).tolist(), key=lambda angle: (sharpness(angle), -abs(angle)))
    if best == 0:
        return image
    tone = tuple(int(v) for v in np.median(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0))
    fill: int | tuple[int, ...] = paper if image.mode == "L" else tone
    return image.rotate(best, Image.Resampling.BICUBIC, fillcolor=fill)


def denoise(image: Image.Image) -> Image.Image:
    """Remove single specks and holes with a 3 x 3 median filter.

    Args:
        image: Mode L or RGB.

    Returns:
        An image of the same size and mode.
    """
    return image.filter(ImageFilter.MedianFilter(3))


def contrast(image: Image.Image) -> Image.Image:
    """Stretch the tones so that 1 % of the pixels are black and 1 % white.

    Args:
        image: Mode L or RGB.

    Returns:
        An image of the same size and mode.
    """
    return ImageOps.autocontrast(image, cutoff=1)


def polarity(image: Image.Image) -> Image.Image:
    """Invert an image that is mostly dark, so that print is dark on light.

    Args:
        image: Mode L or RGB.

    Returns:
        The inverted image, or the same one.
    """
    return ImageOps.invert(image) if np.median(np.asarray(image.convert("L"))) < 110 else image


def otsu(image: Image.Image) -> Image.Image:
    """Binarise at the threshold that best separates two classes of grey levels (Otsu 1979).

    Args:
        image: Mode L or RGB.

    Returns:
        A black and white image of the same size and mode.
    """
    grey = np.asarray(image.convert("L"))
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    threshold = int(np.argmax(np.nan_to_num(between)))
    return _binary(grey > threshold, image.mode)


def sauvola(image: Image.Image) -> Image.Image:
    """Binarise at a local threshold, mean * (1 + 0.2 (deviation / 128 - 1)) (Sauvola & Pietikäinen 2000).

    Args:
        image: Mode L or RGB.

    Returns:
        A black and white image of the same size and mode.
    """
    grey = np.asarray(image.convert("L"))
    window = max(3, image.height // 2 | 1)
    mean = _box_mean(grey.astype(np.float64), window)
    square = _box_mean(np.square(grey.astype(np.float64)), window)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return _binary(grey > mean * (1 + 0.2 * (deviation / 128 - 1)), image.mode)


def _box_mean(values: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """The mean over the ``window`` x ``window`` pixels around each pixel, edges repeated."""
    half = window // 2
    padded = np.pad(values, half, mode="edge")
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window] + sums[:-window, :-window]
    result: npt.NDArray[np.float64] = total / window**2
    return result


def _binary(white: npt.NDArray[np.bool_], mode: str) -> Image.Image:
    return Image.fromarray(white.astype(np.uint8) * np.uint8(255)).convert(mode)


STEP_FUNCTIONS: dict[str, Step] = {
    "rotate_tall": rotate_tall,
    "deskew": deskew,
    "denoise": denoise,
    "contrast": contrast,
    "polarity": polarity,
    "otsu": otsu,
    "sauvola": sauvola,
}
"""Name of a step in ``ImageSpec.steps`` → its function."""
