"""How far a trained network's characters stand from the frames that show them.

CTC asks for the right order of characters, not for their place: a network that sees wide enough may learn to
show every character several frames early or late, and small sets teach it so. The gradient tells where it looks:
for each character of a reading, the pixels that most change its score. The median distance from frame to pixels
is one number a model, kept in its ``FrameSpec.shift``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ocrx.arrays import Floats
from ocrx.decoding.greedy import Decoded, greedy
from ocrx.model_spec import FrameSpec
from ocrx.text.charset import BLANK

MIN_CHARACTERS = 12
_PER_LINE = 4
# High powers follow where the gradient is sharpest; its long tails say how far the network sees, not what it reads.
_SHARPNESS = 4


def measure_shift(network: nn.Module, frames: FrameSpec, images: Sequence[Floats]) -> float:
    """Prepared pixels by which characters stand right of their frames; negative: left.

    ``images`` are prepared lines [C, H, W] that the network reads, a dozen will do. 0.0 where the distance is less than
    a frame, or where fewer than 12 characters were read. The network itself is not changed.

    Args:
        network: The network.
        frames: How frames follow from widths.
        images: Prepared lines [C, H, W], float32.

    Returns:
        The shift in pixels.
    """
    still = copy.deepcopy(network).cpu().float().eval()
    unshifted = replace(frames, shift=0.0)
    distances: list[float] = []
    for image in images:
        distances += _distances(still, unshifted, torch.from_numpy(image)[None])
    if len(distances) < MIN_CHARACTERS:
        return 0.0
    shift = round(float(np.median(distances)), 1)
    return shift if abs(shift) >= frames.stride else 0.0


def _distances(network: nn.Module, frames: FrameSpec, image: Tensor) -> list[float]:
    """From the middle of some characters' spans to the pixels that decided for them."""
    with torch.no_grad():
        decoded = greedy(network(image).float().numpy())[0]
    if not decoded.classes:
        return []
    chosen = np.unique(np.linspace(0, len(decoded.classes) - 1, _PER_LINE).round().astype(np.int64)).tolist()
    # One copy of the line for each character, so that one backward pass serves them all.
    copies = image.repeat(len(chosen), 1, 1, 1).requires_grad_()
    scores = network(copies)
    total = sum(_advantage(scores[row], decoded, i) for row, i in enumerate(chosen))
    (gradient,) = torch.autograd.grad(torch.as_tensor(total), copies)
    weight = gradient.abs().sum(dim=(1, 2)).double().numpy()
    weight = (weight / np.maximum(weight.max(axis=1, keepdims=True), 1e-30)) ** _SHARPNESS
    centres = (weight * (np.arange(weight.shape[1]) + 0.5)).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-30)
    middles = [_middle(frames, *decoded.spans[i]) for i in chosen]
    seen = weight.max(axis=1) > 0

    return [float(c - m) for c, m, ok in zip(centres, middles, seen, strict=True) if ok]


def _advantage(scores: Tensor, decoded: Decoded, index: int) -> Tensor:
    """How much more a character than the blank, where it is most certain: scores [T, K] of one line."""
    first, last = decoded.spans[index]
    return (scores[first : last + 1, decoded.classes[index]] - scores[first : last + 1, BLANK]).max()


def _middle(frames: FrameSpec, first: int, last: int) -> float:
    return (frames.pixels(first)[0] + frames.pixels(last)[1]) / 2
