"""Locks a folder during a review, so that two processes never write to the same journal."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from ocrx.errors import DataError

LOCK_FILE = "lock"


def lock_folder(state_dir: Path) -> FileLock:
    """Take the lock.

    Args:
        state_dir: The review's own folder; it is created.

    Returns:
        The lock, which is released at the latest when the process ends.

    Raises:
        DataError: If another process has it, or the folder cannot be written.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(state_dir / LOCK_FILE, thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        hint = "open a second window of that review instead, or end it with Ctrl-C"
        raise DataError(f"{state_dir.parent}: is being reviewed by another process", hint=hint) from None
    except OSError as problem:
        message = f"{state_dir}: cannot be written ({problem.strerror or problem})"
        hint = "the review writes beside the labels: copy the dataset to a disk where you may write"
        raise DataError(message, hint=hint) from None

    return lock
