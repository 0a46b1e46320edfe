from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ocrx.config import DecodeOptions, load_config
from ocrx.errors import ConfigError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beam": 0}, r"^beam: 0; expected 1 to 10,000"),
        ({"lexicon_margin": -1.0}, r"^lexicon_margin: -1.0; expected 0 to 1,000,000"),
        ({"lm_weight": float("nan")}, r"^lm_weight: nan; expected -1,000 to 1,000"),
        ({"lm_bonus": float("inf")}, r"^lm_bonus: inf; expected -1,000 to 1,000"),
        ({"lm_confidence_threshold": 1.5}, r"^lm_confidence_threshold: 1.5; expected 0 to 1"),
        ({"effort": "most"}, r"^effort: 'most'; expected one of normal, high"),
    ],
)
def test_values_out_of_range_name_their_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DecodeOptions(**fields)


def test_the_former_name_of_the_threshold_is_still_read(tmp_path: Path) -> None:
    assert load_config(None, ["Decode.lm_below=0.8"]).Decode.lm_confidence_threshold == 0.8
    file = tmp_path / "old.yaml"
    file.write_text("Decode: {lm: x.json, lm_below: 0.7}\n", encoding="utf-8")
    assert load_config(str(file)).Decode == DecodeOptions(lm="x.json", lm_confidence_threshold=0.7)
    assert load_config(str(file), ["Decode.lm_confidence_threshold=0.6"]).Decode.lm_confidence_threshold == 0.6
    with pytest.raises(ConfigError, match=r"Decode.lm_below: an old name of Decode.lm_confidence_threshold"):
        load_config(None, ["Decode.lm_below=0.8", "Decode.lm_confidence_threshold=0.8"])


@pytest.mark.parametrize("fields", [{"pattern": "a"}, {"lexicon": ["a"]}, {"allow": "a"}, {"beam": 1}])
def test_constraints_and_beam_replace_the_default_decoder(fields: dict[str, Any]) -> None:
    assert DecodeOptions(**fields).selects_decoder
    assert not DecodeOptions(lm_weight=0.5).selects_decoder
    assert not DecodeOptions(effort="high").selects_decoder
