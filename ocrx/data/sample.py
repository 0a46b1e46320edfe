"""One labelled line of text, as a label file names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """An image, its text exactly as labelled, and where the label stands (``train.txt:17``)."""

    image: Path
    text: str
    source: str
