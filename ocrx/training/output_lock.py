"""One training per output folder: a lock file that names the process that holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ocrx.errors import DataError, OcrxError
from ocrx.files import read_json
from ocrx.process import is_running
from ocrx.results import LOCK_FILE

WRITING_SECONDS = 1.0
"""How long a lock without content counts as one that is being written."""


@dataclass(frozen=True)
class _Holder:
    """The process that holds a lock; ``started`` distinguishes it from a later process with the same id."""

    pid: int
    host: str
    started: str


@contextmanager
def locked_output(output: Path) -> Iterator[None]:
    """Hold the lock of an output folder, which is created if needed.

    A lock is stale, and replaced, if its process ran on this machine and has ended. A folder that was created here and
    is still empty at the end is removed.

    Args:
        output: The output folder of a training.

    Yields:
        Nothing; the lock is held inside the context.

    Raises:
        DataError: If another training holds the lock, or the folder cannot be written to.
    """
    existed = output.exists()
    lock = output / LOCK_FILE
    try:
        output.mkdir(parents=True, exist_ok=True)
        _acquire(lock)
    except OSError as error:
        raise DataError(f"{output}: cannot be written to ({error.strerror})") from None

    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        if not existed:
            with suppress(OSError):  # not empty: that is the usual case
                output.rmdir()


def _acquire(lock: Path) -> None:
    own = _Holder(os.getpid(), socket.gethostname(), _started(os.getpid()))
    for _ in range(10):
        try:
            _create(lock, json.dumps(asdict(own)).encode())
        except FileExistsError:
            _remove_if_stale(lock)
        else:
            return

    raise DataError(f"{lock}: other trainings keep taking the lock", hint="choose another --output")


def _create(lock: Path, content: bytes) -> None:
    """Create the lock, or raise FileExistsError.

    It is written under another name first, so that no one reads half a lock. Where the disk knows no hard links
    (exFAT, some network mounts), it appears empty and is written at once; see ``_read``.
    """
    partial = lock.with_name(f"{lock.name}.{uuid.uuid4().hex[:8]}")
    partial.write_bytes(content)
    try:
        os.link(partial, lock)
        return
    except FileExistsError:
        raise
    except OSError:
        pass  # no hard links; a disk that cannot be written to has failed above
    finally:
        partial.unlink()

    with lock.open("xb") as file:
        file.write(content)


def _remove_if_stale(lock: Path) -> None:
    holder = _read(lock)
    if holder is not None and _is_running(holder):
        raise DataError(
            f"{lock.parent}: a training runs here (process {holder.pid} on {holder.host})",
            hint=f"wait for it or choose another --output; if it no longer runs, remove {lock}",
        )
    # Renaming succeeds for one of several processes that find the same stale lock.
    aside = lock.with_name(f"{lock.name}.{uuid.uuid4().hex[:8]}")
    with suppress(FileNotFoundError):
        lock.rename(aside)
        aside.unlink()


def _read(lock: Path) -> _Holder | None:
    """Who holds the lock; None if it was removed meanwhile or is no lock of ocrx."""
    deadline = time.monotonic() + WRITING_SECONDS
    while True:
        try:
            return _Holder(**read_json(lock))
        except (OcrxError, TypeError):
            if not lock.exists() or time.monotonic() > deadline:
                return None
        time.sleep(0.05)


def _is_running(holder: _Holder) -> bool:
    """Whether the process still runs; a process of another machine cannot be checked and counts as running."""
    if holder.host != socket.gethostname() or sys.platform == "win32":
        return True
    return is_running(holder.pid) and _started(holder.pid) == holder.started


def _started(pid: int) -> str:
    """Start time of a process in the system's units; empty if it has ended or the system does not report it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]  # a zombie has ended, but its parent has not collected it
