from __future__ import annotations

import pytest
import torch

from ocrx.ctc.loss import ctc_loss


def test_impossible_samples_are_infinite_and_have_no_gradient() -> None:
    logits = torch.randn(4, 5, 6, requires_grad=True)
    losses = ctc_loss(logits, torch.tensor([1, 1, 1, 2, 3, 1, 1, 1, 1]), torch.tensor([3, 2, 0, 4]))
    assert torch.isfinite(losses).tolist() == [True, True, True, False]
    losses.mean().backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum((1, 2)) > 0).tolist() == [True, True, True, False]


def test_an_empty_target_costs_the_blanks() -> None:
    logits = torch.randn(1, 4, 3)
    expected = -logits.log_softmax(2)[0, :, 0].sum()
    assert ctc_loss(logits, [torch.zeros(0, dtype=torch.int64)], torch.tensor([0])).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_a_list_of_targets_equals_the_packed_form() -> None:
    logits = torch.randn(2, 6, 4)
    rows = [torch.tensor([1, 2, 3]), torch.tensor([2, 2])]
    lengths = torch.tensor([3, 2])
    assert torch.equal(ctc_loss(logits, rows, lengths), ctc_loss(logits, torch.cat(rows), lengths))


def test_half_precision_and_autocast_compute_in_float32() -> None:
    logits = torch.randn(2, 40, 20).bfloat16()
    targets, lengths = torch.tensor([1, 2, 3, 4]), torch.tensor([2, 2])
    expected = ctc_loss(logits.float(), targets, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = ctc_loss(logits, targets, lengths)
    assert losses.dtype == torch.float32
    assert torch.equal(losses, expected)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.0])
def test_focal_weight(gamma: float) -> None:
    logits = torch.randn(3, 8, 5)
    targets, lengths = torch.tensor([1, 2, 3, 4, 1]), torch.tensor([2, 2, 1])
    plain = ctc_loss(logits, targets, lengths)
    torch.testing.assert_close(
        ctc_loss(logits, targets, lengths, focal_gamma=gamma), plain * (1 - (-plain).exp()) ** gamma
    )
