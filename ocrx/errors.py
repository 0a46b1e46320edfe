"""Every error a caller of ocrx may meet.

    OcrxError             anything a user can put right; exit code 1
    ├── ConfigError       a setting, option or name is wrong; exit code 2
    ├── DataError         an image, a label file or a dataset cannot be used
    ├── ModelError        not a model, a newer format, or a head that does not fit
    ├── BackendError      a runtime or device is missing or too small, or an exported model disagrees
    └── LostProcessError  one of several processes that train together is gone

The message says where and what (``train.txt:17: no TAB``); the hint says what to do.
Programming errors are ordinary Python exceptions and keep their traceback.
"""

from __future__ import annotations


class OcrxError(Exception):
    """Base of all errors that are the user's to put right."""

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
    """A runtime or device is not available or has too little memory, or an exported model disagrees with its source."""


class LostProcessError(OcrxError):
    """One of several processes that train together is gone, or does not answer any more."""
