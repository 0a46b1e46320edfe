"""Joining two readings of one line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ocrx.config import DecodeOptions
from ocrx.decoding.factory import build_decoder
from ocrx.decoding.greedy import greedy
from ocrx.decoding.ngram_model import NgramModel
from ocrx.decoding.two_readings import join_readings
from ocrx.text.charset import Charset

CHARSET = Charset("ABC")


def spell(*rows: tuple[float, float, float, float], blanks: int = 1) -> npt.NDArray[np.float32]:
    """Logits [T, K]: one frame for each row, with blank frames behind it."""
    blank = (9.0, 0.0, 0.0, 0.0)
    return np.array([frame for row in rows for frame in (row, *[blank] * blanks)], dtype=np.float32)


A, UNSURE_AB, B = (0.0, 9.0, 0.0, 0.0), (0.0, 5.0, 4.5, 0.0), (0.0, 0.0, 9.0, 0.0)


def test_the_text_that_both_readings_support_wins() -> None:
    first = spell(A, UNSURE_AB)[None]
    read = greedy(first)
    for second, expected in (((A, B), (1, 2)), ((A, A), (1, 1))):
        (found,) = join_readings(greedy, first, {0: spell(*second, blanks=2)}, read)
        assert found.classes == expected
        assert found.spans == ((0, 0), (2, 2)), "frames of the first reading"


def test_lines_without_a_second_reading_stay_as_they_are() -> None:
    logits = np.stack([spell(A, UNSURE_AB), spell(A, UNSURE_AB)])
    read = greedy(logits)
    found = join_readings(greedy, logits, {1: spell(A, B)}, read)
    assert found[0] is read[0] and found[1].classes == (1, 2)


def test_the_language_model_of_the_decoder_counts_too() -> None:
    first, second = spell(A, UNSURE_AB)[None], spell(A, (0.0, 4.5, 5.0, 0.0))
    texts = {"AA": ["AA"] * 50, "AB": ["AB"] * 50}
    for expected, counted in texts.items():
        lm = NgramModel.from_texts(counted).tuned(1.0, 0.0, None)
        decoder = build_decoder(CHARSET, DecodeOptions(lm=lm))
        (found,) = join_readings(decoder, first, {0: second}, decoder(first))
        assert CHARSET.decode(found.classes) == expected


def test_a_text_that_does_not_fit_the_other_reading_cannot_win() -> None:
    first, short = spell(A, B, A, B)[None], spell(A, blanks=0)
    read = greedy(first)
    (found,) = join_readings(greedy, first, {0: short}, read)
    assert found.classes == (1,), "four characters do not fit into one frame"


def test_an_empty_line_stays_empty() -> None:
    nothing = np.array([[9.0, 0, 0, 0]] * 3, dtype=np.float32)
    (found,) = join_readings(greedy, nothing[None], {0: nothing}, greedy(nothing[None]))
    assert found.classes == () and found.score == 0.0


@pytest.mark.parametrize("allow", ["A", "AB"])
def test_the_constraint_of_the_decoder_holds(allow: str) -> None:
    decoder = build_decoder(CHARSET, DecodeOptions(allow=allow))
    first = spell(A, UNSURE_AB)[None]
    (found,) = join_readings(decoder, first, {0: spell(A, B)}, decoder(first))
    assert CHARSET.decode(found.classes) == ("AA" if allow == "A" else "AB")
