"""Names of models: the embedded one, and suggestions for a mistyped one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.errors import ConfigError, ModelError
from ocrx.inference.discovery import find_model
from ocrx.model_folder import EMBEDDED_DIR


def test_a_name_means_the_embedded_model() -> None:
    assert find_model("printed_en") == EMBEDDED_DIR / "printed_en"
    assert find_model().is_dir()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("printed_enn", "did you mean printed_en?"),
        ("PP-OCRv4_mobil_rec", "did you mean PP-OCRv4_mobile_rec?"),
        ("qqqqqqq", "embedded: "),
    ],
)
def test_a_mistyped_name_gets_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(ModelError, match=f"{name}: neither a model folder nor the name") as caught:
        find_model(name)
    assert hint in str(caught.value.hint)


def test_invalid_names_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="an empty name"):
        find_model("")
    monkeypatch.setenv("OCRX_OFFLINE", "1")
    monkeypatch.setenv("OCRX_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="OCRX_OFFLINE forbids downloading"):
        find_model("https://example.com/model.onnx")
