"""Joins two readings of one line: takes the text with the larger product of its likelihoods in both.

This is test-time augmentation (as in Krizhevsky et al. 2012, section 4.1) of whole texts instead of single labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from ocrx.arrays import Floats
from ocrx.ctc.reference import IMPOSSIBLE, log_likelihoods, log_normalizer
from ocrx.decoding.factory import Decoder, language_model_of
from ocrx.decoding.greedy import Decoded
from ocrx.decoding.scoring import align_texts


def join_readings(
    decoder: Decoder, first: Floats, second: Mapping[int, Floats], read: Sequence[Decoded]
) -> list[Decoded]:
    """Choose between the texts of two readings, where a line was read twice.

    Args:
        decoder: The decoder that found ``read``; it also decodes the second reading.
        first: Logits of the first reading, float32 [N, T, K].
        second: Index of a line → its logits in the second reading, float32 [T', K].
        read: The texts of the first reading.

    Returns:
        For each line the text with the larger sum of its log-likelihoods in both readings and its score under the
        decoder's language model. Spans are frames of the first reading, scores are means over both readings. Lines
        that were read once, or whose texts do not fit both readings, are those of ``read``.
    """
    return [_joined(decoder, first[n], second[n], line) if n in second else line for n, line in enumerate(read)]


def _joined(decoder: Decoder, first: Floats, second: Floats, read: Decoded) -> Decoded:
    other = decoder(second[None])[0]
    if other.classes == read.classes:
        return replace(read, scores=_mean(read.scores, other.scores))
    readings = [(logits[None], log_normalizer(logits)[None]) for logits in (first, second)]
    candidates = [line for line in (read, other) if line.classes]
    model = language_model_of(decoder)

    def likelihood(line: Decoded) -> float:
        sums = (float(log_likelihoods(logits, [line.classes], None, norm)[0]) for logits, norm in readings)
        return sum(sums) + (model.score(line.classes) if model is not None else 0.0)

    with model.search() if model is not None else nullcontext():
        chosen = max(candidates, key=likelihood)
        if likelihood(chosen) == IMPOSSIBLE:
            return read

    aligned = [align_texts(logits, [chosen.classes], norm)[0] for logits, norm in readings]
    scores = _mean(aligned[0].scores, aligned[1].scores)
    return replace(aligned[0], scores=scores, matched=chosen.matched)


def _mean(first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
    return tuple((a + b) / 2 for a, b in zip(first, second, strict=True))
