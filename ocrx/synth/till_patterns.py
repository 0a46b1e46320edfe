"""Patterns of till receipts: fields, products, quantities, phrases and card numbers."""

from __future__ import annotations

from random import Random

from ocrx.synth import words as w
from ocrx.synth.contact_patterns import person
from ocrx.synth.patterns import (
    Vocabulary,
    amount,
    cased,
    code,
    date,
    digits,
    letters,
    price,
    time,
)


def registration(rng: Random, _: Vocabulary) -> str:
    """Generate a company or tax number.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    company_number = f"{digits(rng, 6)}-{rng.choice('ADHKMPTUVWX')}"
    long_number = f"00{digits(rng, 10)}"
    european = rng.choice(("DE", "GB", "")) + digits(rng, 9)
    number_ = rng.choice((long_number, long_number, company_number, european))
    name = rng.choice(w.REGISTRATIONS)
    text = name + rng.choice((": ", " : ", ":", " ", ". ", ". : ")) + number_
    return text + ")" if name.startswith("(") else text if rng.random() < 0.85 else f"({number_})"


def label(rng: Random, _: Vocabulary) -> str:
    """Generate the name of a field on a till receipt.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    text = cased(rng, rng.choice(w.RECEIPT), 0.42, 0.02)
    return text + rng.choice(("", "", "", "", ":", " :", ":", ".", " #", "#", " (RM)", "(RM)", " ($)", "*"))


def pair(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate a field with its value.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    name = cased(rng, rng.choice(w.RECEIPT), 0.42, 0.02)
    value = rng.choice((price, price, price, date, time, code, code, count, person, percent))(rng, vocabulary)
    return name + rng.choice((" ", " : ", ": ", ":", ": ", " : ", " ", " = ", ". ", "#", " # ", " - ")) + value


def count(rng: Random, _: Vocabulary) -> str:
    """Generate a quantity, alone or with a unit or a price.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    value = str(rng.choice((0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 24, rng.randint(1, 400))))
    dice = rng.random()
    if dice < 0.5:
        return value
    if dice < 0.6:
        return f"{value}{rng.choice((' ', ''))}{rng.choice(w.UNITS)}"
    if dice < 0.75:
        return f"{value}{rng.choice((' x ', ' X ', 'x', ' @ ', '@', ' * ', ' × '))}{amount(rng)}"
    if dice < 0.85:
        return value + rng.choice((" x", "x", " X", ".", ")", " @", ".00", ".000", "."))
    forms = (f"{value}.00", f"x{value}", f"X {value}", f"{rng.random() * 9:.3f}", f"({value})", f": {value}")
    others = (f"{value}/{rng.randint(2, 30)}", f"#{value}", f"{value:0>2}", f"{value:0>4}")

    return rng.choice(forms + others)


def percent(rng: Random, _: Vocabulary) -> str:
    """Generate a tax or discount rate.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    value = rng.choice(("6", "6", "0", "0", "5", "10", "7", "19", "20", "50", "100", f"{rng.random() * 40:.1f}"))
    return rng.choice(w.PERCENTS).format(value)


def item(rng: Random, _: Vocabulary) -> str:
    """Generate a product, as printed by a till.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    parts = [rng.choice(w.PRODUCTS) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    if rng.random() < 0.5:
        parts.insert(0, rng.choice(w.PRODUCT_ADJECTIVES))
    if rng.random() < 0.2:
        parts.insert(0, rng.choice(w.COMPANY_WORDS + w.LAST_NAMES))
    parts += item_tail(rng, _)
    text = rng.choice((" ", " ", " ", " ", "/", "-", "+", " & ")).join(parts[:2]) + "".join(" " + p for p in parts[2:])

    if rng.random() < 0.15:
        number_ = rng.randint(1, 20)
        text = (
            rng.choice(("*", "-", "+", "1. ", f"{number_} ", f"{number_}x ", f"{digits(rng, 4)} ", f"{number_}) "))
            + text
        )

    return cased(rng, text, 0.62, 0.03)


def item_tail(rng: Random, vocabulary: Vocabulary) -> list[str]:
    """Generate size, variant, measures or number of a product, or nothing.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The parts, in order.
    """
    dice = rng.random()
    if dice < 0.3:
        weight = str(rng.choice((50, 100, 150, 200, 250, 300, 330, 400, 500, 750, 1000)))
        size = rng.choice((str(rng.randint(1, 30)), weight, f"{rng.random() * 5:.1f}"))
        return [size + rng.choice(("", "", " ")) + rng.choice(w.UNITS)]

    if dice < 0.38:
        variant = rng.choice(w.VARIANTS)
        return [rng.choice(("({})", "-{}", "/{}", "({})")).format(variant)]

    if dice < 0.46:
        unit = rng.choice(("", "", "MM", "CM", "S", "'S"))
        return [f"{rng.randint(1, 120)}{rng.choice('xX*/')}{rng.randint(1, 120)}{unit}"]

    return [code(rng, vocabulary)] if dice < 0.54 else []


def item_line(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate a product with its price or quantity.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    return f"{item(rng, vocabulary)} {rng.choice((price, count, amount_line))(rng, vocabulary)}"


def amount_line(rng: Random, vocabulary: Vocabulary) -> str:
    """Generate quantity, unit price and total.

    Args:
        rng: Source of randomness.
        vocabulary: Source of words.

    Returns:
        The text.
    """
    return f"{rng.randint(1, 20)} {rng.choice(('x ', 'X ', '@ ', '', '* '))}{amount(rng)} {price(rng, vocabulary)}"


def phrase(rng: Random, _: Vocabulary) -> str:
    """Generate a polite or legal phrase, as printed by a till.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    text = rng.choice(w.PHRASES)
    dice = rng.random()
    text = text.upper() if dice < 0.5 else text.title() if dice < 0.65 else text.capitalize() if dice < 0.95 else text
    text += rng.choice(("", "", "", ".", "!", "!!", ".", ",", "..."))
    return f"*{text}*" if rng.random() < 0.03 else f"** {text} **" if rng.random() < 0.03 else text


def header(rng: Random, _: Vocabulary) -> str:
    """Generate a row of column names.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    return cased(rng, " ".join(rng.sample(w.RECEIPT, rng.randint(2, 3))), 0.4, 0.0)


def card(rng: Random, _: Vocabulary) -> str:
    """Generate a card number, partly masked.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    mask, last = rng.choice("Xx**"), digits(rng, 4)
    groups = [digits(rng, 4) for _ in range(3)]
    hidden = (f"{mask * 4} {mask * 4} {mask * 4} {last}", f"{mask * 12}{last}", f"{digits(rng, 6)}{mask * 6}{last}")
    return rng.choice((*hidden, " ".join([*groups, last]), "-".join(groups)))


def very_short(rng: Random, _: Vocabulary) -> str:
    """Generate a tax mark, a single digit or a sign between columns.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    if rng.random() < 0.3:
        return rng.choice(
            (digits(rng, rng.randint(1, 3)), letters(rng, 1), letters(rng, 1) + digits(rng, rng.randint(1, 3)))
        )
    return rng.choice(w.STUBS)
