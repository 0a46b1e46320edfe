"""``train.log``: every line that the user sees of a training, with the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

Log = Callable[[str], None]
"""Takes one line for the user, without the line break."""


@contextmanager
def open_log(path: Path, show: Log) -> Iterator[Log]:
    """Open a log file for appending.

    Args:
        path: The file, usually ``output/train.log``; its folder exists.
        show: Also gets every line, without the time.

    Yields:
        A function that writes a line to both, at once.
    """
    with path.open("a", encoding="utf-8") as file:

        def log(line: str) -> None:
            file.write(f"{datetime.now().astimezone().isoformat(' ', 'seconds')}  {line}\n")
            file.flush()
            show(line)

        yield log
