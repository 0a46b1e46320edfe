"""The geometry that the checker knows has to be that of the networks."""

from __future__ import annotations

import pytest

from ocrx.config import load_config, recipe_names
from ocrx.data.checks.geometry import LAYERS, recipe_geometry
from ocrx.model_spec import ImageSpec
from ocrx.models import MODELS, frame_spec


def test_every_architecture_is_known() -> None:
    assert sorted(LAYERS) == sorted(MODELS)


@pytest.mark.parametrize("name", recipe_names())
def test_frames_of_every_recipe(name: str) -> None:
    config = load_config(name)
    image = config.Image.spec()
    known = recipe_geometry(name, config.Model.architecture, config.Model.params, image)
    assert known is not None
    assert known.frames == frame_spec(config.Model.architecture, config.Model.params, image)


def test_both_width_strides() -> None:
    for stride in (4, 8):
        known = recipe_geometry("x", "lcnetv4", {"width_stride": stride}, ImageSpec())
        assert known is not None
        assert known.frames == frame_spec("lcnetv4", {"width_stride": stride}, ImageSpec())
    assert recipe_geometry("x", "unheard-of", {}, ImageSpec()) is None
