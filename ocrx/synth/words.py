"""The word lists and patterns of the synthetic texts, read from ``words.txt`` when they are first needed.

Each section of the file is an attribute of this module: ``words.COMMON`` is a tuple of strings.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

FILE = "words.txt"
_SECTION = re.compile(r"\[([A-Z_]+)\]")

COMMON: tuple[str, ...]
MONTHS: tuple[str, ...]
DAYS: tuple[str, ...]
CURRENCIES: tuple[str, ...]
VARIANTS: tuple[str, ...]
FIRST_NAMES: tuple[str, ...]
LAST_NAMES: tuple[str, ...]
STREETS: tuple[str, ...]
STREET_KINDS: tuple[str, ...]
MALAY_PLACES: tuple[str, ...]
MALAY_AREAS: tuple[str, ...]
MALAY_STATES: tuple[str, ...]
CITIES: tuple[str, ...]
STATES: tuple[str, ...]
COMPANY_WORDS: tuple[str, ...]
COMPANY_ENDS: tuple[str, ...]
PRODUCTS: tuple[str, ...]
PRODUCT_ADJECTIVES: tuple[str, ...]
UNITS: tuple[str, ...]
RECEIPT: tuple[str, ...]
PHRASES: tuple[str, ...]
REGISTRATIONS: tuple[str, ...]
CODE_HEADS: tuple[str, ...]
PHONE_HEADS: tuple[str, ...]
PRICE_TAILS: tuple[str, ...]
PERCENTS: tuple[str, ...]
STUBS: tuple[str, ...]
TECHNICAL: tuple[str, ...]
IDENTIFIERS: tuple[str, ...]
FILE_ENDINGS: tuple[str, ...]
DOMAIN_ENDINGS: tuple[str, ...]
CODE: tuple[str, ...]
MEASURES: tuple[str, ...]


def __getattr__(name: str) -> tuple[str, ...]:
    """A section of the file by its name."""
    try:
        return sections()[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


@cache
def sections() -> dict[str, tuple[str, ...]]:
    """Read all sections of the file.

    Returns:
        Words by section name.
    """
    found: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in (files("ocrx.synth") / FILE).read_text(encoding="utf-8").splitlines():
        header = _SECTION.fullmatch(line)
        if header:
            entries = found.setdefault(header[1], [])
        elif found:
            entries.append(line)
    return {name: tuple(entries) for name, entries in found.items()}
