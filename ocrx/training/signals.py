"""Turns SIGINT and SIGTERM into a flag that the training loop checks after each update."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def catch_signals(*, ignore_repeats: bool = False) -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a flag while the context is open.

    Args:
        ignore_repeats: Only record every signal. By default the second signal has its usual effect. One of several
            processes may receive the same signal twice, from the terminal and from its parent process.

    Yields:
        A function that says whether a signal has arrived.
    """
    received: list[int] = []
    old: dict[int, Any] = {}

    def note(number: int, frame: object) -> None:
        received.append(number)
        if not ignore_repeats:
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
