"""Languages name models; embedded ones come first."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.errors import ConfigError
from ocrx.inference.opening import create_model
from ocrx.zoo import languages
from ocrx.zoo.catalog import CATALOG
from ocrx.zoo.languages import LANGUAGES, model_for_language


def test_every_language_ends_in_a_model_that_is_fetched_by_name() -> None:
    for code, names in LANGUAGES.items():
        assert CATALOG[names[-1]].official, code
        assert all(name in CATALOG for name in names), code


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("en", "printed_latin"),
        ("ko", "korean_PP-OCRv5_mobile_rec"),
        ("KO", "korean_PP-OCRv5_mobile_rec"),
        ("zh_Hant", "PP-OCRv5_mobile_rec"),
        ("hi-IN", "devanagari_PP-OCRv5_mobile_rec"),
        ("bg", "printed_cyrillic"),
        ("kk", "cyrillic_PP-OCRv5_mobile_rec"),
    ],
)
def test_codes(code: str, name: str) -> None:
    assert model_for_language(code) == name


def test_an_embedded_model_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "EMBEDDED_DIR", tmp_path)
    assert model_for_language("de") == "latin_PP-OCRv5_mobile_rec"
    (tmp_path / "printed_latin").mkdir()
    (tmp_path / "printed_latin" / "model.json").touch()
    assert model_for_language("de") == "printed_latin"


def test_auto_is_no_language_with_a_model_of_its_own() -> None:
    with pytest.raises(ConfigError, match="lang: 'auto'"):
        model_for_language("auto")
    assert create_model(lang="AUTO").others is not None
    assert create_model(lang="en").others is None


def test_an_unknown_language_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"lang: 'xx'; expected one of .*ko.*"):
        model_for_language("xx")


def test_a_language_instead_of_a_model() -> None:
    assert create_model(lang="en").spec.name == "printed_latin"
    with pytest.raises(ConfigError, match="lang: given beside a model"):
        create_model("printed_en", lang="en")
