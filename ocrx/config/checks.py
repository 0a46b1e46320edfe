"""What settings are checked with, and how an error names what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ocrx.errors import ConfigError


def choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ConfigError(f"{key}: {value!r}; expected one of {', '.join(choices)}", hint=closest(value, choices))


def at_least(key: str, value: float | None, least: float) -> None:
    if value is not None and value < least:
        raise ConfigError(f"{key}: {value}; expected at least {least}")


def closest(word: str, known: Sequence[str]) -> str | None:
    by_folded = {name.casefold(): name for name in known}
    match = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f"did you mean {by_folded[match[0]]}?" if match else None
