"""Every architecture: shapes, frames, gradients, wrong parameters and heights."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from support.networks import images_for, spec_of

from ocrx.data.loading.loader import Batch
from ocrx.data.sample import Sample
from ocrx.errors import ModelError
from ocrx.model_spec import ImageSpec
from ocrx.models import MODELS, build_model, frame_spec
from ocrx.models.blocks import HardSigmoid
from ocrx.text.charset import Charset
from ocrx.training.preflight import preflight

# Architecture, parameters, height, channel order, bucket: at least one small case each.
CASES: list[tuple[str, dict[str, Any], int, str, int]] = [
    ("cnn_bilstm", {"hidden": 32}, 64, "L", 64),
    ("cnn_bilstm", {"hidden": 32}, 79, "L", 100),
    ("lcnetv4", {}, 32, "L", 32),
    ("lcnetv4", {}, 48, "RGB", 20),
    ("lcnetv4", {"width_stride": 8, "neck": "lightsvtr", "neck_dims": 16, "head_dims": 8}, 32, "L", 32),
    ("lcnetv4", {"width_stride": 8, "neck": "conv"}, 16, "L", 24),
    ("lcnet_lstm", {"channels": [16, 24, 32], "depths": [1, 2, 1], "hidden": 8}, 32, "L", 32),
    ("lcnet_lstm", {"channels": [16, 24, 32], "depths": [1, 2, 1], "hidden": 8, "layers": 2}, 32, "L", 32),
    ("lcnet_lstm", {"channels": [16, 24, 32], "depths": [1, 1, 1], "hidden": 8, "activation": "relu"}, 32, "L", 32),
    ("crnn", {"channels": 32, "hidden": 16}, 32, "L", 33),
    ("resnet_bilstm", {"hidden": 16, "stages": 2}, 32, "L", 30),
    ("resnet_bilstm", {"hidden": 16, "stages": 4}, 64, "RGB", 32),
    ("resnet_bilstm", {"hidden": 16, "stages": 2, "backbone": "efficientnet_b0", "layers": 1}, 32, "L", 30),
    ("resnet_bilstm", {"hidden": 16, "stages": 4, "backbone": "efficientnet_b0", "layers": 3}, 64, "RGB", 32),
    ("svtr_lcnet", {}, 32, "L", 32),
    ("svtr_lcnet", {}, 48, "BGR", 20),
    ("lcnetv3", {"scale": 0.25, "branches": 2, "neck_dims": 16}, 48, "BGR", 30),
    ("hgnet", {"neck_dims": 16}, 16, "L", 32),
    ("hgnetv2", {"neck_dims": 16}, 16, "BGR", 24),
    ("svtrv2", {}, 16, "L", 22),
    ("svtrv2", {"size": "base"}, 32, "RGB", 32),
    ("svtrv2_ch", {}, 16, "BGR", 32),
    ("repsvtr", {}, 32, "BGR", 20),
]


def test_every_architecture_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(MODELS)


@pytest.mark.parametrize(("architecture", "params", "height", "order", "bucket"), CASES)
def test_frames_gradients_and_fused_form(
    architecture: str, params: dict[str, Any], height: int, order: str, bucket: int
) -> None:
    torch.manual_seed(1)
    spec = spec_of(architecture, params, height, order, bucket)
    model = build_model(spec)
    for width in sorted({spec.image.bucket_width(w) for w in (1, 90)}):
        images = images_for(spec, width)
        model.zero_grad()
        logits = model(images)
        assert logits.shape == (2, spec.frames.count(width), spec.classes)
    logits.square().mean().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert without == []
    scramble(model)
    with torch.no_grad():
        assert torch.allclose(model.fuse()(images), model.eval()(images), atol=1e-5, rtol=1e-4)
    if "fused" in {field.name for field in fields(MODELS[architecture].params)}:
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.fuse().modules())
        fused = build_model(spec_of(architecture, {**params, "fused": True}, height, order, bucket))
        fused.load_state_dict(model.fuse().state_dict())


@pytest.mark.parametrize(("architecture", "params", "height", "order", "bucket"), CASES)
def test_every_architecture_passes_the_preflight(
    architecture: str, params: dict[str, Any], height: int, order: str, bucket: int
) -> None:
    torch.manual_seed(1)
    spec = spec_of(architecture, params, height, order, bucket)
    width = spec.image.bucket_width(200)
    labels = [[1, 2, 3], [4, 4]]
    batch = Batch(
        images_for(spec, width),
        torch.tensor([number for label in labels for number in label]),
        torch.tensor([len(label) for label in labels]),
        tuple(Sample(Path(), Charset(spec.charset).decode(label), "drawn") for label in labels),
        torch.tensor([width, width]),
    )
    assert "gradients" in preflight(build_model(spec), spec, batch, torch.device("cpu"))


def scramble(model: torch.nn.Module) -> None:
    """Give batch norms statistics and weights that a wrong fusion would show."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            with torch.no_grad():
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.2)
                module.bias.uniform_(-0.2, 0.2)


# Recognised classes, height, order, and what was published or counted (millions of parameters), in inference form.
COUNTS = [
    ("cnn_bilstm", {}, 97, 64, "L", 17.05, "the design document with 96 characters"),
    ("crnn", {}, 38, 32, "L", 8.45, "deep-text-recognition-benchmark, None-VGG-BiLSTM-CTC"),
    ("svtr_lcnet", {}, 6625, 48, "BGR", 2.64, "counted, PP-OCRv3 mobile"),
    ("lcnetv3", {}, 6625, 48, "BGR", 2.69, "counted, PP-OCRv4 mobile"),
    ("lcnetv3", {}, 18385, 48, "BGR", 4.11, "counted, PP-OCRv5 mobile"),
    ("lcnetv3", {}, 97, 48, "BGR", 1.90, "counted, en PP-OCRv4 mobile"),
    ("hgnet", {}, 6625, 48, "BGR", 22.6, "counted, PP-OCRv4 server"),
    ("hgnetv2", {}, 18385, 48, "BGR", 21.0, "counted, PP-OCRv5 server"),
    ("lcnetv4", {"width_stride": 8, "head_dims": 80}, 6906, 48, "BGR", 1.08, "counted, PP-OCRv6 tiny without neck"),
    ("lcnetv4", {"size": "small", "neck": "lightsvtr", "width_stride": 8}, 18710, 48, "BGR", 5.27, "PP-OCRv6 small"),
    ("lcnetv4", {"size": "medium", "neck": "lightsvtr", "width_stride": 8}, 18710, 48, "BGR", 19.1, "PP-OCRv6 medium"),
    ("svtrv2", {"size": "tiny"}, 95, 32, "RGB", 5.128, "published, SVTRv2-T"),
    ("svtrv2", {"size": "small"}, 95, 32, "RGB", 11.251, "published, SVTRv2-S"),
    ("svtrv2", {"size": "base"}, 95, 32, "RGB", 19.756, "published, SVTRv2-B"),
    ("svtrv2_ch", {}, 6625, 48, "BGR", 21.0, "counted, ch_SVTRv2"),
    ("repsvtr", {}, 6625, 48, "BGR", 6.28, "counted, RepSVTR"),
]


@pytest.mark.parametrize(("architecture", "params", "classes", "height", "order", "millions", "source"), COUNTS)
def test_parameter_counts(
    architecture: str, params: dict[str, Any], classes: int, height: int, order: str, millions: float, source: str
) -> None:
    spec = spec_of(architecture, params, height, order, characters=classes - 1)
    with torch.device("meta"):
        model = build_model(spec).fuse()
    count = sum(p.numel() for p in model.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01), source


def test_cnn_bilstm_is_the_documented_network() -> None:
    model = build_model(spec_of("cnn_bilstm", {}, 64, "L", 64, characters=96))
    assert sum(p.numel() for p in model.parameters()) == 17_053_793


@pytest.mark.parametrize(
    ("architecture", "params", "height", "message"),
    [
        ("lcnetv5", {}, 32, "unknown architecture 'lcnetv5'"),
        ("lcnetv4", {"siez": "tiny"}, 32, "lcnetv4: siez: no such key"),
        ("lcnetv4", {"size": "large"}, 32, "lcnetv4: size: 'large'; expected one of tiny, small, medium"),
        ("lcnetv4", {"width_stride": 4.0}, 32, "width_stride: 4.0; expected one of 4, 8"),
        ("lcnetv4", {"neck_dims": 10**9}, 32, "lcnetv4: neck_dims: 1000000000; expected 0 to 8,192"),
        ("lcnetv3", {"scale": float("nan")}, 48, "lcnetv3: scale: nan; expected a finite number"),
        ("crnn", {"channels": 9}, 32, "crnn: channels: 9; expected a multiple of 8"),
        ("lcnet_lstm", {"depths": [1, 0, 1]}, 32, "lcnet_lstm: depths: 0; expected 1 to 64"),
        ("lcnetv4", {"neck_dims": "96"}, 32, "neck_dims: '96'; expected an integer"),
        ("lcnetv4", {"neck_dims": True}, 32, "neck_dims: True; expected an integer"),
        ("lcnetv4", {"neck_dims": 12}, 32, "lcnetv4: neck_dims: 12; expected a multiple of 8"),
        ("lcnetv4", {}, 40, "images 40 pixels high do not fit; expected 16, 32, 48"),
        ("cnn_bilstm", {}, 32, "images 32 pixels high do not fit; expected 64 to 79"),
    ],
)
def test_what_does_not_fit_is_named(architecture: str, params: dict[str, Any], height: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        spec_of(architecture, params, height)


def test_hints_name_what_was_meant() -> None:
    with pytest.raises(ModelError) as caught:
        spec_of("lcnetv4", {"siez": "tiny"})
    assert caught.value.hint == "did you mean size?"
    with pytest.raises(ModelError) as caught:
        frame_spec("cnn_bilstm", {}, ImageSpec(height=64, bucket=32, min_width=32))
    assert "min_width" in str(caught.value.hint)


def test_the_hard_sigmoid_has_paddles_slope() -> None:
    x = torch.linspace(-4, 4, 1001, dtype=torch.float64)
    expected = (0.1666667 * x + 0.5).clamp(0, 1)
    assert torch.allclose(HardSigmoid()(x), expected, rtol=0, atol=1e-12)
    assert (expected - torch.nn.functional.hardsigmoid(x)).abs().max() > 5e-8
