"""Texts that look like real English print: receipt fields, addresses, codes, prices, prose. Pure functions of a random source."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from random import Random

from ocrx.synth import words as w

Kind = Callable[[Random, "Vocabulary"], str]

DIGITS = string.digits
UPPER = string.ascii_uppercase
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
CURRENCIES = ("RM", "RM ", "RM", "$", "$", "€", "£", "¥", "USD ", "MYR ", "S$", "EUR ", "Rp ", "₹")


class Vocabulary:
    """Words to draw from: the built-in list by frequency, and a large list, if there is one, uniformly."""

    def __init__(self, large: Sequence[str] = ()) -> None:
        self.large = large

    def word(self, rng: Random) -> str:
        """One word in its natural case, usually lower."""
        if self.large and rng.random() < 0.45:
            return rng.choice(self.large)
        # squaring favours the head of the list, as language does
        return w.COMMON[int(rng.random() ** 1.7 * len(w.COMMON))]


def digits(rng: Random, count: int) -> str:
    return "".join(rng.choices(DIGITS, k=count))


def letters(rng: Random, count: int) -> str:
    return "".join(rng.choices(UPPER, k=count))


def cased(rng: Random, text: str, upper: float = 0.45, lower: float = 0.08) -> str:
    """Upper case with probability ``upper``, lower with ``lower``, else as it is."""
    dice = rng.random()
    return text.upper() if dice < upper else text.lower() if dice < upper + lower else text


def number(rng: Random) -> str:
    return str(int(10 ** (rng.random() * 4)))


def amount(rng: Random) -> str:
    """A price without its currency."""
    dice = rng.random()
    if dice < 0.1:
        return "0.00"
    whole = int(10 ** (rng.random() * (2.2 if dice < 0.8 else 4.5))) - (dice < 0.25)
    cents = rng.choice(("00", "50", "90", "80", "20", "95", "99", digits(rng, 1) + "0")) if dice < 0.6 else digits(rng, 2)
    grouped = f"{whole:,}" if rng.random() < 0.7 else str(whole)
    return f"{grouped}.{cents}" if rng.random() < 0.96 else f"{whole}".replace(",", ".") + f",{cents}"


def price(rng: Random, _: Vocabulary) -> str:
    text = amount(rng)
    dice = rng.random()
    if dice < 0.22:
        text = rng.choice(CURRENCIES) + text
    elif dice < 0.30:
        text = "-" + text
    elif dice < 0.36:
        text += rng.choice((" SR", " S", "SR", " ZRL", " Z", " T", "T", "-", " *", "*", " SRM", " RM", " €", " A", " B", " TX", "E"))
    elif dice < 0.39:
        text = f"({text})"
    elif dice < 0.43:
        text = rng.choice((": ", ":", "= ", "@ ", "@", "x ", "*")) + text
    return text


def date(rng: Random, _: Vocabulary | None = None) -> str:
    day, month, year = rng.randint(1, 31), rng.randint(1, 12), rng.randint(1990, 2030)
    dice = rng.random()
    if dice < 0.5:
        sep = rng.choice("///--.")
        shown = f"{year}" if rng.random() < 0.65 else f"{year % 100:02}"
        first, second = (day, month) if rng.random() < 0.8 else (month, day)
        return f"{first:02}{sep}{second:02}{sep}{shown}" if rng.random() < 0.85 else f"{first}{sep}{second}{sep}{shown}"
    if dice < 0.62:
        return f"{year}{(sep := rng.choice('--/.'))}{month:02}{sep}{day:02}"
    name = MONTHS[month - 1][: rng.choice((3, 3, 20))]
    if dice < 0.8:
        return cased(rng, f"{day:02}{(sep := rng.choice('  -/'))}{name}{sep}{year}", 0.3, 0.0)
    if dice < 0.9:
        return cased(rng, f"{name} {day}, {year}", 0.2, 0.0)
    return cased(rng, f"{rng.choice(DAYS)[: rng.choice((3, 20))]}, {day} {name} {year}", 0.2, 0.0)


def time(rng: Random, _: Vocabulary | None = None) -> str:
    hour, minute, second = rng.randrange(24), rng.randrange(60), rng.randrange(60)
    tail = f":{second:02}" if rng.random() < 0.45 else ""
    if rng.random() < 0.3:
        half = "AM" if hour < 12 else "PM"
        half = half if rng.random() < 0.6 else half.lower()
        return f"{(hour % 12) or 12:02}:{minute:02}{tail}{rng.choice(('', ' '))}{half}"
    return f"{hour:02}:{minute:02}{tail}"


def moment(rng: Random, vocabulary: Vocabulary) -> str:
    text = date(rng) + rng.choice((" ", " ", " ", " - ", ", ")) + time(rng)
    dice = rng.random()
    if dice < 0.35:
        return rng.choice(("Date : ", "Date: ", "DATE: ", "Date:", "DATE ", "Date ", "Printed: ", "TIME: ")) + text
    return text + " " + code(rng, vocabulary) if dice < 0.42 else text


def phone(rng: Random, _: Vocabulary) -> str:
    dice = rng.random()
    if dice < 0.45:
        body = f"0{rng.randint(1, 9)}{rng.choice(('-', '-', ' ', ' - '))}{digits(rng, rng.choice((7, 8)))}"
    elif dice < 0.6:
        body = f"0{rng.randint(1, 9)}-{digits(rng, 4)} {digits(rng, 4)}"
    elif dice < 0.7:
        body = f"+{rng.choice(('60', '1', '44', '49', '65', '33'))} {rng.randint(1, 99)}{rng.choice('- ')}{digits(rng, 4)} {digits(rng, 4)}"
    elif dice < 0.8:
        body = f"({digits(rng, 3)}) {digits(rng, 3)}-{digits(rng, 4)}"
    elif dice < 0.9:
        body = f"1-{rng.choice(('300', '800', '700'))}-{digits(rng, 2)}-{digits(rng, 4)}"
    else:
        body = f"{digits(rng, 3)}-{digits(rng, 7)}"
    if rng.random() < 0.55:
        body = rng.choice(("Tel: ", "TEL: ", "Tel : ", "TEL:", "Tel.", "TEL ", "Fax: ", "FAX:", "H/P: ", "Phone: ", "Telephone: ", "T: ", "Hotline: ")) + body
    return f"({body})" if rng.random() < 0.04 else body


def code(rng: Random, _: Vocabulary) -> str:
    """Document, item and member numbers as shops print them: a few letters, then digits that mostly lead with zeros."""
    dice = rng.random()
    prefix = rng.choice(("INV", "CS", "SI", "R", "V", "A", "B", "C", "PO", "DO", "S", "T", "TX", "OR", "CR", "M", "P", "IV", letters(rng, 1), letters(rng, 2)))
    if dice < 0.2:
        return prefix + rng.choice(("", "-", "", " ")) + digits(rng, rng.randint(3, 8))
    if dice < 0.35:
        return prefix + rng.choice(("", "-")) + "0" * rng.randint(1, 4) + digits(rng, rng.randint(2, 5))
    if dice < 0.5:
        return "0" * rng.randint(1, 4) + digits(rng, rng.randint(4, 9))
    if dice < 0.62:
        return digits(rng, rng.choice((4, 5, 6, 8, 12, 13)))
    if dice < 0.74:
        return f"{digits(rng, rng.randint(1, 4))}{(sep := rng.choice('-/.'))}{digits(rng, rng.randint(2, 6))}" + (f"{sep}{digits(rng, rng.randint(1, 5))}" if dice < 0.68 else "")
    if dice < 0.84:
        return f"{letters(rng, rng.randint(1, 3))}{digits(rng, rng.randint(1, 3))}{rng.choice(('-', '/', ''))}{letters(rng, rng.randint(0, 2))}{digits(rng, rng.randint(1, 5))}"
    if dice < 0.92:
        return f"{digits(rng, rng.randint(5, 7))}-{rng.choice('ADHKMPTUVWX')}"
    return "#" + digits(rng, rng.randint(2, 7)) + rng.choice(("", "", "#"))


def registration(rng: Random, _: Vocabulary) -> str:
    """Company and tax numbers."""
    number_ = rng.choice((f"00{digits(rng, 10)}", f"00{digits(rng, 10)}", f"{digits(rng, 6)}-{rng.choice('ADHKMPTUVWX')}", digits(rng, 9), f"DE{digits(rng, 9)}", f"GB{digits(rng, 9)}"))
    name = rng.choice(
        ("GST ID", "GST NO", "GST No", "GST Reg No", "GST ID No", "GST REG #", "(GST ID", "(GST NO", "Co. Reg No", "CO.REG", "CO NO", "Reg No", "ROC NO",
         "Company Reg No", "(Co. No.", "VAT No", "USt-IdNr.", "Tax ID", "TIN", "ID")
    )
    text = name + rng.choice((": ", " : ", ":", " ", ". ", ". : ")) + number_
    return text + ")" if name.startswith("(") else text if rng.random() < 0.85 else f"({number_})"


def label(rng: Random, _: Vocabulary) -> str:
    text = cased(rng, rng.choice(w.RECEIPT), 0.42, 0.02)
    return text + rng.choice(("", "", "", "", ":", " :", ":", ".", " #", "#", " (RM)", "(RM)", " ($)", "*"))


def pair(rng: Random, vocabulary: Vocabulary) -> str:
    name = cased(rng, rng.choice(w.RECEIPT), 0.42, 0.02)
    value = rng.choice((price, price, price, date, time, code, code, count, person, percent))(rng, vocabulary)
    return name + rng.choice((" ", " : ", ": ", ":", ": ", " : ", " ", " = ", ". ", "#", " # ", " - ")) + value


def count(rng: Random, _: Vocabulary) -> str:
    value = str(rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 24, rng.randint(1, 400))))
    dice = rng.random()
    if dice < 0.5:
        return value
    if dice < 0.6:
        return f"{value}{rng.choice((' ', ''))}{rng.choice(w.UNITS)}"
    if dice < 0.75:
        return f"{value}{rng.choice((' x ', ' X ', 'x', ' @ ', '@', ' * ', ' × '))}{amount(rng)}"
    if dice < 0.85:
        return value + rng.choice((" x", "x", " X", ".", ")", " @", ".00", ".000", "."))
    return rng.choice((f"{value}.00", f"x{value}", f"X {value}", f"{rng.random() * 9:.3f}", f"({value})", f": {value}", f"{value}/{rng.randint(2, 30)}", f"#{value}", f"{value:0>2}", f"{value:0>4}"))


def percent(rng: Random, _: Vocabulary) -> str:
    value = rng.choice(("6", "6", "5", "10", "0", "7", "19", "50", "100", f"{rng.random() * 40:.1f}", f"{rng.random() * 40:.2f}"))
    return rng.choice(("{}%", "{}%", "{} %", "@{}%", "@ {}%", "({}%)", "SR @ {}%", "GST {}%", "SR {}%", "GST @{}%", "Disc {}%", "-{}%", "TAX {}%", "={}%")).format(value)


def item(rng: Random, _: Vocabulary) -> str:
    """A product as a till prints it."""
    parts = [rng.choice(w.PRODUCTS) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    if rng.random() < 0.5:
        parts.insert(0, rng.choice(w.PRODUCT_ADJECTIVES))
    if rng.random() < 0.2:
        parts.insert(0, rng.choice(w.COMPANY_WORDS + w.LAST_NAMES))
    dice = rng.random()
    if dice < 0.3:
        size = rng.choice((str(rng.randint(1, 30)), str(rng.choice((50, 100, 150, 200, 250, 300, 330, 400, 500, 750, 1000))), f"{rng.random() * 5:.1f}"))
        parts.append(size + rng.choice(("", "", " ")) + rng.choice(w.UNITS))
    elif dice < 0.38:
        parts.append(rng.choice(("({})", "-{}", "/{}", "({})")).format(rng.choice(("L", "S", "M", "XL", "B", "HOT", "COLD", "R", "1", "2", "PCS", "NEW"))))
    elif dice < 0.46:
        parts.append(f"{rng.randint(1, 120)}{rng.choice('xX*/')}{rng.randint(1, 120)}{rng.choice(('', '', 'MM', 'CM', 'S', chr(39) + 'S'))}")
    elif dice < 0.54:
        parts.append(code(rng, _))
    text = rng.choice((" ", " ", " ", " ", "/", "-", "+", " & ")).join(parts[:2]) + "".join(" " + p for p in parts[2:])
    if rng.random() < 0.15:
        text = rng.choice(("*", "-", "+", "1. ", f"{rng.randint(1, 9)} ", f"{rng.randint(1, 20)}x ", f"{digits(rng, 4)} ", "# ", f"{rng.randint(1, 30)}) ")) + text
    return cased(rng, text, 0.62, 0.03)


def item_line(rng: Random, vocabulary: Vocabulary) -> str:
    return f"{item(rng, vocabulary)} {rng.choice((price, count, amount_line))(rng, vocabulary)}"


def amount_line(rng: Random, vocabulary: Vocabulary) -> str:
    return f"{rng.randint(1, 20)} {rng.choice(('x ', 'X ', '@ ', '', '* '))}{amount(rng)} {price(rng, vocabulary)}"


def company(rng: Random, _: Vocabulary) -> str:
    parts = rng.choices(w.COMPANY_WORDS + w.LAST_NAMES, k=rng.choice((1, 2, 2, 3)))
    if rng.random() < 0.1:
        parts[0] = letters(rng, rng.randint(1, 3)) + rng.choice(("", "", "&" + letters(rng, 1)))
    end = rng.choice(w.COMPANY_ENDS)
    text = cased(rng, " ".join(parts), 0.68, 0.0)
    end = end if text.isupper() or rng.random() < 0.4 else end.title()
    text = f"{text} {end}" if rng.random() < 0.8 else text
    return f"{text} ({digits(rng, 6)}-{rng.choice('ADHKMPTUVWX')})" if rng.random() < 0.08 else text


def person(rng: Random, _: Vocabulary) -> str:
    first, last = rng.choice(w.FIRST_NAMES), rng.choice(w.LAST_NAMES)
    pattern = rng.choice(("{0} {1}", "{0} {1}", "{0}", "{1}", "{2}. {1}", "Mr {1}", "Mrs. {1}", "{1}, {0}", "Dr. {0} {1}", "{0} {2}. {1}", "{0} & {1}"))
    return cased(rng, pattern.format(first, last, rng.choice(UPPER)), 0.35, 0.02)


def address(rng: Random, _: Vocabulary) -> str:
    dice = rng.random()
    place, other = rng.choice(w.MALAY_PLACES), rng.choice(w.MALAY_PLACES)
    house = rng.choice((f"{rng.randint(1, 199)}", f"No. {rng.randint(1, 99)}", f"No {rng.randint(1, 99)}", f"Lot {rng.randint(1, 9999)}", f"NO.{rng.randint(1, 99)}",
                        f"{rng.randint(1, 60)}-{rng.randint(1, 5)}", f"{rng.randint(1, 90)} & {rng.randint(1, 90)}", f"Unit {letters(rng, 1)}{rng.randint(1, 9)}-{digits(rng, 2)}", f"{rng.randint(1, 90)}{rng.choice('ABG')}", f"{rng.randint(1, 60)}G"))
    if dice < 0.25:
        road = f"Jalan {place} {rng.choice(('', str(rng.randint(1, 30)), f'{rng.randint(1, 20)}/{rng.randint(1, 60)}', other))}".strip()
        text = rng.choice((f"{house}, {road}", f"{house} {road},", road, road + ","))
        text = text.replace("Jalan", rng.choice(("Jalan", "Jalan", "Jln", "Lorong", "Persiaran")))
    elif dice < 0.4:
        text = f"{rng.choice(('Taman', 'Bandar', 'Bukit', 'Kampung', 'Desa', 'Kawasan Perindustrian', 'Pusat Bandar', 'Sri', 'Plaza', 'Wisma', 'Menara'))} {place}{rng.choice(('', ' ' + other))}"
    elif dice < 0.6:
        text = f"{digits(rng, 5)} {rng.choice((place, rng.choice(w.MALAY_STATES), rng.choice(w.MALAY_STATES)))}"
    elif dice < 0.66:
        text = rng.choice(w.MALAY_STATES)
    elif dice < 0.85:
        text = f"{house if rng.random() < 0.3 else rng.randint(1, 9999)} {rng.choice(w.STREETS)} {rng.choice(w.STREET_KINDS)}"
    else:
        text = f"{rng.choice(w.CITIES)}, {rng.choice(w.STATES)} {digits(rng, 5)}" if dice < 0.95 else f"{letters(rng, 2)}{rng.randint(1, 20)} {rng.randint(1, 9)}{letters(rng, 2)}"
    if rng.random() < 0.25:
        text += rng.choice((f", {rng.choice(w.MALAY_STATES)}", f", {place}", ",", ",", "."))
    return cased(rng, text, 0.62, 0.0)


def phrase(rng: Random, _: Vocabulary) -> str:
    text = rng.choice(w.PHRASES)
    dice = rng.random()
    text = text.upper() if dice < 0.5 else text.title() if dice < 0.65 else text.capitalize() if dice < 0.95 else text
    text += rng.choice(("", "", "", ".", "!", "!!", ".", ",", "..."))
    return f"*{text}*" if rng.random() < 0.03 else f"** {text} **" if rng.random() < 0.03 else text


def header(rng: Random, _: Vocabulary) -> str:
    """Names of columns in a row."""
    return cased(rng, " ".join(rng.sample(w.RECEIPT, rng.randint(2, 3))), 0.4, 0.0)


def card(rng: Random, _: Vocabulary) -> str:
    mask = rng.choice("Xx**")
    return rng.choice((f"{mask * 4} {mask * 4} {mask * 4} {digits(rng, 4)}", f"{mask * 12}{digits(rng, 4)}", f"{digits(rng, 4)} {digits(rng, 4)} {digits(rng, 4)} {digits(rng, 4)}",
                       f"{digits(rng, 6)}{mask * 6}{digits(rng, 4)}", f"{digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}"))


def stub(rng: Random, _: Vocabulary) -> str:
    """The very short: tax marks, single digits, signs between columns."""
    return rng.choice(("SR", "SR", "S", "Z", "ZRL", "T", "RM", "RM", "X", "x", ":", "-", "*", "**", "***", "=", "@", "#", "%", "&", "A", "E", "TX", "OS", "No", "Qty", "%", digits(rng, 1), digits(rng, 1), digits(rng, 2), digits(rng, 3), rng.choice(UPPER), rng.choice(UPPER) + digits(rng, 1), "$", "(RM)", "Kg", "pcs", "1.", "2.", "a)", "(i)", "•", "°C", "±", "½", "§", "€", "£", "¥", "©", "®", "™"))


def word(rng: Random, vocabulary: Vocabulary) -> str:
    text = vocabulary.word(rng)
    dice = rng.random()
    text = text if dice < 0.4 else text.capitalize() if dice < 0.68 else text.upper()
    return text if rng.random() < 0.8 else text + rng.choice((".", ",", ":", ";", "!", "?", "-", "…", "'s", "’s", ")", "”", "™", "®"))


def title(rng: Random, vocabulary: Vocabulary) -> str:
    text = " ".join(vocabulary.word(rng) for _ in range(rng.randint(2, 5)))
    text = text.upper() if rng.random() < 0.45 else " ".join(p[:1].upper() + p[1:] for p in text.split(" "))
    return text if rng.random() < 0.85 else f"{rng.randint(1, 20)}{rng.choice(('.', '.1', '.2', ')', ' –', ' —'))} {text}"


def sentence(rng: Random, vocabulary: Vocabulary) -> str:
    """A stretch of a running text, with its punctuation; often starting or ending in mid-sentence."""
    parts: list[str] = []
    for _ in range(rng.randint(2, 9)):
        dice = rng.random()
        part = vocabulary.word(rng) if dice < 0.9 else rng.choice(w.LAST_NAMES + w.CITIES) if dice < 0.95 else number(rng)
        end = rng.random()
        if end < 0.09:
            part += ","
        elif end < 0.14:
            part += rng.choice((".", ".", ".", "?", "!", ";", ":", "…", "..."))
        elif end < 0.17:
            part = rng.choice(("({})", "“{}”", '"{}"', "‘{}’", "'{}'", "[{}]", "“{}”,", "{}’s", "{}'s", "({}),")).format(part)
        elif end < 0.18:
            part += rng.choice((" –", " —", " -", "—" + vocabulary.word(rng), " &", "/" + vocabulary.word(rng), "-" + vocabulary.word(rng)))
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


def mail(rng: Random, _: Vocabulary) -> str:
    site = rng.choice(w.COMPANY_WORDS + w.LAST_NAMES).lower().replace("'", "") + rng.choice((".com", ".com.my", ".org", ".net", ".de", ".co.uk", ".io", ".my", ".edu"))
    if rng.random() < 0.5:
        user = rng.choice(w.FIRST_NAMES).lower() + rng.choice(("", ".", "_", "-")) + rng.choice((rng.choice(w.LAST_NAMES).lower().replace("'", ""), digits(rng, 2), ""))
        text = f"{user.strip('._-')}@{site}"
        text = rng.choice(("", "", "Email: ", "E-mail: ", "email : ", "EMAIL: ")) + text
    else:
        path = rng.choice(("", "", "", f"/{rng.choice(w.COMMON)}", f"/{rng.choice(w.COMMON)}/{digits(rng, 3)}", f"/?{rng.choice(w.COMMON)}={digits(rng, 2)}", f"/~{rng.choice(w.COMMON)}_{rng.choice(w.COMMON)}.html"))
        text = rng.choice(("www.", "www.", "http://", "https://", "http://www.")) + site + path
    return cased(rng, text, 0.12, 0.0)


def technical(rng: Random, vocabulary: Vocabulary) -> str:
    """Measures, formulas, versions, code: where the rare signs of the keyboard live."""
    a, b = vocabulary.word(rng), vocabulary.word(rng)
    x, y = number(rng), number(rng)
    return rng.choice((
        f"{x} ± {y}", f"{x}°C", f"{x}° {y}'", f"{x} × {y} mm", f"© {rng.randint(1970, 2030)} {a.title()}", f"{a.title()}®", f"{a.title()}™", f"§ {x}", f"§{x}.{y}", f"{x}½",
        f"{x}–{y}", f"pp. {x}–{y}", f"• {a}", f"• {a} {b}", f"{a} = {x};", f"{a}[{x}] = {y}", f"{{{a}: {x}}}", f"{a}_{b}", f"<{a}>", f"</{a}>", f"{a} | {b}", f"~/{a}/{b}", f"C:\\{a}\\{b}",
        f"{a}({b})", f"${x}^{y}$", f"{x}^2", f"`{a}`", f"{x} < {y}", f"{x} > {y}", f"{x} + {y} = {rng.randint(1, 9999)}", f"{x}/{y}", f"{x}%", f"{a} & {b}", f"@{a}", f"#{a}", f"{a}: {x}", f"“{a} {b}”", f"‘{a}’", f"\"{a}\"",
        f"{a}…", f"{a} — {b}", f"{a} – {b}", f"€{x}", f"£{x}.{y[:2]}", f"¥{x}", f"{x} €", f"{a}\\{b}", f"{x} * {y}", f"[{x}]", f"[{a}]", f"{{{a}}}", f"!{a}", f"{a}?", f"{a}; {b}", f"v{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}",
        f"{x} kg", f"{x} km/h", f"{x} m²".replace("²", "2"), f"Fig. {rng.randint(1, 99)}", f"({x})", f"{rng.randint(1, 12)}. {a}", f"{letters(rng, 1)}) {a}", f"Q{rng.randint(1, 4)} {rng.randint(1990, 2030)}", f"{a}-{b}", f"{a}/{b}",
    ))


def jumble(rng: Random, _: Vocabulary) -> str:
    """Letters and digits by pure chance, as in captchas, serial numbers and plates."""
    pool = rng.choice((string.ascii_uppercase + DIGITS, string.ascii_lowercase + DIGITS, string.ascii_letters + DIGITS, string.ascii_letters))
    return "".join(rng.choices(pool, k=rng.randint(3, 8)))


RECEIPT_KINDS: tuple[tuple[Kind, float], ...] = (
    (price, 15), (label, 12), (pair, 11), (item, 13), (item_line, 4), (count, 6), (address, 9), (company, 5), (phone, 4), (registration, 4), (code, 5), (date, 3), (time, 2),
    (moment, 4), (phrase, 5), (header, 2), (percent, 2), (person, 2), (card, 1), (stub, 5), (mail, 1), (amount_line, 2), (sentence, 1), (word, 1.5),
)  # fmt: skip
DOCUMENT_KINDS: tuple[tuple[Kind, float], ...] = (
    (sentence, 40), (word, 10), (title, 10), (person, 5), (address, 5), (date, 4), (code, 3), (mail, 4), (technical, 9), (company, 3), (price, 3), (phrase, 3), (label, 3), (pair, 3),
)  # fmt: skip
SCREEN_KINDS: tuple[tuple[Kind, float], ...] = (
    (word, 24), (title, 16), (sentence, 18), (mail, 8), (technical, 16), (jumble, 4), (phrase, 4), (price, 3), (date, 3), (person, 3), (code, 3),
)  # fmt: skip
PHOTO_KINDS: tuple[tuple[Kind, float], ...] = (
    (word, 45), (title, 14), (phrase, 10), (company, 8), (jumble, 5), (price, 5), (code, 3), (phone, 3), (address, 4), (count, 3),
)  # fmt: skip
