"""Every error that ocrx raises.

    OcrxError             anything that the user can fix; exit code 1
    ├── ConfigError       a setting, option or name is wrong; exit code 2
    ├── DataError         an image, a label file or a dataset cannot be used
    ├── ModelError        not a model, a newer format, or a head that does not fit
    ├── BackendError      a runtime or device is missing or too small, or an exported model differs from its source
    └── LostProcessError  one of several processes that train together has died

The message says where and what (``train.txt:17: no TAB``); the hint says what to do.
Programming errors are ordinary Python exceptions and keep their traceback. Imports nothing.
"""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """Shorten the message of a library's error, which may have many lines, for a message of ours.

    Args:
        error: The error.

    Returns:
        The first line of its message; the name of its class if it has none.
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class OcrxError(Exception):
    """Base of all errors that the user can fix.

    Attributes:
        message: Where and what: ``train.txt:17: no TAB; expected path<TAB>text``.
        hint: What to do about it, if there is advice.
        exit_code: Exit code of a command that fails with it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(OcrxError):
    """A setting, option, recipe name or override is wrong."""

    exit_code = 2


class DataError(OcrxError):
    """An image, a label file or a dataset cannot be used."""


class ModelError(OcrxError):
    """A model file is missing, damaged, from a newer version, or does not fit."""


class BackendError(OcrxError):
    """A runtime or device is missing or has too little memory, or an exported model differs from its source."""


class LostProcessError(OcrxError):
    """One of several processes that train together has died or no longer responds."""
