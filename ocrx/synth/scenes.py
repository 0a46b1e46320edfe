"""What occurs where: the texts, faces and looks of the four scenes, with their weights."""

from __future__ import annotations

from dataclasses import dataclass

from ocrx.synth import patterns as p
from ocrx.synth import print_styles as look
from ocrx.synth.patterns import Kind
from ocrx.synth.print_styles import Look
from ocrx.synth.rasterized import rasterized


@dataclass(frozen=True)
class Scene:
    """Weights of kinds of text, of kinds of faces (in the order of ``fonts.KINDS``) and of looks."""

    texts: tuple[tuple[Kind, float], ...]
    faces: tuple[float, ...]
    italics: float  # share of italic faces kept
    looks: tuple[tuple[Look, float], ...]


# fmt: off
SCENES = {
    "receipt": Scene(
        texts=(
            (p.price, 15), (p.label, 12), (p.pair, 11), (p.item, 13), (p.item_line, 4), (p.amount_line, 2),
            (p.count, 6), (p.address, 9), (p.company, 5), (p.phone, 4), (p.registration, 4), (p.code, 5), (p.date, 3),
            (p.time, 2), (p.moment, 4), (p.phrase, 6), (p.header, 2), (p.percent, 2), (p.person, 2), (p.card, 1),
            (p.stub, 5), (p.mail, 1), (p.sentence, 3), (p.word, 2), (p.technical, 1),
        ),
        faces=(37, 6, 13, 13, 7, 24),
        italics=0.12,
        looks=(
            (look.thermal, 31), (look.bilevel, 26), (look.office, 13), (look.pale, 14), (look.hollow, 6),
            (look.tinted, 6), (look.reversed_block, 3),
        ),
    ),
    "document": Scene(
        texts=(
            (p.sentence, 40), (p.word, 10), (p.title, 10), (p.person, 5), (p.address, 5), (p.date, 4), (p.code, 3),
            (p.mail, 4), (p.technical, 9), (p.company, 3), (p.price, 3), (p.phrase, 3), (p.label, 3), (p.pair, 3),
        ),
        faces=(5, 8, 4, 0, 45, 38),
        italics=0.5,
        looks=(
            (rasterized, 45), (look.office, 30), (look.bilevel, 12), (look.thermal, 5), (look.pale, 4),
            (look.tinted, 2), (look.reversed_block, 2),
        ),
    ),
    "screen": Scene(
        texts=(
            (p.word, 24), (p.title, 16), (p.sentence, 18), (p.mail, 8), (p.technical, 16), (p.jumble, 4), (p.phrase, 4),
            (p.price, 3), (p.date, 3), (p.person, 3), (p.code, 3),
        ),
        faces=(9, 3, 8, 10, 34, 36),
        italics=0.4,
        looks=((look.screen, 90), (look.office, 10)),
    ),
    "photo": Scene(
        texts=(
            (p.word, 45), (p.title, 14), (p.phrase, 10), (p.company, 8), (p.jumble, 5), (p.price, 5), (p.code, 3),
            (p.phone, 3), (p.address, 4), (p.count, 3),
        ),
        faces=(3, 3, 16, 3, 50, 25),
        italics=0.4,
        looks=((look.sign, 88), (look.screen, 12)),
    ),
}
# fmt: on
