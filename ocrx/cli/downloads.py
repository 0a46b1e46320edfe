"""Shows downloads: one line that says what is fetched, and its progress on a terminal."""

from __future__ import annotations

import logging
import sys

from ocrx.cli import console

_MEGABYTE = 1_000_000


class _DownloadHandler(logging.Handler):
    """Writes the messages of ``ocrx.zoo`` to stderr, and its progress into a line that is rewritten."""

    def emit(self, record: logging.LogRecord) -> None:
        done, total = getattr(record, "done", None), getattr(record, "total", None)
        if done is None:
            if record.levelno >= logging.INFO:
                console.info(record.getMessage())
        elif sys.stderr.isatty():
            share = f"{done / total:4.0%} of {total / _MEGABYTE:.1f} MB" if total else f"{done / _MEGABYTE:.1f} MB"
            sys.stderr.write(f"\r{share}{chr(10) if done == total else ''}")
            sys.stderr.flush()


def show_downloads() -> None:
    """Show downloads from now on; a second call changes nothing."""
    logger = logging.getLogger("ocrx.zoo")
    if not any(isinstance(handler, _DownloadHandler) for handler in logger.handlers):
        logger.addHandler(_DownloadHandler())
        logger.setLevel(logging.DEBUG)
