"""The checks know the geometry of every recipe, and load no network for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ocrx.config import load_config, recipe_names
from ocrx.data.checks.geometry import recipe_geometry
from ocrx.model_spec import ImageSpec


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_a_geometry(name: str) -> None:
    config = load_config(name)
    image = config.Image
    known = recipe_geometry(name, config.Model.architecture, config.Model.params, image)
    assert known is not None
    assert known.frame_count(320, image.height) == known.frames.count(image.bucket_width(320))


@pytest.mark.parametrize(("stride", "frames"), [(4, 80), (8, 40)])
def test_frames_follow_the_parameters(stride: int, frames: int) -> None:
    known = recipe_geometry("x", "lcnetv4", {"width_stride": stride}, ImageSpec())
    assert known is not None
    assert known.frame_count(320, 32) == frames


def test_an_unknown_architecture_has_none() -> None:
    assert recipe_geometry("x", "unheard-of", {}, ImageSpec()) is None


def test_no_torch_is_loaded() -> None:
    probe = (
        "import sys; from ocrx.data.checks.geometry import recipe_geometry; from ocrx.model_spec import ImageSpec;"
        "recipe_geometry('x', 'crnn', {}, ImageSpec()); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"
