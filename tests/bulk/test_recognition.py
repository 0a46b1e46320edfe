"""What of a model decides on a text."""

from __future__ import annotations

import pytest

from ocrx.bulk.recognition import settle_reading
from ocrx.config import config_from_options
from ocrx.errors import ConfigError


def test_the_language_of_a_configuration_decides_on_the_model() -> None:
    by_name = settle_reading(config_from_options({"Predict.model_dir": "printed_cyrillic"}), 1)
    by_language = settle_reading(config_from_options({"Predict.lang": "ru"}), 1)
    assert by_language == by_name
    assert by_language.description != settle_reading(config_from_options({}), 1).description
    with pytest.raises(ConfigError, match="lang: 'auto'"):
        settle_reading(config_from_options({"Predict.lang": "auto"}), 1)
