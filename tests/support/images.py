"""Small images for tests of reading and preparing."""

from __future__ import annotations

import numpy as np
from PIL import Image


def gradient(mode: str = "L") -> Image.Image:
    """60 x 20 pixels from black to white."""
    values = np.linspace(0, 255, 60 * 20).reshape(20, 60).astype(np.uint8)
    return Image.fromarray(values).convert(mode)
