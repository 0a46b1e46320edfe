"""Patterns of names and addresses: companies, persons, streets, phone numbers, mail."""

from __future__ import annotations

from random import Random

from ocrx.synth import words as w
from ocrx.synth.patterns import UPPER, Vocabulary, cased, digits, letters


def company(rng: Random, _: Vocabulary) -> str:
    """Generate the name of a company.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    parts = rng.choices(w.COMPANY_WORDS + w.LAST_NAMES, k=rng.choice((1, 2, 2, 3)))
    if rng.random() < 0.1:
        parts[0] = letters(rng, rng.randint(1, 3)) + rng.choice(("", "", "&" + letters(rng, 1)))
    end = rng.choice(w.COMPANY_ENDS)
    text = cased(rng, " ".join(parts), 0.68, 0.0)
    end = end if text.isupper() or rng.random() < 0.4 else end.title()
    text = f"{text} {end}" if rng.random() < 0.8 else text
    return f"{text} ({digits(rng, 6)}-{rng.choice('ADHKMPTUVWX')})" if rng.random() < 0.08 else text


def person(rng: Random, _: Vocabulary) -> str:
    """Generate the name of a person.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    first, last = rng.choice(w.FIRST_NAMES), rng.choice(w.LAST_NAMES)
    full = ("{0} {1}", "{0} {1}", "{1}, {0}", "Dr. {0} {1}", "{0} {2}. {1}", "{0} & {1}")
    pattern = rng.choice((*full, "{0}", "{1}", "{2}. {1}", "Mr {1}", "Mrs. {1}"))
    return cased(rng, pattern.format(first, last, rng.choice(UPPER)), 0.35, 0.02)


def house(rng: Random) -> str:
    """Generate a house or lot number.

    Args:
        rng: Source of randomness.

    Returns:
        The text.
    """
    n = rng.randint(1, 199)
    plain = (f"{n}", f"No. {n}", f"No {n}", f"NO.{n}", f"Lot {rng.randint(1, 9999)}", f"{n}{rng.choice('ABG')}")
    joined = (f"{n} & {n + 2}", f"{n}&{n + 2}", f"{n}-{n % 5}&{n % 5 + 1}", f"{n}G&{n + 2}G")
    return rng.choice((*plain, f"{n}-{n % 5}", rng.choice(joined), f"Unit {letters(rng, 1)}{n % 9}-{digits(rng, 2)}"))


def malay_road(rng: Random) -> str:
    """Generate a Malaysian street address.

    Args:
        rng: Source of randomness.

    Returns:
        The text.
    """
    place, other = rng.choice(w.MALAY_PLACES), rng.choice(w.MALAY_PLACES)
    tail = rng.choice(("", str(rng.randint(1, 30)), f"{rng.randint(1, 20)}/{rng.randint(1, 60)}", other))
    road = f"{rng.choice(('Jalan', 'Jalan', 'Jln', 'Lorong', 'Persiaran'))} {place} {tail}".strip()
    return rng.choice((f"{house(rng)}, {road}", f"{house(rng)} {road},", road, road + ","))


def address(rng: Random, _: Vocabulary) -> str:
    """Generate a line of an address.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    dice = rng.random()
    place = rng.choice(w.MALAY_PLACES)

    if dice < 0.25:
        text = malay_road(rng)
    elif dice < 0.4:
        second = rng.choice(("", " " + rng.choice(w.MALAY_PLACES)))
        text = f"{rng.choice(w.MALAY_AREAS)} {place}{second}"
    elif dice < 0.6:
        text = f"{digits(rng, 5)} {rng.choice((place, rng.choice(w.MALAY_STATES), rng.choice(w.MALAY_STATES)))}"
    elif dice < 0.66:
        text = rng.choice(w.MALAY_STATES)
    elif dice < 0.85:
        door = house(rng) if rng.random() < 0.3 else str(rng.randint(1, 9999))
        text = f"{door} {rng.choice(w.STREETS)} {rng.choice(w.STREET_KINDS)}"
    elif dice < 0.95:
        text = f"{rng.choice(w.CITIES)}, {rng.choice(w.STATES)} {digits(rng, 5)}"
    else:
        text = f"{letters(rng, 2)}{rng.randint(1, 20)} {rng.randint(1, 9)}{letters(rng, 2)}"

    if rng.random() < 0.25:
        text += rng.choice((f", {rng.choice(w.MALAY_STATES)}", f", {place}", ",", ",", "."))
    return cased(rng, text, 0.62, 0.0)


def phone(rng: Random, _: Vocabulary) -> str:
    """Generate a phone number.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    dice = rng.random()
    if dice < 0.45:
        body = f"0{rng.randint(1, 9)}{rng.choice(('-', '-', ' ', ' - '))}{digits(rng, rng.choice((7, 8)))}"
    elif dice < 0.6:
        body = f"0{rng.randint(1, 9)}-{digits(rng, 4)} {digits(rng, 4)}"
    elif dice < 0.7:
        country, area = rng.choice(("60", "1", "44", "49", "65", "33")), rng.randint(1, 99)
        body = f"+{country} {area}{rng.choice('- ')}{digits(rng, 4)} {digits(rng, 4)}"
    elif dice < 0.8:
        body = f"({digits(rng, 3)}) {digits(rng, 3)}-{digits(rng, 4)}"
    elif dice < 0.9:
        body = f"1-{rng.choice(('300', '800', '700'))}-{digits(rng, 2)}-{digits(rng, 4)}"
    else:
        body = f"{digits(rng, 3)}-{digits(rng, 7)}"

    if rng.random() < 0.55:
        body = rng.choice(w.PHONE_HEADS) + rng.choice((" ", " ", "")) + body
    return f"({body})" if rng.random() < 0.04 else body


def mail(rng: Random, _: Vocabulary) -> str:
    """Generate an e-mail address or a web address.

    Args:
        rng: Source of randomness.
        _: Not used; all patterns take the same arguments.

    Returns:
        The text.
    """
    end = rng.choice((".com", ".com.my", ".org", ".net", ".de", ".co.uk", ".io", ".my", ".edu"))
    site = rng.choice(w.COMPANY_WORDS + w.LAST_NAMES).lower().replace("'", "") + end

    if rng.random() < 0.5:
        last = rng.choice((rng.choice(w.LAST_NAMES).lower().replace("'", ""), digits(rng, 2), ""))
        user = rng.choice(w.FIRST_NAMES).lower() + rng.choice(("", ".", "_", "-")) + last
        text = rng.choice(("", "", "Email: ", "E-mail: ", "email : ", "EMAIL: ")) + f"{user.strip('._-')}@{site}"
    else:
        one, two = rng.choice(w.COMMON), rng.choice(w.COMMON)
        paths = (f"/{one}", f"/{one}/{digits(rng, 3)}", f"/?{one}={digits(rng, 2)}", f"/~{one}_{two}.html")
        path = rng.choice(paths) if rng.random() < 0.5 else ""
        text = rng.choice(("www.", "www.", "http://", "https://", "http://www.")) + site + path

    return cased(rng, text, 0.12, 0.0)
