"""Formats lines of ``train.txt`` and ``val.txt``, and prevents losing lines when a dataset is rewritten."""

from __future__ import annotations

from ocrx.data.formats.layouts import Dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError

# Codes of errors for lines that could not be read as a sample.
_LOST = ("columns", "encoding")


def list_line(image: str, sample: Sample) -> str:
    """Format a line of a list.

    Args:
        image: Path of the image, as written in the list.
        sample: The line; its source is used in the error.

    Returns:
        ``image<TAB>text`` and a newline.

    Raises:
        DataError: If the path or the text contains a separator.
    """
    if "\t" in image or "\n" in image or "\n" in sample.text:
        hint = "rename the image, or choose csv or jsonl"
        raise DataError(f"{sample.source}: a path<TAB>text line cannot contain another TAB or a newline", hint=hint)
    return f"{image}\t{sample.text}\n"


def require_all_lines_read(dataset: Dataset) -> None:
    """Refuse to rewrite a dataset if some of its lines could not be read.

    Args:
        dataset: The dataset.

    Raises:
        DataError: If a line would be lost.
    """
    lost = [issue for issue in dataset.issues if issue.code in _LOST and issue.severity == "error"]
    if lost:
        message = f"{lost[0].where}: {lost[0].message} ({len(lost):,} such lines would be lost)"
        raise DataError(message, hint="correct these lines first")
