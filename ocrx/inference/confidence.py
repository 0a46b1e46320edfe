"""The calibrated probability that a line was read right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ocrx.model_spec import CalibrationSpec

_SMALLEST = 1e-9  # a probability of 0 or 1 has no logit
_LARGEST = 1 - 1e-7
_TALL = 1.5  # height / width above which an image is hardly an upright line


def line_confidence(scores: Sequence[float], calibration: CalibrationSpec) -> float:
    """Estimate the probability that the whole line is right.

    Args:
        scores: Probability of each character.
        calibration: The calibration of the model.

    Returns:
        A probability from 0 to 1; 0 for a line without characters.
    """
    if not scores:
        return 0.0
    log_odds = line_log_odds(scores, calibration.temperature)
    z = calibration.bias + calibration.slope * log_odds + calibration.length * math.log(len(scores))
    return 1 / (1 + math.exp(min(-z, 700)))


def line_log_odds(scores: Sequence[float], temperature: float) -> float:
    """Compute the logit of the product of all character probabilities, each tempered first.

    Args:
        scores: Probability of each character, at least one.
        temperature: Divides the logit of each probability; values above 1 make the characters less certain.

    Returns:
        ln(P / (1 - P)) of the product P.
    """
    surprise = 0.0  # -ln P
    for score in scores:
        p = min(max(score, _SMALLEST), _LARGEST)
        against = (math.log1p(-p) - math.log(p)) / temperature
        surprise += max(against, 0.0) + math.log1p(math.exp(-abs(against)))

    # logit(P) = -ln(exp(surprise) - 1), without overflow for long lines.
    return -surprise - math.log(-math.expm1(-surprise))


def typical_score(scores: Sequence[float]) -> float:
    """Compute the geometric mean of the character probabilities, which is low where all characters are uncertain.

    Args:
        scores: Probability of each character.

    Returns:
        A value from 0 to 1; 0 for a line without characters.
    """
    if not scores:
        return 0.0
    return math.exp(sum(math.log(max(score, _SMALLEST)) for score in scores) / len(scores))


def unfamiliar_warning(typical: float, size: tuple[int, int], calibration: CalibrationSpec) -> str | None:
    """Warn about a line that is less certain than almost all lines of the calibration.

    Args:
        typical: ``typical_score`` of the best path.
        size: Width and height of the image as it was read, in pixels.
        calibration: The calibration of the model.

    Returns:
        The warning, or None.
    """
    if typical >= calibration.familiar_score:
        return None
    if typical == 0:
        return "no characters were read"
    width, height = size
    if height > _TALL * width:
        return "unlike the lines that the model knows; looks turned by 90 degrees"
    return "unlike the lines that the model knows: upside down, another script, handwriting or damaged?"
