"""Features, then logits: what every architecture inherits."""

from __future__ import annotations

import pytest
import torch
from support.networks import images_for, spec_of
from torch import Tensor, nn

from ocrx.models import MODELS, build_model
from ocrx.models.ctc_network import CTCNetwork


class Doubled(CTCNetwork):
    """Features are the means over the rows, logits twice the features."""

    def extract_features(self, images: Tensor) -> Tensor:
        return images.mean(dim=2, keepdim=True)

    def read_features(self, features: Tensor) -> Tensor:
        return 2 * features.squeeze(2).transpose(1, 2)


def test_a_network_reads_the_features_that_it_extracts() -> None:
    images = torch.rand(2, 3, 4, 5)
    assert torch.allclose(Doubled()(images), 2 * images.mean(dim=2).transpose(1, 2))


def test_both_steps_are_left_to_the_architecture() -> None:
    for step in (CTCNetwork().extract_features, CTCNetwork().read_features):
        with pytest.raises(NotImplementedError):
            step(torch.zeros(1, 1, 1, 1))
    assert not CTCNetwork.takes_guide


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_architecture_is_one(name: str) -> None:
    found = MODELS[name].network_class()
    assert issubclass(found, CTCNetwork) and found.__bases__ == (CTCNetwork,)
    assert found.forward is CTCNetwork.forward, "the two steps are all there is"


def test_the_inference_form_is_a_copy_that_gives_the_same() -> None:
    torch.manual_seed(0)
    spec = spec_of("lcnetv4", {})
    model = build_model(spec).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fused, images = model.fuse(), images_for(spec, 64)

    assert model.training and not fused.training
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    with torch.no_grad():
        assert torch.allclose(fused(images), model.eval()(images), atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
