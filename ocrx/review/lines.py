"""The lines of a review: those of a dataset in any layout, or the images of a folder without labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ocrx.data.formats.layouts import Dataset, NoLabelFileError, read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES
from ocrx.text.direction import runs_right_to_left

LABEL_FILE = "label.txt"
"""Label file for the texts of a folder without labels."""


@dataclass(slots=True)
class Line:
    """A line to review.

    Attributes:
        key: Identifies the line in the journal: the path of its image below the root, with ``#2`` for a second label.
        sample: Image, label and source as in the label file now. Without a label, text and source are empty.
        part: ``train`` or ``val``; empty if the dataset is not split.
        gone: Whether the line is no longer in the label file.
    """

    key: str
    sample: Sample
    part: str
    gone: bool = False


@dataclass(frozen=True)
class ReviewFolder:
    """A folder under review.

    Attributes:
        root: The folder with labels and images.
        given: The path given by the user: ``root``, or a label file in it.
        dataset: The dataset; None for a folder without any labels.
        transcription: Whether all images of the folder are to be labelled.
        lines: The lines in the order of the label files; after them, images without a label.
    """

    root: Path
    given: Path
    dataset: Dataset | None
    transcription: bool
    lines: tuple[Line, ...]

    @property
    def label_files(self) -> tuple[Path, ...]:
        """The label files, without folders of pairs."""
        return tuple(path for path in (self.dataset.label_files if self.dataset else ()) if path.is_file())

    @cached_property
    def runs_right_to_left(self) -> bool:
        """Whether most labels are in a right-to-left script."""
        some = [line.sample.text for line in self.lines[:200] if line.sample.text]
        return 2 * sum(map(runs_right_to_left, some)) > len(some)


def find_labels(path: Path) -> Dataset | None:
    """Read the labels of a folder to review.

    Args:
        path: A folder or a label file.

    Returns:
        The dataset; None for a folder of images without any label file.

    Raises:
        DataError: If there is neither a dataset nor a folder with images, or its labels cannot be read.
    """
    try:
        return read_dataset(path)
    except NoLabelFileError:
        if next(_images(path), None) is None:
            raise
        return None


def read_folder(path: Path, dataset: Dataset | None, *, transcription: bool) -> ReviewFolder:
    """Collect the lines to review.

    Args:
        path: A folder or a label file.
        dataset: Its labels, see ``find_labels``.
        transcription: Whether to include images without a label.

    Returns:
        The lines. No image is opened.

    Raises:
        DataError: If there is no line.
    """
    root = path if path.is_dir() else path.parent
    rows: list[tuple[Sample, str]] = []
    if dataset is not None:
        part = "train" if dataset.val else ""
        rows = [(sample, part) for sample in dataset.train] + [(sample, "val") for sample in dataset.val]
    if transcription:
        labelled = {sample.image for sample, _ in rows}
        rows += [(Sample(image, "", ""), "") for image in _images(root) if image not in labelled]
    if not rows:
        raise DataError(f"{path}: no line to review", hint="see why: ocrx check-dataset")
    return ReviewFolder(root, path, dataset, transcription, tuple(_with_keys(rows, root)))


def merge_folder(old: Sequence[Line], new: Sequence[Line]) -> tuple[Line, ...]:
    """Update lines after the label files were read again.

    Args:
        old: The previous lines; those that still exist are updated in place.
        new: The lines as just read.

    Returns:
        The old lines in their order, with removed ones marked as gone, followed by the new ones.
    """
    fresh = {line.key: line for line in new}
    for line in old:
        found = fresh.pop(line.key, None)
        line.gone = found is None
        if found is not None:
            line.sample, line.part = found.sample, found.part
    return (*old, *fresh.values())


def count_characters(lines: Iterable[Line]) -> Counter[str]:
    """Count the characters of all labels.

    Args:
        lines: The lines.

    Returns:
        How often each character occurs.
    """
    return Counter("".join(line.sample.text for line in lines))


def list_lines(lines: Iterable[Line], texts: dict[str, str], base: Path) -> str:
    """Write a ``path<TAB>text`` list for lines of several folders.

    Args:
        lines: The lines.
        texts: Their texts by key.
        base: Folder of the list; paths are written relative to it.

    Returns:
        The content of the list.
    """
    return "".join(f"{Path(os.path.relpath(x.sample.image, base)).as_posix()}\t{texts[x.key]}\n" for x in lines)


def _images(root: Path) -> Iterator[Path]:
    """All images under a folder in the order of their names; hidden folders are left out."""
    found = (path for path in sorted(root.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES)
    for path in found:
        if not any(part.startswith(".") for part in path.relative_to(root).parts) and path.is_file():
            yield path


def _with_keys(rows: Iterable[tuple[Sample, str]], root: Path) -> Iterator[Line]:
    seen: Counter[str] = Counter()
    prefix = os.fspath(root / "_")[:-1]
    for sample, part in rows:
        # As relative_name, in a tenth of its time.
        full = os.fspath(sample.image)
        name = full[len(prefix) :].replace(os.sep, "/") if full.startswith(prefix) else full
        seen[name] += 1
        yield Line(name if seen[name] == 1 else f"{name}#{seen[name]}", sample, part)
