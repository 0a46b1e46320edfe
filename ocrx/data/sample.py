"""One labelled line of text, and how messages about a dataset name its files and quote its labels."""

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
        source: Where the label stands, such as ``train.txt:17``.
    """

    image: Path
    text: str
    source: str


def relative_name(path: Path, root: Path) -> str:
    """Name a file as messages about a dataset do.

    Args:
        path: The file.
        root: Folder of the dataset.

    Returns:
        The path relative to ``root`` with ``/``; the whole path if it does not start with ``root``.
    """
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else os.fspath(path)


def quote(text: str, limit: int = 120) -> str:
    """Quote a label in a message.

    Args:
        text: The label.
        limit: Longer labels are cut to this many characters.

    Returns:
        The label as a Python literal, so that invisible characters are seen.
    """
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
