from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from ocrx.data.checks.image_scan import scan_images
from ocrx.data.checks.near_duplicates import find_near_duplicates


def _line(text: str) -> Image.Image:
    image = Image.new("L", (14 * len(text) + 10, 32), 250)
    ImageDraw.Draw(image).text((5, 2), text, fill=10, font=ImageFont.load_default(size=24))
    return image


@pytest.mark.parametrize("change", ["jpeg", "bright", "scaled", "same pixels"])
def test_near_duplicates_are_found(change: str, tmp_path: Path) -> None:
    original = _line("Invoice 2024-17")
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    original.save(paths[0])
    _line("Quittung 99-0831").save(paths[1])
    if change == "jpeg":
        paths[2] = tmp_path / "c.jpg"
        original.save(paths[2], quality=50)
    elif change == "bright":
        ImageEnhance.Brightness(original).enhance(0.7).save(paths[2])
    elif change == "scaled":
        original.resize((original.width * 9 // 10, original.height * 9 // 10), Image.Resampling.LANCZOS).save(paths[2])
    else:
        original.convert("RGB").save(paths[2])
    scan = scan_images(paths)
    facts = scan.facts[scan.row_of]
    found = list(find_near_duplicates(facts, np.array([0, 1]), np.array([2]), paths))
    assert [(a, b) for a, b, _ in found] == [(0, 2)]


def test_lines_that_differ_in_one_character_are_not_near_duplicates(tmp_path: Path) -> None:
    paths = []
    for i, text in enumerate(["Invoice 2024-17", "Invoice 2024-11", "Invoice 2824-17", "Invoise 2024-17"]):
        paths.append(tmp_path / f"{i}.png")
        _line(text).save(paths[-1])
    scan = scan_images(paths)
    facts = scan.facts[scan.row_of]
    assert list(find_near_duplicates(facts, np.array([0]), np.array([1, 2, 3]), paths)) == []
