"""Recipes are found by name; a mistyped one gets a suggestion."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.config import (
    Config,
    find_config,
    load_config,
    model_named_by,
    recipe_names,
    recipe_path,
    recipes_dir,
    to_yaml,
)
from ocrx.errors import ConfigError


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(str(path)) == config
    assert isinstance(config, Config)


def test_a_recipe_is_a_file_of_its_name() -> None:
    assert recipe_path("lcnetv4_tiny") == find_config("lcnetv4_tiny") == recipes_dir() / "lcnetv4_tiny.yaml"
    assert recipe_path("../configs/lcnetv4_tiny") is None
    assert model_named_by("lcnetv4_tiny") == "lcnetv4_tiny"


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("captchas", "captchas: neither a file nor a recipe", "did you mean captcha?"),
        ("lcnetv4-tiny", "lcnetv4-tiny: neither a file nor a recipe", "did you mean lcnetv4_tiny?"),
        ("pp-ocrv4_mobile_rec", "neither a file nor a recipe", "did you mean PP-OCRv4_mobile_rec?"),
        ("captcah.yaml", "captcah.yaml: no such config file", "did you mean captcha?"),
        ("qqqqqqq", "neither a file nor a recipe", "ocrx models"),
    ],
)
def test_a_mistyped_recipe_gets_a_suggestion(source: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(source)
    assert message in caught.value.message and hint in str(caught.value.hint)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such config file"):
        load_config(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="no such config file"):
        find_config(str(tmp_path))
