"""Calibrates the confidence: fits it on labelled lines, stores it in the model, and cross-validates it.

The fit follows temperature scaling (Guo et al. 2017) and Platt scaling: a temperature for the probabilities of the
characters, then a logistic regression of "the line is right" on the log odds of the line and the logarithm of its
length. A prior pulls the regression towards the uncalibrated model, so that a few lines suffice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ocrx.arrays import Float64s
from ocrx.data.sample import Sample
from ocrx.evaluation.evaluate import LineResult, evaluate
from ocrx.evaluation.logistic import LogisticFit, fit_logistic
from ocrx.files import write_file
from ocrx.inference.confidence import line_confidence, line_log_odds
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import INFERENCE_DIR, SPEC_FILE, read_spec
from ocrx.model_spec import CalibrationSpec
from ocrx.results import Progress

MIN_LINES = 20
MAX_LINES = 2000
KEPT = 0.98  # share of the correctly read lines that count as familiar, at least

_CERTAIN = 0.95  # probability that a calibration keeps this promise
_FOLDS = 5
_TEMPERATURES = tuple(2.0 ** (step / 4) for step in range(-8, 13))  # 0.25 to 8
_PRIOR_LINES = 2.0  # weight of the uncalibrated model, in lines


def fit_calibration(lines: Sequence[LineResult]) -> CalibrationSpec | None:
    """Fit the calibration of a model on labelled lines that it has read.

    Args:
        lines: Evaluated lines of a hold-out set. Unreadable images and empty texts are left out.

    Returns:
        The calibration, or None for fewer than ``MIN_LINES`` lines.
    """
    kept = [line for line in lines if line.details.char_scores]
    if len(kept) < MIN_LINES:
        return None

    scores = [line.details.char_scores for line in kept]
    right = np.array([line.is_right for line in kept], dtype=np.float64)
    fits = {temperature: _fit(scores, right, temperature) for temperature in _TEMPERATURES}
    temperature = min(fits, key=lambda t: fits[t].loss + _PRIOR_LINES * math.log(t) ** 2 / 2)
    bias, slope, length = fits[temperature].weights.tolist()

    typical = [line.details.typical_score for line in kept if line.is_right]
    familiar = _familiar_score(typical) if len(typical) >= MIN_LINES else 0.0
    return CalibrationSpec(temperature, bias, slope, length, familiar, len(kept))


def calibrate_model(
    folder: Path,
    recognizer: Recognizer,
    samples: Sequence[Sample],
    *,
    ignore_case: bool = False,
    progress: Progress | None = None,
) -> CalibrationSpec | None:
    """Calibrate a model on validation lines and write the result into its folder.

    Call it once at the end of a training, on the main process, for the folder of the best model::

        calibrate_model(best, create_model(model_dir=best), dataset.val)

    Args:
        folder: The model folder; ``model.json`` in it and in ``inference/`` are replaced atomically.
        recognizer: The model in that folder, with the decoder that predictions will use.
        samples: Labelled lines of a hold-out set; at most ``MAX_LINES`` of them are read, evenly spread.
        ignore_case: Ignore differences of case.
        progress: Called with (lines done, lines in all).

    Returns:
        The calibration, or None if there were too few lines, and nothing was written.

    Raises:
        ModelError: The folder holds no model.
    """
    step = max(1, -(-len(samples) // MAX_LINES))
    evaluation = evaluate(recognizer, samples[::step], progress=progress, ignore_case=ignore_case)
    calibration = fit_calibration(evaluation.lines)
    if calibration is not None:
        store_calibration(folder, calibration)
    return calibration


def store_calibration(folder: Path, calibration: CalibrationSpec) -> None:
    """Write a calibration into ``model.json`` of a model folder and of the exported model in it.

    Args:
        folder: The model folder.
        calibration: The result of ``fit_calibration``.

    Raises:
        ModelError: The folder holds no model.
    """
    for place in (folder, folder / INFERENCE_DIR):
        if place == folder or (place / SPEC_FILE).is_file():
            write_file(place / SPEC_FILE, replace(read_spec(place), calibration=calibration).to_json())


def cross_validated_confidence(lines: Sequence[LineResult]) -> Float64s:
    """Compute the confidence of each line with a calibration that was fitted on other lines.

    Args:
        lines: The lines of an evaluation.

    Returns:
        float64 [N], the confidence of each line.
    """
    fold = np.random.default_rng(0).permutation(len(lines)) % _FOLDS
    confidence = np.zeros(len(lines))
    for part in range(_FOLDS):
        others = [line for line, place in zip(lines, fold, strict=True) if place != part]
        calibration = fit_calibration(others) or CalibrationSpec()
        for index in np.flatnonzero(fold == part).tolist():
            confidence[index] = line_confidence(lines[index].details.char_scores, calibration)
    return confidence


def _familiar_score(typical: Sequence[float]) -> float:
    """Wilks's lower tolerance limit (1941): at least ``KEPT`` of such lines reach it, with probability ``_CERTAIN``.

    The plain quantile of a few hundred lines is above that of all such lines as often as below.
    """
    count, below = len(typical), 1 - KEPT
    # P(exactly k of the lines are among the lowest 2 %), summed from k = 0 up.
    chance, total, rank = math.exp(count * math.log(KEPT)), 0.0, 0
    while total + chance <= 1 - _CERTAIN:
        total += chance
        rank += 1
        chance *= (count - rank + 1) / rank * below / KEPT
    # With fewer than 149 lines no line is low enough: the lowest is the best that they can say.
    return float(np.sort(typical)[max(0, rank - 1)])


def _fit(scores: Sequence[Sequence[float]], right: Float64s, temperature: float) -> LogisticFit:
    """Fit bias, slope and weight of the length, with a prior around the uncalibrated model."""
    log_odds = [line_log_odds(values, temperature) for values in scores]
    x = np.stack([np.ones(len(scores)), log_odds, np.log([len(values) for values in scores])], axis=1)
    return fit_logistic(x, right, np.array([0.0, 1.0, 0.0]), _PRIOR_LINES)
