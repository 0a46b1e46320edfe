"""SIGINT and SIGTERM as a question that the loop asks after each update."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def catch_signals(*, patient: bool = False) -> Iterator[Callable[[], bool]]:
    """A question that turns true on SIGINT or SIGTERM; a second signal acts as usual.

    ``patient``: every signal is only noted. One of several processes may get the same wish twice, from the terminal
    and from the process that started it.
    """
    received: list[int] = []
    old: dict[int, Any] = {}

    def note(number: int, frame: object) -> None:
        received.append(number)
        if not patient:
            signal.signal(number, old[number])

    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            old[number] = signal.signal(number, note)
    except ValueError:
        pass  # not the main thread: the caller handles its own signals
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
