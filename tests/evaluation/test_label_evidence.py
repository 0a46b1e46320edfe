from __future__ import annotations

import math

import pytest

from ocrx.evaluation.label_evidence import Confusions, LabelFit, Reading, fit_label, label_features


def reading(text: str, *scores: float) -> Reading:
    return Reading(text, scores or (0.9,) * len(text), 10 * len(text))


@pytest.mark.parametrize(
    ("label", "read", "scores", "edits", "at_edits"),
    [
        ("abc", "abc", (0.9, 0.8, 0.7), (), ()),
        ("abc", "axc", (0.9, 0.8, 0.7), (("b", "x"),), (0.8,)),
        ("abc", "ac", (0.9, 0.7), (("b", ""),), (0.7,)),
        ("ac", "abc", (0.9, 0.8, 0.7), (("", "b"),), (0.8,)),
        ("ab", "", (), (("a", ""), ("b", "")), (0.5, 0.5)),
        ("", "a", (0.6,), (("", "a"),), (0.6,)),
    ],
)
def test_the_score_at_each_edit(
    label: str, read: str, scores: tuple[float, ...], edits: tuple[tuple[str, str], ...], at_edits: tuple[float, ...]
) -> None:
    fit = fit_label(label, Reading(read, scores, 30), 1.0)
    assert (fit.edits, fit.scores) == (edits, at_edits)
    assert fit.width == 30 / max(1, len(label))


def counted(*pairs: tuple[str, str]) -> tuple[Confusions, list[LabelFit]]:
    confusions = Confusions()
    fits = [fit_label(label, reading(read), 0.0) for label, read in pairs]
    for fit in fits:
        confusions.add(fit)
    return confusions, fits


def test_an_edit_that_is_usual_in_the_dataset_surprises_little() -> None:
    confusions, fits = counted(*[("AB", "aB")] * 20, *[("AB", "AB")] * 20, ("AB", "AC"))
    (usual,) = confusions.surprises(fits[0], fits[0])
    (rare,) = confusions.surprises(fits[-1], fits[-1])
    assert usual == pytest.approx(math.log(2), abs=0.2), "half of all A are read as a"
    assert rare > 4


def test_the_edits_of_a_line_do_not_make_themselves_usual() -> None:
    confusions, fits = counted(("a" * 30, "o" * 30), *[("a" * 30, "a" * 30)] * 3)
    assert min(confusions.surprises(fits[0], fits[0])) > 4


def test_characters_are_added_anywhere() -> None:
    confusions, fits = counted(("ab", "ab "), *[("ab", "ab")] * 50)
    (found,) = confusions.surprises(fits[0], fits[0])
    assert found > 4


def test_features_are_finite_and_larger_for_a_worse_label() -> None:
    confusions, fits = counted(*[("abcd", "abcd")] * 30)
    read = reading("abcd")
    good, bad = fits[0], fit_label("abxd", read, 9.0)
    first, second = (label_features(fit, good, confusions, 10.0) for fit in (good, bad))
    assert all(map(math.isfinite, first + second))
    assert all(b >= a for a, b in zip(first, second, strict=True))
    assert sum(b > a for a, b in zip(first, second, strict=True)) == 5, "agreement and width stay"
    other = label_features(fit_label("another label", read, 90.0), good, confusions, 10.0)
    assert other[-1] > second[-1], "its characters are too narrow"
    assert all(map(math.isfinite, label_features(fit_label("", Reading("", (), 30), 0.0), good, confusions, 10.0)))
