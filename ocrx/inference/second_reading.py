"""Reads lines of low confidence a second time, a little wider: ``effort="high"``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ocrx.arrays import Floats, Pixels
from ocrx.backends import Backend
from ocrx.decoding.greedy import Decoded
from ocrx.inference.batching import batch_logits
from ocrx.model_spec import ImageSpec

WIDENING = 1.08
LOW_SCORE = 0.9
"""A line is read again if a character of its best path has a lower score. Both: see benchmarks/embedded_model.md."""


def wider_logits(lines: Sequence[Pixels], best_paths: Sequence[Decoded], backend: Backend) -> dict[int, Floats]:
    """Run the network again on the lines of low confidence. The result of a line does not depend on the others.

    Args:
        lines: Resized lines, uint8 [height, width] or [height, width, 3].
        best_paths: The best path of each line.
        backend: The network; the caller holds a slot of it.

    Returns:
        Index into ``lines`` → logits of the stretched line, float32 [T, K]; only of lines that were read again.
    """
    wider = [
        widen(pixels, backend.spec.image) if path.min_score < LOW_SCORE else None
        for pixels, path in zip(lines, best_paths, strict=True)
    ]
    return {
        index: logits[row]
        for indices, logits in batch_logits(wider, backend, len(wider))
        for row, index in enumerate(indices)
    }


def widen(pixels: Pixels, spec: ImageSpec) -> Pixels | None:
    """Stretch a resized line by ``WIDENING``.

    Args:
        pixels: The line, uint8 [height, width] or [height, width, 3].
        spec: The image spec of the model.

    Returns:
        The stretched line; None if the line already has the model's maximum width.
    """
    height, width = pixels.shape[:2]
    wider = min(spec.max_width, round(width * WIDENING))
    if wider <= width:
        return None
    return np.asarray(Image.fromarray(pixels).resize((wider, height), Image.Resampling.BILINEAR))
