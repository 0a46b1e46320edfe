"""The guide: what it sees, what it trains, and that the two losses do not mix."""

from __future__ import annotations

import pytest
import torch
from support.networks import images_for, spec_of

from ocrx.ctc.loss import ctc_loss
from ocrx.models import MODELS, build_model
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.guide import NRTRGuide, guide_for, guided_losses

TARGETS = torch.tensor([3, 1, 4, 1, 5])
LENGTHS = torch.tensor([3, 2])


@pytest.fixture
def network() -> CTCNetwork:
    torch.manual_seed(0)
    return build_model(spec_of("lcnetv4", {"neck": "lightsvtr", "neck_dims": 16}))


def test_every_ppocr_network_takes_a_guide() -> None:
    takes = {"svtr_lcnet", "lcnetv3", "lcnetv4", "hgnet", "hgnetv2", "svtrv2_ch", "repsvtr"}
    assert takes == {name for name, entry in MODELS.items() if entry.network_class().takes_guide}


def test_ctc_stops_at_the_features_and_the_guide_goes_through(network: CTCNetwork) -> None:
    spec = spec_of("lcnetv4", {"neck": "lightsvtr", "neck_dims": 16})
    images = images_for(spec, 64)
    guide = guide_for(network, images, spec.classes, dims=32, layers=1)
    logits, extra = guided_losses(network, guide, images, (TARGETS, LENGTHS))
    ctc_loss(logits, TARGETS, LENGTHS).mean().backward()
    reached = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert reached == {"neck", "head"}
    network.zero_grad()
    extra.backward()
    reached = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"stem", "blocks"} <= reached and not reached & {"neck", "head"}


def test_it_cannot_see_the_character_that_it_has_to_spell() -> None:
    torch.manual_seed(0)
    guide = NRTRGuide(8, 11, dims=32, layers=2).eval()
    features = torch.randn(1, 8, 1, 6)
    one, other = torch.tensor([[11, 3, 1, 4]]), torch.tensor([[11, 3, 2, 9]])
    with torch.no_grad():
        first, second = guide(features, one), guide(features, other)
    assert torch.allclose(first[:, :2], second[:, :2], atol=1e-6)
    assert not torch.allclose(first[:, 2:], second[:, 2:], atol=1e-3)


def test_padding_does_not_count() -> None:
    torch.manual_seed(0)
    guide = NRTRGuide(8, 11, dims=32, layers=1).eval()
    features = torch.randn(2, 8, 1, 6)
    both = guide.loss(features, TARGETS, LENGTHS)
    alone = [
        guide.loss(features[:1], TARGETS[:3], LENGTHS[:1]),
        guide.loss(features[1:], TARGETS[3:], LENGTHS[1:]),
    ]
    # Ends count as well: 4 and 3 tokens.
    assert both.item() == pytest.approx((4 * alone[0].item() + 3 * alone[1].item()) / 7, rel=1e-5)


def test_it_learns_to_spell() -> None:
    torch.manual_seed(0)
    guide = NRTRGuide(8, 11, dims=32, layers=1)
    features = torch.randn(2, 8, 1, 6)
    optimizer = torch.optim.Adam(guide.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = guide.loss(features, TARGETS, LENGTHS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    guide.eval()
    spelled = guide(features[:1], torch.tensor([[11, 3, 1, 4]])).argmax(-1)
    assert spelled.tolist() == [[3, 1, 4, 12]]


def test_size_of_the_published_one() -> None:
    """About 2.4 M parameters a layer, and two tables of the vocabulary."""
    with torch.device("meta"):
        guide = NRTRGuide(480, 6625)
    count = sum(p.numel() for p in guide.parameters())
    assert count == pytest.approx(4 * 2.37e6 + 2 * 384 * 6627 + 480 * 384, rel=0.01)
