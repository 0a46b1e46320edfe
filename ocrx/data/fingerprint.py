"""What a dataset is, in one short string: recorded with a training to reproduce it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ocrx.data.sample import Sample


def fingerprint(samples: Iterable[Sample]) -> str:
    """SHA-256 over the label, the image name and the image size in bytes of every sample, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        size = sample.image.stat().st_size if sample.image.is_file() else -1
        digest.update(f"{sample.image.name}\t{size}\t{sample.text}\n".encode())
    return digest.hexdigest()[:16]
