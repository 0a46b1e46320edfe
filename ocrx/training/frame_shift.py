"""Measures the frame shift: how far from its pixels a network reports a character.

The CTC loss fixes the order of characters, not their position. A network with a wide receptive field may therefore
learn to emit every character several frames early or late, above all on small datasets. The gradient of a character's
score shows the pixels that it depends on. The median distance from frames to pixels is stored as
``FrameSpec.shift``.
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
# A high power weights the peak of the gradient; its long tails show the receptive field, not the character.
_SHARPNESS = 4


def measure_shift(network: nn.Module, frames: FrameSpec, images: Sequence[Floats]) -> float:
    """Measure the frame shift of a network.

    Args:
        network: The network; it is not changed.
        frames: The frames of the network, whatever their shift.
        images: Prepared lines, float32 [C, H, W]; about a dozen is enough.

    Returns:
        Pixels of the prepared line by which characters lie to the right of their frames; negative to the left. 0.0
        where that is less than a frame, or fewer than 12 characters were read.
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
    """Distances from the centres of some characters' spans to the pixels that they depend on."""
    with torch.no_grad():
        decoded = greedy(network(image).float().numpy())[0]
    if not decoded.classes:
        return []
    chosen = np.unique(np.linspace(0, len(decoded.classes) - 1, _PER_LINE).round().astype(np.int64)).tolist()
    # One copy of the line per character, so that a single backward pass is enough.
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
    """The largest margin of a character over the blank within its span; scores [T, K] of one line."""
    first, last = decoded.spans[index]
    return (scores[first : last + 1, decoded.classes[index]] - scores[first : last + 1, BLANK]).max()


def _middle(frames: FrameSpec, first: int, last: int) -> float:
    return (frames.pixels(first)[0] + frames.pixels(last)[1]) / 2
