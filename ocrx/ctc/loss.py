"""The CTC loss for training: per sample, in float32, and infinite but without gradient for impossible samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ocrx.text.charset import BLANK


def ctc_loss(
    logits: Tensor,
    targets: Tensor | Sequence[Tensor],
    target_lengths: Tensor,
    *,
    focal_gamma: float = 0.0,
) -> Tensor:
    """Compute the negative log-likelihood of each target over all T frames; the caller takes the mean.

    Args:
        logits: [N, T, K] of any float type.
        targets: int64 classes >= 1: those of all samples, concatenated [S], or one tensor per sample.
        target_lengths: int64 [N] with sum S.
        focal_gamma: Multiplies each loss by ``(1 - exp(-loss)) ** focal_gamma``, which reduces the weight of lines
            that are read well; 0 turns it off (Focal CTC, Feng et al. 2019; PaddleOCR uses 2).

    Returns:
        float32 [N]. A sample whose target needs more than T frames has the value inf and gradient zero: exclude it
        from the mean and report it.

    Source: Graves et al. 2006, equations 14 to 16, through ``torch.nn.functional.ctc_loss``.
    """
    packed = targets if isinstance(targets, Tensor) else _join(targets)
    # MPS has no kernel for the loss in the oldest supported torch.
    home = logits.device
    device = torch.device("cpu") if home.type == "mps" else home
    packed, lengths = packed.to(device), target_lengths.to(device)

    # Half precision loses small terms of the sum over paths.
    with torch.autocast(device.type, enabled=False):
        log_probs = logits.to(device).float().log_softmax(dim=2).transpose(0, 1)
        frames = torch.full_like(lengths, log_probs.shape[0])
        losses = F.ctc_loss(log_probs, packed, frames, lengths, blank=BLANK, reduction="none", zero_infinity=True)
        if focal_gamma:
            losses = losses * (1 - torch.exp(-losses)) ** focal_gamma

        possible = _required_frames(packed, lengths) <= frames
        return losses.masked_fill(~possible, torch.inf).to(home)


def _join(targets: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(targets)) if targets else torch.zeros(0, dtype=torch.int64)


def _required_frames(packed: Tensor, lengths: Tensor) -> Tensor:
    """``frames.required_frames`` of all samples at once: int64 [N]."""
    owner = torch.repeat_interleave(torch.arange(lengths.numel(), device=lengths.device), lengths)
    repeated = (packed[1:] == packed[:-1]) & (owner[1:] == owner[:-1])
    return lengths + torch.zeros_like(lengths).scatter_add_(0, owner[1:], repeated.to(lengths.dtype))
