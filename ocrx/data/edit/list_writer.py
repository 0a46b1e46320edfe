"""Lines of ``train.txt`` and ``val.txt``, and the guard against losing lines when they are rewritten."""

from __future__ import annotations

from ocrx.data.formats.layouts import Dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError

# Errors of reading that stand for a line which gave no sample.
_LOST = ("columns", "encoding")


def list_line(image: str, sample: Sample) -> str:
    """Format a line of a list.

    Args:
        image: Path of the image as the list names it.
        sample: Its label, and its source for the message.

    Returns:
        ``image<TAB>text`` with a line end.

    Raises:
        DataError: If the path or the text holds a separator.
    """
    if "\t" in image or "\n" in image or "\n" in sample.text:
        hint = "rename the image, or choose csv or jsonl"
        raise DataError(f"{sample.source}: a path<TAB>text line cannot hold a TAB or line end", hint=hint)
    return f"{image}\t{sample.text}\n"


def require_all_lines_read(dataset: Dataset) -> None:
    """Refuse to rewrite a dataset of which some lines could not be read.

    Args:
        dataset: As read.

    Raises:
        DataError: If a line would be lost.
    """
    lost = [issue for issue in dataset.issues if issue.code in _LOST and issue.severity == "error"]
    if lost:
        message = f"{lost[0].where}: {lost[0].message} ({len(lost):,} such lines would be lost)"
        raise DataError(message, hint="correct these lines first")
