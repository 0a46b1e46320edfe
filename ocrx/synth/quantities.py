"""Numbers, money, dates and times in the formats of a language.

Each kind is a function of a random source, a language and a length, which these short texts ignore.
"""

from __future__ import annotations

import re
import string
from random import Random

from ocrx.synth import words as w
from ocrx.synth.languages import Language

_BEFORE_NUMBERS = ("-", "–", "+", "±", "≈ ", "> ", "< ", "= ", "~", "#", "№ ", "§ ", "v", "× ", "")
_NUMBER_FORMS = (
    *("{0}:{1}", "{0} x {1}", "{0}×{1}", "{0}/{1}", "{0}²", "{0}³", "{0}½"),
    *("({0})", "{0}.", "{0}ª", "{0}º"),
)
# Day, month, year and the last two digits of the year.
_NUMERIC_DATES = (
    *("{0}.{1}.{2}", "{0:02}.{1:02}.{2}", "{0:02}/{1:02}/{2}", "{2}-{1:02}-{0:02}", "{0}. {1}. {2}"),
    *("{0}/{1}/{3:02}", "{1}/{0}/{2}", "{0:02}-{1:02}-{2}"),
)
_DATE_FIELD = re.compile(r"'([^']*)'|([a-zA-Z])\2*")  # of a CLDR pattern: quoted text, or a letter repeated
_RANGES = ("–", "-", "-", " – ", " - ", "/", "—", "...")


def number(rng: Random, language: Language, _: int) -> str:
    """Generate a count, a measure, a share, a range or a version.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    dice = rng.random()
    whole = int(10 ** (rng.random() * (3 if dice < 0.5 else 7)))
    decimals = "".join(rng.choices(string.digits, k=rng.choice((1, 2, 2, 2, 3))))
    if dice < 0.28:
        return _grouped(rng, language, whole)
    if dice < 0.5:
        return _grouped(rng, language, whole) + language.decimal + decimals
    if dice < 0.62:
        value = f"{whole}{language.decimal}{decimals}" if rng.random() < 0.5 else str(whole)
        return value + rng.choice((" ", " ", "")) + rng.choice(w.MEASURES)

    if dice < 0.72:
        share = f"{rng.random() * 100:.{rng.choice((0, 0, 1, 2))}f}".replace(".", language.decimal)
        return share + rng.choice(("%", " %"))

    if dice < 0.8:
        low = rng.randint(1, 1990)
        return f"{low}{rng.choice(_RANGES)}{low + rng.randint(1, 60)}"

    if dice < 0.88:
        return rng.choice(_BEFORE_NUMBERS) + str(whole)
    if dice < 0.95:
        return ".".join(str(rng.randint(0, 255)) for _ in range(rng.choice((2, 3, 3, 4))))
    return rng.choice(_NUMBER_FORMS).format(rng.randint(1, 1999), rng.randint(1, 1200))


def money(rng: Random, language: Language, _: int) -> str:
    """Generate an amount with its currency.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    amount = _grouped(rng, language, int(10 ** (rng.random() * 6)))
    if rng.random() < 0.85:
        amount += language.decimal + f"{rng.randrange(100):02}"
    if rng.random() < 0.06:
        amount = "-" + amount

    sign = rng.choice(language.currencies if rng.random() < 0.75 else ("€", "$", "£", "¥", "EUR", "USD", "CHF"))
    space = rng.choice((" ", ""))
    return f"{sign}{space}{amount}" if language.currency_first or rng.random() < 0.1 else f"{amount} {sign}"


def date(rng: Random, language: Language, _: int) -> str:
    """Generate a date in one of the language's own formats, or in a numeric one.

    Args:
        rng: Source of randomness.
        language: The language of the text.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1900, 2039)
    if rng.random() < 0.5:
        return rng.choice(_NUMERIC_DATES).format(day, month, year, year % 100)
    fields = {
        "EEEE": rng.choice(language.days), "MMMM": language.months[month - 1], "MMM": language.short_months[month - 1],
        "MM": f"{month:02}", "M": str(month), "dd": f"{day:02}", "d": str(day),
        "yy": f"{year % 100:02}", "y": str(year),
    }  # fmt: skip
    return _DATE_FIELD.sub(lambda field: field[1] or fields.get(field[0], ""), rng.choice(language.dates))


def time(rng: Random, _: Language, __: int) -> str:
    """Generate a time of day.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.
        __: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    hour, minute = rng.randrange(24), rng.randrange(60)
    tail = rng.choice(("", "", f":{rng.randrange(60):02}", " h", " Uhr", " AM", " PM"))
    return f"{hour:02}{rng.choice((':', ':', ':', '.'))}{minute:02}{tail}"


def _grouped(rng: Random, language: Language, whole: int) -> str:
    """Format a whole number with the language's thousands separator, or with another one."""
    sign = language.group if rng.random() < 0.8 else rng.choice((" ", "", ".", ","))
    return f"{whole:,}".replace(",", sign)
