"""Fonts for the text below a picture."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image, ImageFont
from support.lines import draw_line

from ocrx.inference import caption_font as module
from ocrx.inference.caption_font import caption_font
from ocrx.inference.drawing import draw_prediction
from ocrx.inference.results import Prediction

NOWHERE = "\U0010fff0"  # for private use: no font has it


def picture(text: str) -> Image.Image:
    spans = tuple((number, number + 1) for number in range(len(text)))
    return draw_prediction(
        draw_line("x"), Prediction(text=text, score=0.5, char_scores=(0.9,) * len(text), char_spans=spans)
    )


def test_the_default_font_draws_ascii_and_dejavu_more() -> None:
    assert caption_font("Total 42.50", 24).note == ""
    chosen = caption_font("Größe Ωμέγα жук", 24)
    assert chosen.note == "" and "DejaVu" in chosen.font.getname()[0]  # type: ignore[union-attr]


def test_characters_that_no_font_has_are_named_in_the_picture() -> None:
    chosen = caption_font(f"é{NOWHERE}", 24)
    assert chosen.missing == NOWHERE and chosen.note == "no font here has U+10FFF0"
    plain, noted = picture("é"), picture(f"é{NOWHERE}")
    assert noted.height > plain.height
    bottom = np.asarray(noted)[plain.height :]
    assert (bottom.min(axis=2) < 128).any(), "the note is written below"


@pytest.mark.parametrize(("text", "unshaped"), [("مرحبا", True), ("हिन्दी", True), ("Größe", False)])
def test_letters_that_cannot_be_joined_are_reported(text: str, unshaped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.features, "check", lambda name: False)
    assert ("raqm" in caption_font(text, 24).note) == unshaped
    monkeypatch.setattr(module.features, "check", lambda name: True)
    assert "raqm" not in caption_font(text, 24).note


@pytest.mark.parametrize("text", ["漢字", "かな", "한글", "हिन्दी", "ไทย"])
@pytest.mark.skipif(shutil.which("fc-match") is None, reason="no fontconfig here")
def test_fontconfig_finds_a_font_that_has_the_characters(text: str) -> None:
    chosen = caption_font(text, 24)
    if chosen.missing:
        pytest.skip(f"this machine has no font with {text}")
    masks = {bytes(chosen.font.getmask(character)) for character in text}
    assert len(masks) == len(set(text)), "no two are the same box"


@pytest.mark.parametrize("found", ["", "/missing/font.ttf\t0", "nonsense"])
def test_without_fontconfig_the_best_of_the_rest_is_taken(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = (found.split("\t")[0], 0) if "\t" in found else None
    monkeypatch.setattr(module, "_from_fontconfig", lambda text: result)
    chosen = caption_font("漢é", 24)
    assert chosen.missing == "漢" and isinstance(chosen.font, ImageFont.FreeTypeFont)


def test_a_search_that_fails_is_no_font(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: "/missing/fc-match")
    assert module._from_fontconfig("漢") is None
