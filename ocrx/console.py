"""Reports for the eye on stderr, results for programs on stdout. The only module that imports rich."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ocrx.errors import OcrxError
from ocrx.report import Progress

PLAIN_INTERVAL_S = 10.0


def eye() -> Console:
    """The console for everything that is not a result."""
    return Console(stderr=True, highlight=False)


def note(message: str) -> None:
    """One line on stderr."""
    eye().print(escape(message), soft_wrap=True)


def show_error(error: OcrxError) -> None:
    """``error: where: what; expected`` and ``hint: what to do``."""
    console = eye()
    console.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)
    if error.hint:
        console.print(f"[bold]hint:[/] {escape(error.hint)}", soft_wrap=True)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """A progress callback: a bar with the rate on a terminal, a plain line every ten seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Bar(*columns, console=eye(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _plain_progress(what: str) -> Progress:
    start = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_INTERVAL_S:
            last = now
            note(f"{what}: {done:,}{f'/{total:,}' if total else ''} ({done / (now - start):,.0f}/s)")

    return show
