"""Converts form fields of a request to decoding options, and keeps readers with these options."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ocrx.config import DecodeOptions
from ocrx.errors import ConfigError, DataError
from ocrx.inference.recognizer import Recognizer
from ocrx.schema import accepts_text, build
from ocrx.serving.listening import HttpError

# A language model is a file, and a request must not name files on the server.
DECODE_FIELDS = tuple(field.name for field in fields(DecodeOptions) if not field.name.startswith("lm"))

MAX_BEAM = 100
"""Maximum beam width of a request: one of thousands would occupy a worker for minutes."""

_READERS = 8  # decoders kept for requests with the same options; a large lexicon takes hundreds of MB


def decode_options(values: Mapping[str, str]) -> DecodeOptions:
    """Validate the decoding options of a form.

    Args:
        values: Values of some of ``DECODE_FIELDS``, as text; ``lexicon`` holds its entries, one per line.

    Returns:
        The options.

    Raises:
        HttpError: A value is invalid.
    """
    plain: dict[str, Any] = {}
    for name, text in values.items():
        if name != "lexicon":
            plain[name] = text if accepts_text(DecodeOptions, name) else _number(name, text)
    try:
        options = build(DecodeOptions, plain, error=ConfigError)
    except ConfigError as error:
        raise wrong_option(error) from None
    if (options.beam or 1) > MAX_BEAM:
        raise HttpError(400, "wrong_option", f"beam: {options.beam}; expected at most {MAX_BEAM} in a request")
    if "lexicon" not in values:
        return options

    entries = tuple(line for line in values["lexicon"].splitlines() if line)
    if not entries:
        raise HttpError(400, "wrong_option", "lexicon: empty; expected one entry per line")
    return replace(options, lexicon=entries)


def flag(name: str, text: str) -> bool:
    """Parse a boolean.

    Args:
        name: The field.
        text: Its value.

    Returns:
        The value.

    Raises:
        HttpError: It is neither.
    """
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise HttpError(400, "wrong_option", f"{name}: {text[:40]!r}; expected true or false")
    return values[text.lower()]


def wrong_option(error: ConfigError | DataError) -> HttpError:
    """Convert an error about an option to an HTTP error.

    Args:
        error: The error.

    Returns:
        The HTTP error.
    """
    return HttpError(400, "wrong_option", f"{error.message}; {error.hint}" if error.hint else error.message)


def _number(name: str, text: str) -> int | float | str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


class Readers:
    """Keeps the most recent readers, one per set of options: requests with the same options share batches."""

    def __init__(self, recognizer: Recognizer) -> None:
        """Wrap the recognizer of the server.

        Args:
            recognizer: Reads requests without options.
        """
        self._recognizer = recognizer
        self._lock = threading.Lock()
        self._kept: OrderedDict[DecodeOptions, Recognizer] = OrderedDict()

    def get(self, options: DecodeOptions) -> Recognizer:
        """Find or create a reader; creating one may take a while.

        Args:
            options: Decoding options.

        Returns:
            The reader.

        Raises:
            HttpError: Nothing satisfies the options.
        """
        with self._lock:
            if options in self._kept:
                self._kept.move_to_end(options)
                return self._kept[options]
        try:
            reader = self._recognizer.with_options(options)
        except (ConfigError, DataError) as error:
            raise wrong_option(error) from None

        with self._lock:
            reader = self._kept.setdefault(options, reader)
            while len(self._kept) > _READERS:
                self._kept.popitem(last=False)
        return reader
