"""Patterns of English print: codes, prices, dates, prose.

Each kind is a function of a random source and a vocabulary.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from random import Random

from ocrx.synth import words as w

Kind = Callable[[Random, "Vocabulary"], str]

DIGITS = string.digits
UPPER = string.ascii_uppercase
# Issuers of codes avoid letters that resemble digits, so a round character among digits is a zero.
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Vocabulary:
    """English words: from the built-in list by frequency, and uniformly from a large list if there is one."""

    def __init__(self, large: Sequence[str] = ()) -> None:
        self.large = large

    def word(self, rng: Random) -> str:
        """Choose a word in its natural case, usually lower.

        Args:
            rng: Source of randomness.

        Returns:
            The text.
        """
        if self.large and rng.random() < 0.45:
            return rng.choice(self.large)
        # The power favours the head of the list, like frequencies of words in a language.
        return w.COMMON[int(rng.random() ** 1.7 * len(w.COMMON))]


def digits(rng: Random, count: int) -> str:
    """Generate ``count`` random digits.

    Args:
        rng: Source of randomness.
        count: Number of characters.

    Returns:
        The text.
    """
    return "".join(rng.choices(DIGITS, k=count))


def letters(rng: Random, count: int) -> str:
    """Generate capital letters, as in codes.

    Args:
        rng: Source of randomness.
        count: Number of characters.

    Returns:
        The text.
    """
    return "".join(rng.choices(CODE_LETTERS if rng.random() < 0.9 else UPPER, k=count))


def cased(rng: Random, text: str, upper: float = 0.45, lower: float = 0.08) -> str:
    """Convert a text to upper case with probability ``upper`` and to lower case with ``lower``.

    Args:
        rng: Source of randomness.
        text: The text.
        upper: Probability of upper case.
        lower: Probability of lower case.

    Returns:
        The text.
    """
    dice = rng.random()
    return text.upper() if dice < upper else text.lower() if dice < upper + lower else text


def number(rng: Random) -> str:
    """Generate a whole number of one to four digits.

    Args:
        rng: Source of randomness.

    Returns:
        The text.
    """
    return str(int(10 ** (rng.random() * 4)))


def amount(rng: Random) -> str:
    """Generate a price without its currency.

    Args:
        rng: Source of randomness.

    Returns:
        The text.
    """
    dice = rng.random()
    if dice < 0.1:
        return "0.00"
    whole = int(10 ** (rng.random() * (2.2 if dice < 0.8 else 4.5))) - (dice < 0.25)
    usual = rng.choice(("00", "50", "90", "80", "20", "95", "99", digits(rng, 1) + "0"))
    cents = usual if dice < 0.6 else digits(rng, 2)
    grouped = f"{whole:,}" if rng.random() < 0.7 else str(whole)
    return f"{grouped}.{cents}" if rng.random() < 0.96 else f"{whole}".replace(",", ".") + f",{cents}"


def price(rng: Random, _: Vocabulary) -> str:
    """Generate a price, often with a currency or a mark beside it.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    text = amount(rng)
    dice = rng.random()

    if dice < 0.22:
        text = rng.choice(w.CURRENCIES) + rng.choice(("", "", " ")) + text
    elif dice < 0.30:
        text = "-" + text
    elif dice < 0.36:
        text += rng.choice(("", " ", " ")) + rng.choice(w.PRICE_TAILS)
    elif dice < 0.39:
        text = f"({text})"
    elif dice < 0.43:
        text = rng.choice((": ", ":", "= ", "@ ", "@", "x ", "*")) + text

    return text


def date(rng: Random, _: Vocabulary | None = None) -> str:
    """Generate a date in a numeric form or with the name of the month.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    day, month, year = rng.randint(1, 31), rng.randint(1, 12), rng.randint(1990, 2030)
    dice = rng.random()

    if dice < 0.5:
        sep = rng.choice("///--.")
        shown = f"{year}" if rng.random() < 0.65 else f"{year % 100:02}"
        first, second = (day, month) if rng.random() < 0.8 else (month, day)
        return f"{first:02}{sep}{second:02}{sep}{shown}" if rng.random() < 0.85 else f"{first}{sep}{second}{sep}{shown}"

    if dice < 0.62:
        return f"{year}{(sep := rng.choice('--/.'))}{month:02}{sep}{day:02}"
    name = w.MONTHS[month - 1][: rng.choice((3, 3, 20))]
    if dice < 0.8:
        return cased(rng, f"{day:02}{(sep := rng.choice('  -/'))}{name}{sep}{year}", 0.3, 0.0)
    if dice < 0.9:
        return cased(rng, f"{name} {day}, {year}", 0.2, 0.0)
    return cased(rng, f"{rng.choice(w.DAYS)[: rng.choice((3, 20))]}, {day} {name} {year}", 0.2, 0.0)


def time(rng: Random, _: Vocabulary | None = None) -> str:
    """Generate a time of day.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    hour, minute, second = rng.randrange(24), rng.randrange(60), rng.randrange(60)
    tail = f":{second:02}" if rng.random() < 0.45 else ""
    if rng.random() < 0.3:
        half = "AM" if hour < 12 else "PM"
        half = half if rng.random() < 0.6 else half.lower()
        return f"{(hour % 12) or 12:02}:{minute:02}{tail}{rng.choice(('', ' '))}{half}"
    return f"{hour:02}:{minute:02}{tail}"


def date_time(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate a date with a time, often after a label.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    text = date(rng) + rng.choice((" ", " ", " ", " - ", ", ")) + time(rng)
    dice = rng.random()
    if dice < 0.35:
        return rng.choice(("Date : ", "Date: ", "DATE: ", "Date:", "DATE ", "Date ", "Printed: ", "TIME: ")) + text
    return text + " " + code(rng, vocabulary) if dice < 0.42 else text


def code(rng: Random, _: Vocabulary) -> str:
    """Generate a document, item or member number of a shop: a few letters, then digits, mostly with leading zeros.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    dice = rng.random()
    prefix = letters(rng, rng.randint(1, 4)) if rng.random() < 0.4 else rng.choice(w.CODE_HEADS)
    if dice < 0.2:
        return prefix + rng.choice(("", "", "", "-", "-", " ", ".", "_")) + digits(rng, rng.randint(2, 12))
    if dice < 0.35:
        return prefix + rng.choice(("", "", "-", "#")) + "0" * rng.randint(1, 4) + digits(rng, rng.randint(1, 6))
    if dice < 0.5:
        return "0" * rng.randint(1, 4) + digits(rng, rng.randint(4, 9))
    if dice < 0.62:
        return digits(rng, rng.choice((4, 5, 6, 8, 12, 13)))
    if dice < 0.74:
        sep = rng.choice("-/.")
        tail = f"{sep}{digits(rng, rng.randint(1, 5))}" if dice < 0.68 else ""
        return f"{digits(rng, rng.randint(1, 4))}{sep}{digits(rng, rng.randint(2, 6))}{tail}"

    if dice < 0.84:
        head = letters(rng, rng.randint(1, 3)) + digits(rng, rng.randint(1, 3))
        return f"{head}{rng.choice(('-', '/', ''))}{letters(rng, rng.randint(0, 2))}{digits(rng, rng.randint(1, 5))}"

    if dice < 0.92:
        return f"{digits(rng, rng.randint(5, 7))}-{rng.choice('ADHKMPTUVWX')}"
    return "#" + digits(rng, rng.randint(2, 7)) + rng.choice(("", "", "#"))


def word(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate one word, often with a punctuation mark.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    text = vocabulary.word(rng)
    dice = rng.random()
    text = text if dice < 0.4 else text.capitalize() if dice < 0.68 else text.upper()
    if rng.random() < 0.8:
        return text
    return text + rng.choice((".", ",", ":", ";", "!", "?", "-", "…", "'s", "’s", ")", "”", "™", "®"))


def title(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate two to five words in title case or capitals.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    text = " ".join(vocabulary.word(rng) for _ in range(rng.randint(2, 5)))
    text = text.upper() if rng.random() < 0.45 else " ".join(p[:1].upper() + p[1:] for p in text.split(" "))
    return (
        text if rng.random() < 0.85 else f"{rng.randint(1, 20)}{rng.choice(('.', '.1', '.2', ')', ' –', ' —'))} {text}"
    )


def sentence(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate running text with punctuation, which often starts or ends in mid-sentence.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    parts: list[str] = []
    for _ in range(rng.randint(2, 9)):
        dice = rng.random()
        name = rng.choice(w.LAST_NAMES + w.CITIES) if dice < 0.95 else number(rng)
        part = punctuated(rng, vocabulary.word(rng) if dice < 0.9 else name, vocabulary)
        if parts and parts[-1][-1] in ".?!":
            part = part[:1].upper() + part[1:]
        parts.append(part)

    text = " ".join(parts)
    dice = rng.random()

    if dice < 0.4:
        text = text[:1].upper() + text[1:]
    elif dice < 0.47:
        text = text.upper()

    dice = rng.random()
    return text + "." if dice < 0.2 else text + "-" if dice < 0.27 else text


def punctuated(rng: Random, part: str, vocabulary: Vocabulary) -> str:
    """Add punctuation that may follow or enclose a word.

    Args:
        rng: Source of randomness.
        part: The word.
        vocabulary: Source of words.

    Returns:
        The word with its punctuation.
    """
    dice = rng.random()
    if dice < 0.09:
        return part + ","
    if dice < 0.14:
        return part + rng.choice((".", ".", ".", "?", "!", ";", ":", "…", "..."))
    if dice < 0.17:
        around = ("({})", "“{}”", '"{}"', "‘{}’", "'{}'", "[{}]", "“{}”,", "{}’s", "{}'s", "({}),")
        return rng.choice(around).format(part)
    if dice < 0.18:
        return part + rng.choice((" –", " —", " -", " &", "—{}", "/{}", "-{}")).format(vocabulary.word(rng))
    return part


def technical(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate measures, formulas, versions and code, which use the rare signs of the keyboard.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    a, b, c, d = vocabulary.word(rng), vocabulary.word(rng), rng.choice(UPPER), rng.randint(1, 9)
    year, x, y = rng.randint(1900, 2030), number(rng), number(rng)
    return rng.choice(w.TECHNICAL).format(a=a, b=b, A=a.title(), c=c, d=d, x=x, y=y, year=year).replace("¦", "|")


def random_letters(rng: Random, _: Vocabulary) -> str:
    """Generate random letters and digits, as in captchas, serial numbers and plates.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    upper, lower = UPPER, string.ascii_lowercase
    clear = lower.replace("l", "").replace("o", "")
    mixed = (CODE_LETTERS + DIGITS, clear + DIGITS, CODE_LETTERS + clear + DIGITS)
    pool = rng.choice((*mixed, upper + lower) if rng.random() < 0.8 else (upper + lower + DIGITS,))
    return "".join(rng.choices(pool, k=rng.randint(3, 8)))
