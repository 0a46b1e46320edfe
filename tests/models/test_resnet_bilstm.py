"""Weights of torchvision for the backbone: from a file, for every order of channels, and what is said without them."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest
import torch
from support.networks import images_for, spec_of
from torchvision import models

from ocrx.errors import ModelError
from ocrx.models import build_model
from ocrx.models.resnet_bilstm import ResNetBiLSTM

PARAMS = {"hidden": 8, "stages": 2}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision gives it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(models.resnet18(weights=None).state_dict(), path)
    return path


def network(order: str) -> ResNetBiLSTM:
    torch.manual_seed(1)
    model = build_model(spec_of("resnet_bilstm", PARAMS, 32, order))
    assert isinstance(model, ResNetBiLSTM)
    return model


def test_the_backbone_sees_what_torchvisions_sees(weights: Path) -> None:
    theirs = models.resnet18(weights=None).eval()
    theirs.load_state_dict(torch.load(weights, weights_only=True))
    ours = network("RGB").eval()
    ours.load_pretrained(str(weights))
    images = images_for(spec_of("resnet_bilstm", PARAMS, 32, "RGB"), 64)
    with torch.no_grad():
        stem = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(images))))
        assert torch.equal(ours.stem(images), stem)
        assert torch.equal(ours.stages[0](ours.stem(images)), theirs.layer1(stem))


@pytest.mark.parametrize("order", ["BGR", "L"])
def test_other_orders_of_channels_see_the_same(weights: Path, order: str) -> None:
    ours, colour = network(order).eval(), network("RGB").eval()
    ours.load_pretrained(str(weights))
    colour.load_pretrained(str(weights))
    image = torch.rand(1, 1 if order == "L" else 3, 32, 64, generator=torch.Generator().manual_seed(0))
    seen = image.expand(1, 3, 32, 64) if order == "L" else image.flip(1)
    with torch.no_grad():
        assert torch.allclose(ours.stem(image), colour.stem(seen), atol=1e-5)


def test_the_rest_stays_as_it_is(weights: Path) -> None:
    model = network("RGB")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_pretrained(str(weights))
    same = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in same if name.endswith("weight")} >= {"sequence", "head"}


def test_files_older_than_the_counters_of_batch_norms_are_read(weights: Path, tmp_path: Path) -> None:
    """Those from before PyTorch 0.4.1 are such."""
    state = torch.load(weights, weights_only=True)
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    torch.save(old, tmp_path / "old.pth")
    ours, theirs = network("RGB"), network("RGB")
    ours.load_pretrained(str(tmp_path / "old.pth"))
    theirs.load_pretrained(str(weights))
    assert torch.equal(ours.stem[0].weight, theirs.stem[0].weight)  # type: ignore[arg-type]  # of a Sequential
    assert torch.equal(ours.stages[1][0].bn1.running_var, theirs.stages[1][0].bn1.running_var)  # type: ignore[index,union-attr,arg-type]  # of a Sequential


def test_missing_weights_and_those_of_another_network(weights: Path, tmp_path: Path) -> None:
    model = network("RGB")
    with pytest.raises(ModelError, match="no such file"):
        model.load_pretrained(str(tmp_path / "nothing.pth"))
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ModelError, match="not a file of weights"):
        model.load_pretrained(str(tmp_path / "text.pth"))
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"conv1\.weight is \(1,\), expected"):
        model.load_pretrained(str(tmp_path / "other.pth"))


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(
        ModelError, match=r"ImageNet weights of ResNet-18 could not be downloaded .*no network"
    ) as caught:
        network("RGB").load_pretrained()
    assert "resnet18" in str(caught.value.hint) and "Train.pretrain_weight_path=FILE" in str(caught.value.hint)


def test_an_efficientnet_takes_its_own_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = models.efficientnet_b0(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "b0.pth")
    spec = spec_of("resnet_bilstm", {**PARAMS, "backbone": "efficientnet_b0"}, 32, "RGB")
    ours = build_model(spec)
    assert isinstance(ours, ResNetBiLSTM)
    ours.load_pretrained(str(tmp_path / "b0.pth"))
    images = images_for(spec, 64)
    with torch.no_grad():
        assert torch.equal(ours.eval().stages[:2](ours.stem(images)), theirs.features[:3](images))
    with pytest.raises(ModelError, match="not the weights of ResNet-18"):
        network("RGB").load_pretrained(str(tmp_path / "b0.pth"))


@pytest.mark.parametrize("layers", [1, 3])
def test_the_number_of_lstm_layers_is_a_parameter(layers: int) -> None:
    model = build_model(spec_of("resnet_bilstm", {**PARAMS, "layers": layers}, 32, "L"))
    assert sum(isinstance(module, torch.nn.LSTM) for module in model.modules()) == layers


def test_a_network_without_weights_is_built_in_a_fresh_process() -> None:
    """torchvision is imported for it, and with it parts of torch that compute: not on the meta device."""
    code = (
        "import torch; from ocrx.models import build_model, frame_spec; from ocrx.model_spec import *\n"
        "image, params = ImageSpec(height=32), {'hidden': 8, 'stages': 2}\n"
        "spec = ModelSpec('resnet_bilstm', params, tuple('ab'), image, frame_spec('resnet_bilstm', params, image))\n"
        "with torch.device('meta'): model = build_model(spec)\n"
        "assert all(weight.device.type == 'meta' for weight in model.parameters())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
