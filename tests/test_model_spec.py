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
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"image": {"heihgt": 3}}, "unknown field 'heihgt'"),
        ({"image": {"height": 2, "mean": [0.5], "std": [0.5]}}, "height must be at least 8"),
        ({"image": 5}, "image must be an object, not 5"),
        ({"image": {"mean": 0.5}}, "mean must be a list of numbers, not 0.5"),
        ({"image": {"height": "48"}}, 'height must be an integer, not "48"'),
        ({"image": {"steps": [1]}}, r"steps must be a list of texts, not \[1\]"),
        ({"frames": None}, "frames must be an object, not null"),
        ({"frames": {"layers": [[1]]}}, r"layers must be a list of lists of three integers, not \[\[1\]\]"),
        ({"frames": {"layers": [[3, True, 1]]}}, "layers must be a list of lists of three integers"),
        ({"frames": {"layers": [[3, 0, 1]]}}, "no layer has kernel 3, stride 0"),
        ({"charset": None}, "charset must be a list of texts, not null"),
        ({"charset": 5}, "charset must be a list of texts, not 5"),
        ({"charset": ["a", 5]}, "charset must be a list of texts"),
        ({"architecture": 5}, "architecture must be a text"),
        ({"params": []}, "params must be an object"),
    ],
)
def test_a_wrong_spec_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelSpec.from_json(json.dumps({**json.loads(SPEC.to_json()), **change}), "model.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "plain text"])
def test_what_is_no_spec_is_refused(text: str) -> None:
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


def test_a_frame_stands_where_its_impulse_is() -> None:
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
    ],
)
def test_impossible_image_settings_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="image: "):
        ImageSpec(**fields)  # type: ignore[arg-type]  # the point of the test


def test_classes_count_the_blank() -> None:
    assert SPEC.classes == 4
    assert np.isclose(SPEC.frame_count(33), SPEC.frames.count(64))
