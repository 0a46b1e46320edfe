"""The four scenes: which texts, typefaces and print styles occur together, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from ocrx.synth import contact_patterns as c
from ocrx.synth import patterns as p
from ocrx.synth import print_styles as styles
from ocrx.synth import till_patterns as t
from ocrx.synth.patterns import Kind
from ocrx.synth.print_styles import PrintStyle
from ocrx.synth.rasterized import rasterized


@dataclass(frozen=True)
class Scene:
    """The composition of the lines of a scene.

    Attributes:
        texts: Kinds of text with their weights.
        faces: Weights of the kinds of typefaces, in the order of ``fonts.KINDS``.
        italics: Share of italic faces that is kept.
        print_styles: Print styles with their weights.
    """

    texts: tuple[tuple[Kind, float], ...]
    faces: tuple[float, ...]
    italics: float
    print_styles: tuple[tuple[PrintStyle, float], ...]


# fmt: off
SCENES = {
    "receipt": Scene(
        texts=(
            (p.price, 15), (t.label, 12), (t.pair, 11), (t.item, 13), (t.item_line, 4), (t.amount_line, 2),
            (t.count, 6), (c.address, 9), (c.company, 5), (c.phone, 4), (t.registration, 4), (p.code, 5), (p.date, 3),
            (p.time, 2), (p.date_time, 4), (t.phrase, 6), (t.header, 2), (t.percent, 2), (c.person, 2), (t.card, 1),
            (t.very_short, 5), (c.mail, 1), (p.sentence, 3), (p.word, 2), (p.technical, 1),
        ),
        faces=(37, 6, 13, 13, 7, 24),
        italics=0.12,
        print_styles=(
            (styles.thermal, 31), (styles.bilevel, 26), (styles.office, 13), (styles.pale, 14), (styles.hollow, 6),
            (styles.tinted, 6), (styles.reversed_block, 3),
        ),
    ),
    "document": Scene(
        texts=(
            (p.sentence, 40), (p.word, 10), (p.title, 10), (c.person, 5), (c.address, 5), (p.date, 4), (p.code, 3),
            (c.mail, 4), (p.technical, 9), (c.company, 3), (p.price, 3), (t.phrase, 3), (t.label, 3), (t.pair, 3),
        ),
        faces=(5, 8, 4, 0, 45, 38),
        italics=0.5,
        print_styles=(
            (rasterized, 45), (styles.office, 30), (styles.bilevel, 12), (styles.thermal, 5), (styles.pale, 4),
            (styles.tinted, 2), (styles.reversed_block, 2),
        ),
    ),
    "screen": Scene(
        texts=(
            (p.word, 24), (p.title, 16), (p.sentence, 18), (c.mail, 8), (p.technical, 16), (p.random_letters, 4),
            (t.phrase, 4),
            (p.price, 3), (p.date, 3), (c.person, 3), (p.code, 3),
        ),
        faces=(9, 3, 8, 10, 34, 36),
        italics=0.4,
        print_styles=((styles.screen, 90), (styles.office, 10)),
    ),
    "photo": Scene(
        texts=(
            (p.word, 45), (p.title, 14), (t.phrase, 10), (c.company, 8), (p.random_letters, 5), (p.price, 5),
            (p.code, 3),
            (c.phone, 3), (c.address, 4), (t.count, 3),
        ),
        faces=(3, 3, 16, 3, 50, 25),
        italics=0.4,
        print_styles=((styles.sign, 88), (styles.screen, 12)),
    ),
}
# fmt: on
