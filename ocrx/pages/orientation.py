"""Detects lines that are upside down."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ocrx.arrays import Floats
from ocrx.pages.networks import ORIENTATION, Network, scaled

_HEIGHT, _WIDTH = 48, 192
_BATCH = 16


class OrientationClassifier:
    """The line-orientation classifier of the wheel ``rapidocr``; safe to call from many threads."""

    def __init__(self, threads: int) -> None:
        """Load the classifier.

        Args:
            threads: Processor cores.

        Raises:
            BackendError: The extra ``page`` is missing.
        """
        self._network = Network(ORIENTATION, threads)
        self._lock = threading.Lock()

    def upside_down(self, lines: Sequence[Image.Image]) -> list[float]:
        """Estimate for each line whether it is turned by 180 degrees.

        Args:
            lines: Images of one line each, mode L or RGB. Of long ones the beginning is enough; squeezed to the width
                that the classifier takes, they mislead it.

        Returns:
            The probability for each.
        """
        found: list[float] = []
        for start in range(0, len(lines), _BATCH):
            batch = np.stack([_prepared(line) for line in lines[start : start + _BATCH]])
            with self._lock:
                found += self._network(batch)[:, 1].tolist()
        return found


def _prepared(line: Image.Image) -> Floats:
    """float32 [3, 48, 192]: the beginning of the line, padded on the right with 0, which is grey."""
    line = line.crop((0, 0, max(1, min(line.width, _WIDTH * line.height // _HEIGHT)), line.height))
    width = min(_WIDTH, max(1, -(-line.width * _HEIGHT // line.height)))
    pixels = np.asarray(line.convert("RGB").resize((width, _HEIGHT), Image.Resampling.BILINEAR), dtype=np.float32)
    return np.pad(scaled(pixels), ((0, 0), (0, 0), (0, _WIDTH - width)))
