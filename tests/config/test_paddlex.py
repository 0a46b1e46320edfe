"""Keys of PaddleX without a meaning here are named with what replaces them; former names of keys still work."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.config import Config, load_config
from ocrx.config.paddlex import RENAMED, REPLACED
from ocrx.errors import ConfigError
from ocrx.schema import field_paths


@pytest.mark.parametrize("key", sorted(REPLACED))
def test_a_key_of_paddlex_is_accepted_with_a_line(key: str, tmp_path: Path) -> None:
    key = key.replace("*", "cpu_threads")
    notices: list[str] = []
    assert load_config(None, [f"{key}=1"], notice=notices.append) == load_config()
    assert len(notices) == 1 and notices[0].startswith(f"{key}: a key of PaddleX without effect; ")

    sections = key.split(".")
    text = "".join("  " * depth + f"{name}:\n" for depth, name in enumerate(sections[:-1]))
    path = tmp_path / "paddlex.yaml"
    path.write_text(f"{text}{'  ' * (len(sections) - 1)}{sections[-1]}: {{a: b}}\n", encoding="utf-8")
    assert load_config(str(path)) == load_config()


def test_what_replaces_a_key_exists() -> None:
    known = set(field_paths(Config))
    assert not known & set(REPLACED)
    for line in REPLACED.values():
        named = [word.strip(",;.") for word in line.split() if word[0].isupper() and "." in word.strip(",;.")]
        assert set(named) <= known, line


def test_the_documentation_names_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "paddlex.md").read_text(encoding="utf-8")
    assert [key for key in REPLACED if f"| `{key}` |" not in page] == []


@pytest.mark.parametrize("mode", ["trt_fp16", "mkldnn"])
def test_another_run_mode_is_refused_with_its_replacement(mode: str) -> None:
    assert load_config(None, ["Predict.kernel_option.run_mode=paddle"]).Predict.kernel_option.run_mode == "paddle"
    with pytest.raises(ConfigError, match=f"Predict.kernel_option.run_mode: '{mode}'; expected paddle") as caught:
        load_config(None, [f"Predict.kernel_option.run_mode={mode}"])
    assert "Predict.backend" in str(caught.value.hint)


@pytest.mark.parametrize(("section", "old"), RENAMED)
def test_a_former_name_is_an_alias(section: str, old: str) -> None:
    new = RENAMED[section, old]
    value = {"allow": "[leak]", "lm_below": "0.5"}[old]
    assert (
        load_config(None, [f"{section}.{old}={value}"])
        == load_config(None, [f"{section}.{new}={value}"])
        != load_config()
    )
    with pytest.raises(ConfigError, match=rf"{section}\.{old}: an old name of {section}\.{new}"):
        load_config(None, [f"{section}.{old}={value}", f"{section}.{new}={value}"])
