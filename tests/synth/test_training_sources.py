"""What the recipes of the embedded models may not be trained on: the texts and typefaces of the test sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = (
    *("lora", "merriweather", "crimson-pro", "bitter", "raleway", "cardo", "sofia-sans", "piazzolla", "source-sans-3"),
    # other names of the same designs
    *("merriweather-sans", "crimson-text", "sofia", "source-sans-pro", "adobe-sourcesans3", "source-sans"),
)
TEXTS = (
    *("manpages-", "debian-reference", "debian-faq", "gnome-user-docs", "gnome-control-center-data"),
    *("libreoffice-help-", "fortunes-bg", "installation-guide-", "evolution-common", "gnucash-common", "apt-doc"),
    *("developers-reference-", "maint-guide-", "aptitude-doc-", "fortunes-de", "fortunes-cs", "fortunes-es"),
)


def listed(name: str) -> list[str]:
    return (ROOT / "datasets" / name).read_text(encoding="utf-8").split()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_typeface_of_a_test_set_is_installed_for_training(family: str) -> None:
    assert family not in listed("fonts_npm.txt")
    assert not {f"fonts-{family}", f"fonts-{family.replace('-', '')}"} & set(listed("fonts.txt"))


@pytest.mark.parametrize("package", TEXTS)
def test_no_text_of_a_test_set_is_installed_for_training(package: str) -> None:
    assert not [name for name in listed("fonts.txt") if name.startswith(package)]


def test_the_recipes_use_nothing_but_the_listed_sources() -> None:
    for path in sorted((ROOT / "configs").glob("printed_*.yaml")):
        recipe = path.read_text(encoding="utf-8")
        assert "corpus" not in recipe and "extra_datasets" not in recipe, path.name
        for folders in re.findall(r"^\s+fonts: (.*)$", recipe, re.MULTILINE):
            assert folders == "[system, datasets/fonts]", path.name
        for folder in re.findall(r"^\s+languages: (.*)$", recipe, re.MULTILINE):
            assert folder == "datasets/words", path.name


def test_make_fonts_fills_the_folders_of_the_recipes() -> None:
    rule = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nfonts:")[1].split("\n\n")[0]
    assert "datasets/fonts.txt" in rule and "datasets/fonts_npm.txt" in rule
    assert rule.rstrip().splitlines()[-2].endswith("datasets/fonts") and rule.rstrip().endswith("datasets/words")
