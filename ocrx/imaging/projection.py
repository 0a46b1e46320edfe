"""Projective maps between images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ocrx.arrays import Float64s


def projective_coefficients(source: Iterable[tuple[float, float]], target: Iterable[tuple[float, float]]) -> Float64s:
    """Compute the projective map that takes four points to four others, for ``Image.Transform.PERSPECTIVE``.

    Pillow maps the pixels of the new image to those of the old one, so ``source`` are points of the new image.

    Args:
        source: Four points, no three of them collinear.
        target: Their images under the map.

    Returns:
        float64 [8], coefficients (a, ..., h) of x' = (ax + by + c) / (gx + hy + 1), y' = (dx + ey + f) / (gx + hy + 1).

    Raises:
        numpy.linalg.LinAlgError: There is no such map.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows, dtype=np.float64), np.array(values, dtype=np.float64))
