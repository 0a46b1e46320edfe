from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

SPEC = ModelSpec(
    "lcnetv4", {"size": "tiny"}, ("a", "ä", " "), ImageSpec(steps=("otsu",)), FrameSpec(((3, 2, 1), (2, 2, 0)))
)


def test_a_spec_survives_json() -> None:
    assert ModelSpec.from_json(SPEC.to_json(), "model.json") == SPEC


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "written in format 99"),
        ({"colour": "red"}, "model.json: colour: no such key"),
        ({"image": {"heihgt": 3}}, "model.json: image.heihgt: no such key"),
        ({"image": {"height": 2, "mean": [0.5], "std": [0.5]}}, "image.height: 2; expected 8 to 4,096"),
        ({"image": 5}, "image: 5; expected a section with keys"),
        ({"image": {"mean": 0.5}}, "image.mean: 0.5; expected a list"),
        ({"image": {"height": "48"}}, "image.height: '48'; expected an integer"),
        ({"image": {"steps": [1]}}, "image.steps: 1; expected text"),
        ({"frames": None}, "frames: missing"),
        ({"frames": {"layers": [[1]]}}, r"frames.layers: \[1\]; expected a list of 3 values"),
        ({"frames": {"layers": [[3, True, 1]]}}, "frames.layers: True; expected an integer"),
        ({"frames": {"layers": [[3, 0, 1]]}}, "frames.layers: 0; expected 1 to 1,000"),
        ({"charset": None}, "charset: None; expected a list"),
        ({"charset": 5}, "charset: 5; expected a list"),
        ({"charset": ["a", 5]}, "charset: 5; expected text"),
        ({"architecture": 5}, "architecture: 5; expected text"),
        ({"image": {"height": 10**15}}, "image.height: 1000000000000000; expected 8 to 4,096"),
        ({"image": {"bucket": 0}}, "image.bucket: 0; expected 1 to 100,000"),
        ({"frames": {"layers": [[3, 2, 10**9]]}}, "frames.layers: 1000000000; expected 0 to 10,000"),
        ({"direction": "up"}, "direction: 'up'; expected one of ltr, rtl"),
        ({"params": []}, r"params: \[\]; expected a section with keys"),
    ],
)
def test_a_wrong_spec_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelSpec.from_json(json.dumps({**json.loads(SPEC.to_json()), **change}), "model.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": 1}', "plain text", "[" * 100_000, "9" * 5000, SPEC.to_json()[:-2] + ', "name": NaN}']
)
def test_an_invalid_spec_is_rejected(text: str) -> None:
    with pytest.raises(ModelError, match=r"model\.json"):
        ModelSpec.from_json(text, "model.json")


LAYER = st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(0, 3))


@given(st.lists(LAYER, max_size=4), st.integers(1, 200))
def test_frames_follow_the_convolutions(layers: list[tuple[int, int, int]], width: int) -> None:
    x = torch.zeros(1, 1, width)
    for kernel, stride, padding in layers:
        if x.shape[2] + 2 * padding < kernel:
            return  # torch refuses a kernel wider than its input; what would follow has no meaning
        x = torch.nn.functional.conv1d(x, torch.ones(1, 1, kernel), stride=stride, padding=padding)
    assert FrameSpec(tuple(layers)).count(width) == x.shape[2]


def test_pixels_of_a_frame_tile_the_line() -> None:
    frames = FrameSpec(((3, 2, 1), (3, 2, 1)))
    assert frames.stride == 4
    edges = [frames.pixels(i) for i in range(5)]
    assert all(left[1] == right[0] for left, right in itertools.pairwise(edges))
    assert edges[0][0] < 4 < edges[1][1]


def test_a_frame_is_where_its_impulse_is() -> None:
    kernels = ((5, 2, 2), (3, 2, 1))
    frames = FrameSpec(kernels)
    for pixel in (10, 31, 50):
        x = torch.zeros(1, 1, 64)
        x[0, 0, pixel] = 1
        for kernel, stride, padding in kernels:
            x = torch.nn.functional.conv1d(
                x, torch.hann_window(kernel + 2)[1:-1].view(1, 1, -1), stride=stride, padding=padding
            )
        left, right = frames.pixels(int(x.argmax()))
        assert left - 1 <= pixel + 0.5 <= right + 1


@given(st.integers(1, 5000), st.integers(1, 500))
def test_bucket_widths_hold_the_image(width: int, height: int) -> None:
    image = ImageSpec()
    resized = image.resized_width(width, height)
    bucket = image.bucket_width(resized)
    assert 1 <= resized <= bucket <= image.max_width
    assert bucket % image.bucket == 0
    assert bucket - resized < image.bucket or bucket == image.min_width


@pytest.mark.parametrize(
    "fields",
    [
        {"order": "RBG"},
        {"filter": "cubic"},
        {"height": 4},
        {"bucket": 0},
        {"min_width": 0},
        {"max_width": 1001},
        {"mean": (0.1, 0.2)},
        {"std": (0.0,)},
        {"steps": ("sharpen",)},
        {"scale": float("nan")},
        {"pad": float("inf")},
        {"max_width": 10**30},
    ],
)
def test_impossible_image_settings_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=f"^{next(iter(fields))}: .*; expected "):
        ImageSpec(**fields)  # type: ignore[arg-type]  # the point of the test


def test_classes_count_the_blank() -> None:
    assert SPEC.classes == 4
    assert np.isclose(SPEC.frame_count(33), SPEC.frames.count(64))
