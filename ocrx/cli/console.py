"""Writes to the terminal: messages and progress to stderr, result rows to stdout.

Rich is imported only where something is rendered, since plain lines do not need it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocrx.errors import OcrxError

if TYPE_CHECKING:
    from rich.console import Console

    from ocrx.results import Progress

PLAIN_INTERVAL_S = 10.0


def stderr_console() -> Console:
    """Create a Rich console for everything that is not a result.

    Returns:
        A console on stderr without automatic highlighting.
    """
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def info(message: str) -> None:
    """Write one line to stderr.

    Args:
        message: The line, without its line end.
    """
    sys.stderr.write(f"{message}\n")


def fail(message: str) -> None:
    """Write one line that begins with ``error:`` to stderr.

    Args:
        message: What failed.
    """
    info(f"{_bold('error:', red=True)} {message}")


def show_error(error: OcrxError) -> None:
    """Write an error and its hint: ``error: where: what; expected`` and ``hint: what to do``.

    Args:
        error: The error that ended the command.
    """
    fail(error.message)
    if error.hint:
        info(f"{_bold('hint:')} {error.hint}")


def write_json(value: object, indent: int | None = None) -> None:
    """Write one JSON document to stdout.

    Args:
        value: Plain values, as ``to_dict`` of a report returns them.
        indent: Spaces per level; None puts everything on one line.
    """
    from ocrx.files import to_json

    sys.stdout.write(to_json(value, indent=indent) + "\n")
    sys.stdout.flush()


def write_rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout: aligned columns on a terminal, TSV elsewhere.

    On a terminal no cell is shortened: cells are wrapped, except for those of the first column, and the last columns
    of a table that is too wide are left out; a line on stderr names them.

    Args:
        head: Column names.
        rows: Cells, as many in each row as there are columns.
    """
    if sys.stdout.isatty():
        _show_table(head, rows)
    else:
        sys.stdout.write("".join("\t".join(row) + "\n" for row in [head, *rows]))
    sys.stdout.flush()


def _show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    console = Console(highlight=False)
    count = _fitting_columns([head, *rows], console.width)
    columns = [Column(name, no_wrap=number == 0, overflow="fold") for number, name in enumerate(head[:count])]
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*map(escape, row[:count]))
    console.print(table)
    if count < len(head):
        info(f"not shown here: {', '.join(head[count:])}; a wider terminal or a pipe has them")


def _fitting_columns(rows: Sequence[Sequence[str]], width: int) -> int:
    """Number of columns, at least two, that are as wide as their longest words and together no wider than ``width``."""
    from rich.cells import cell_len

    used = fitting = 0
    for number, cells in enumerate(zip(*rows, strict=True)):
        # The first column is not wrapped.
        words = [word for cell in cells for word in ([cell] if number == 0 else cell.split())]
        used += max(map(cell_len, words), default=0) + 2
        fitting += used <= width
    return max(2, fitting)


@contextmanager
def progress(task: str) -> Iterator[Progress]:
    """Show the progress of long work: a bar with the rate on a terminal, a plain line every ten seconds elsewhere.

    Args:
        task: Label of the work, such as ``images``.

    Yields:
        A callback that takes (done, total); total 0 means unknown.
    """
    if not sys.stderr.isatty():
        yield _plain_progress(task)
        return

    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Bar(*columns, console=stderr_console(), transient=True) as bar:
        bar_task = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(bar_task, completed=done, total=total or None)


def _plain_progress(task: str) -> Progress:
    start = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_INTERVAL_S:
            last = now
            info(f"{task}: {done:,}{f'/{total:,}' if total else ''} ({done / (now - start):,.0f}/s)")

    return show


def _bold(word: str, red: bool = False) -> str:
    if not sys.stderr.isatty() or "NO_COLOR" in os.environ:
        return word
    return f"\033[1{';31' if red else ''}m{word}\033[0m"
