"""Spans and scores of the characters of texts that a search found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ocrx.arrays import Float64s, Floats
from ocrx.ctc.alignment import Spans, align_lines
from ocrx.decoding.greedy import Decoded


def align_texts(logits: Floats, texts: Sequence[tuple[int, ...] | None], normalizer: Float64s) -> list[Decoded]:
    """Find spans and scores of the characters of given texts.

    Args:
        logits: float32 [N, T, K].
        texts: N texts as classes (>= 1); None becomes an empty line that does not match.
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits.

    Returns:
        The N lines.
    """
    kept = [() if text is None else text for text in texts]
    spans: list[Spans] = [()] * len(kept)
    if logits.shape[1]:
        spans = [alignment.spans for alignment in align_lines(logits, kept, normalizer)]
    lines = [
        Decoded(classes, (0.0,) * len(classes), span, matched=text is not None)
        for classes, span, text in zip(kept, spans, texts, strict=True)
    ]
    return score_characters(logits, lines, normalizer)


def score_characters(logits: Floats, lines: Sequence[Decoded], normalizer: Float64s) -> list[Decoded]:
    """Set the score of each character to the model's own probability, the highest within its span.

    Args:
        logits: float32 [N, T, K].
        lines: N lines with their spans.
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits.

    Returns:
        The N lines with scores.
    """
    scored = []
    for n, line in enumerate(lines):
        values = tuple(
            float(np.exp((logits[n, first : last + 1, c] - normalizer[n, first : last + 1]).max()))
            for c, (first, last) in zip(line.classes, line.spans, strict=True)
        )
        scored.append(replace(line, scores=values))
    return scored
