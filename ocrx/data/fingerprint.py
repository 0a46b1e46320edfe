"""A short hash that identifies a dataset; recorded with every training so that it can be reproduced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ocrx.data.sample import Sample


def fingerprint(samples: Iterable[Sample]) -> str:
    """Hash the label, the image name and the image size of every sample, in order.

    Args:
        samples: The lines. Images are not opened; the size of a missing one is taken as -1.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.
    """
    digest = hashlib.sha256()
    for sample in samples:
        size = sample.image.stat().st_size if sample.image.is_file() else -1
        digest.update(f"{sample.image.name}\t{size}\t{sample.text}\n".encode())

    return digest.hexdigest()[:16]
