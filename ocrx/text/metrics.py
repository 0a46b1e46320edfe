"""Computes metrics: strict figures, and PaddleOCR's lenient ones for comparison."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import editdistance

from ocrx.text.normalize import normalize


@dataclass(frozen=True)
class Lenient:
    """The figures of PaddleOCR's ``RecMetric``, which ignores spaces; for comparison with published ones.

    Attributes:
        acc: Share of the lines that are exact.
        norm_edit_dis: 1 - mean(edit distance / length of the longer text).
    """

    acc: float
    norm_edit_dis: float


@dataclass(frozen=True)
class Metrics:
    """Metrics of a set of lines. All ratios come from counts over the whole set.

    Texts are compared in NFC; spaces and case count. Fields ending in ``_ci`` ignore case.

    Attributes:
        count: Lines.
        exact: Lines that are exact.
        accuracy: ``exact / count``.
        norm_edit_dis: 1 - mean(edit distance / length of the longer text); 1 for a line where both are empty.
        cer: ``char_edits / char_count``, the character error rate.
        wer: ``word_edits / word_count``, the word error rate.
        accuracy_ci: ``accuracy`` ignoring case.
        cer_ci: ``cer`` ignoring case.
        char_edits: Insertions, deletions and substitutions of characters.
        char_count: Characters of the true texts.
        word_edits: Insertions, deletions and substitutions of words.
        word_count: Words of the true texts, separated by white space.
        lenient: The figures of PaddleOCR.
    """

    count: int
    exact: int
    accuracy: float
    norm_edit_dis: float
    cer: float
    wer: float
    accuracy_ci: float
    cer_ci: float
    char_edits: int
    char_count: int
    word_edits: int
    word_count: int
    lenient: Lenient

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values.

        Returns:
            Field → value.
        """
        return asdict(self)


def compute_metrics(pairs: Iterable[tuple[str, str]]) -> Metrics:
    """Compute the metrics of predictions.

    Args:
        pairs: (true text, predicted text) of each line; the prediction for an unreadable image is empty.

    Returns:
        The metrics; zeros for no lines.
    """
    rows = [(normalize(truth), normalize(prediction)) for truth, prediction in pairs]
    folded = [(t.casefold(), p.casefold()) for t, p in rows]
    spaceless = [(t.replace(" ", ""), p.replace(" ", "")) for t, p in rows]

    char_edits = sum(editdistance.eval(t, p) for t, p in rows)
    char_count = sum(len(t) for t, _ in rows)
    word_edits = sum(editdistance.eval(t.split(), p.split()) for t, p in rows)
    word_count = sum(len(t.split()) for t, _ in rows)

    return Metrics(
        count=len(rows),
        exact=sum(t == p for t, p in rows),
        accuracy=_exact(rows),
        norm_edit_dis=_similarity(rows),
        cer=char_edits / max(1, char_count),
        wer=word_edits / max(1, word_count),
        accuracy_ci=_exact(folded),
        cer_ci=sum(editdistance.eval(t, p) for t, p in folded) / max(1, sum(len(t) for t, _ in folded)),
        char_edits=char_edits,
        char_count=char_count,
        word_edits=word_edits,
        word_count=word_count,
        lenient=Lenient(acc=_exact(spaceless), norm_edit_dis=_similarity(spaceless)),
    )


def _exact(rows: list[tuple[str, str]]) -> float:
    return sum(t == p for t, p in rows) / max(1, len(rows))


def _similarity(rows: list[tuple[str, str]]) -> float:
    distance = sum(editdistance.eval(t, p) / max(len(t), len(p), 1) for t, p in rows)
    return 1 - distance / len(rows) if rows else 0.0
