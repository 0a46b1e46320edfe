"""Reads ``dict.txt``: the characters of a dataset, one per line."""

from __future__ import annotations

from pathlib import Path

from ocrx.data.formats.text_file import read_text
from ocrx.results import Issue
from ocrx.text.charset import Charset

DICT_FILE = "dict.txt"


def read_dict(root: Path) -> tuple[Charset | None, list[Issue]]:
    """Read ``root/dict.txt``.

    Args:
        root: Folder of the dataset.

    Returns:
        The charset and the problems in the file. The charset holds the distinct entries, and a space at the end if the
        file has none; it is None if the file is missing or empty.

    Raises:
        DataError: If the file cannot be opened.
    """
    path = root / DICT_FILE
    if not path.is_file():
        return None, []

    file = read_text(path, DICT_FILE)
    issues = list(file.issues)
    first_line: dict[str, int] = {}
    for number, entry in file.lines():
        where = f"{DICT_FILE}:{number}"
        if not entry:
            issues.append(Issue("warning", "dict-blank", where, "blank line instead of a character", "delete it"))
        elif entry in first_line:
            message = f"{entry!r} is already on line {first_line[entry]}; each character needs exactly one line"
            both = f"{DICT_FILE}:{first_line[entry]}, {where}"
            issues.append(Issue("error", "dict-duplicate", both, message, "delete one of them"))
        else:
            first_line[entry] = number
            if len(entry) > 1:
                message = f"{len(entry)} characters, {entry!r}, on one line become a single class"
                issues.append(Issue("warning", "dict-multi", where, message, "write one character per line"))

    if not first_line:
        hint = "write one character per line, or use --build-dict"
        issues.append(Issue("error", "dict-empty", DICT_FILE, "no characters", hint))
        return None, issues
    first_line.setdefault(" ", 0)
    return Charset(list(first_line)), issues
