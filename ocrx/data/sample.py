"""A labelled line, and how messages about a dataset name its files and quote its labels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled line.

    Attributes:
        image: Path of the image file; it may not exist.
        text: The label, exactly as written.
        source: File and line of the label, such as ``train.txt:17``.
    """

    image: Path
    text: str
    source: str


def relative_name(path: Path, root: Path) -> str:
    """Format a path for messages about a dataset.

    Args:
        path: The file.
        root: Folder of the dataset.

    Returns:
        The path relative to ``root``, with ``/``; the full path if it is not below ``root``.
    """
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else os.fspath(path)


def quote(text: str, limit: int = 120) -> str:
    """Quote a label for a message.

    Args:
        text: The label.
        limit: Longer labels are truncated to this many characters.

    Returns:
        The label as a Python literal, which makes invisible characters visible.
    """
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
