"""Groups lines into batches of one width.

An image is padded to its own bucket width, which depends on the image alone, and all lines of a batch have the same
bucket width. The result for a line therefore does not depend on the other lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ocrx.arrays import Floats, Pixels
from ocrx.backends import Backend, lines_at_once
from ocrx.imaging.preparation import pad, scale
from ocrx.model_spec import ImageSpec


def width_batches(lines: Sequence[Pixels | None], backend: Backend, batch_size: int) -> Iterator[list[int]]:
    """Group lines by bucket width.

    Args:
        lines: Resized images; None entries are skipped.
        backend: The network; it may limit the pixels of a batch.
        batch_size: Most lines in a batch.

    Yields:
        Indices into ``lines``, narrow batches first; within a width in the order of ``lines``.
    """
    spec = backend.spec.image
    buckets: dict[int, list[int]] = {}
    for index, pixels in enumerate(lines):
        if pixels is not None:
            buckets.setdefault(spec.bucket_width(pixels.shape[1]), []).append(index)

    for width, members in sorted(buckets.items()):
        size = lines_at_once(backend, width, batch_size)
        yield from (members[start : start + size] for start in range(0, len(members), size))


def stack_lines(lines: Sequence[Pixels], spec: ImageSpec) -> Floats:
    """Scale, pad and stack lines into the input of the network.

    Args:
        lines: Resized images of one bucket width, at least one: uint8 [height, width] or [height, width, 3].
        spec: The image spec of the model.

    Returns:
        float32 [N, C, height, bucket width], padded on the right.
    """
    width = spec.bucket_width(lines[0].shape[1])
    if len(lines) == 1:
        return pad(scale(lines[0], spec), width, spec)[None]

    batch = np.full((len(lines), spec.channels, spec.height, width), spec.pad, dtype=np.float32)
    for row, pixels in zip(batch, lines, strict=True):
        row[:, :, : pixels.shape[1]] = scale(pixels, spec)
    return batch


def batch_logits(
    lines: Sequence[Pixels | None], backend: Backend, batch_size: int
) -> Iterator[tuple[list[int], Floats]]:
    """Run the network on lines of any width, in this thread.

    Args:
        lines: Resized images; None entries are skipped.
        backend: The network.
        batch_size: Most lines in a batch.

    Yields:
        Indices into ``lines`` and their logits, float32 [N, T, K].
    """
    for indices in width_batches(lines, backend, batch_size):
        batch = [pixels for pixels in (lines[index] for index in indices) if pixels is not None]
        yield indices, backend.logits(stack_lines(batch, backend.spec.image))
