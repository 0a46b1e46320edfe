"""The ``Serve`` section."""

from __future__ import annotations

import pytest

from ocrx.config import ServeConfig, load_config
from ocrx.errors import ConfigError
from ocrx.imaging.reading import MAX_PIXELS


def test_defaults_are_safe() -> None:
    settings = load_config().Serve
    assert settings == ServeConfig() and settings.host == "127.0.0.1" and not settings.allow_urls


@pytest.mark.parametrize(
    "override", ["port=65536", "workers=0", "max_body=0", "queue=100", "timeout=0", f"max_pixels={MAX_PIXELS + 1}"]
)
def test_limits_have_sensible_ranges(override: str) -> None:
    with pytest.raises(ConfigError, match=r"Serve\."):
        load_config(None, [f"Serve.{override}"])


def test_the_pixel_limit_is_the_same_everywhere() -> None:
    assert load_config(None, [f"Serve.max_pixels={MAX_PIXELS}"]).Serve.max_pixels == MAX_PIXELS
