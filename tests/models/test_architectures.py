"""What is known of an architecture without torch agrees with the network that torch builds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest
import torch
from support.networks import images_for, spec_of

from ocrx.errors import ModelError
from ocrx.models import MODELS, accepted_heights, build_model, frame_spec, parsed_params

# Frames of an image 320 pixels wide, as the docstrings say: W/4, W/8, or less what convolutions without padding lose.
FRAMES = {
    "cnn_bilstm": 320 // 8 - 6,
    "crnn": 320 // 4 - 1,
    "hgnet": 40,
    "hgnetv2": 40,
    "lcnet_lstm": 80,
    "lcnetv3": 40,
    "lcnetv4": 80,
    "repsvtr": 40,
    "resnet_bilstm": 80,
    "svtr_lcnet": 40,
    "svtrv2": 80,
    "svtrv2_ch": 40,
}


def test_the_facts_need_no_torch() -> None:
    code = (
        "import sys; from ocrx.models import MODELS, accepted_heights, parsed_params\n"
        "for name in MODELS: accepted_heights(name, {}), parsed_params(name, {}).frames()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(MODELS))
def test_frames_of_a_line(name: str) -> None:
    heights = accepted_heights(name, {})
    spec = spec_of(name, {}, heights[0])
    assert frame_spec(name, {}, spec.image).count(320) == spec.frames.count(320) == FRAMES[name]


@pytest.mark.parametrize("name", ["cnn_bilstm", "crnn", "lcnet_lstm", "resnet_bilstm", "svtr_lcnet", "svtrv2"])
def test_the_lowest_and_the_highest_image_are_read(name: str) -> None:
    for height in (accepted_heights(name, {})[0], accepted_heights(name, {})[-1]):
        spec = spec_of(name, {}, height)
        model = build_model(spec).eval()
        with torch.no_grad():
            assert model(images_for(spec, 128, 1)).shape == (1, spec.frames.count(128), spec.classes)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_other_heights_are_refused(name: str) -> None:
    heights = accepted_heights(name, {})
    for height in (heights[0] - 1, heights[-1] + 1):
        with pytest.raises(ModelError, match=f"{name}: images {height} pixels high do not fit"):
            spec_of(name, {}, height)


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field.name) for name, entry in sorted(MODELS.items()) for field in fields(entry.params)],
)
def test_every_parameter_has_a_type_and_a_range(name: str, field: str) -> None:
    """No value reaches a network unchecked: neither of another type nor far outside of what makes sense."""
    assert parsed_params(name, {}) == MODELS[name].params()
    for wrong in ({"nested": 1}, "no such value", -(10**9)):
        with pytest.raises(ModelError, match=field):
            parsed_params(name, {field: wrong})
