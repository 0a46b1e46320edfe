"""Rendered lines of text, alone and as a small dataset."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont


def draw_line(text: str, height: int = 32, margin: int = 4) -> Image.Image:
    """A clean black-on-white line with Pillow's built-in font."""
    font = ImageFont.load_default(size=height - 2 * margin)
    left, top, right, bottom = font.getbbox(text or " ")
    image = Image.new("L", (int(right - left) + 2 * margin, height), 255)
    ImageDraw.Draw(image).text((margin - left, (height - (bottom - top)) / 2 - top), text, fill=0, font=font)
    return image


def make_line_folder(root: Path) -> Path:
    """A small dataset in PaddleX's layout: 8 training lines, 4 validation lines, no dict.txt."""
    folder = root / "lines"
    (folder / "images").mkdir(parents=True)
    words = ["one", "two 22", "three", "four 4", "five", "six", "seven 7", "eight", "nine", "ten", "two", "one 1"]
    for i, word in enumerate(words):
        draw_line(word).save(folder / "images" / f"{i:02}.png")
    rows = [f"images/{i:02}.png\t{word}\n" for i, word in enumerate(words)]
    (folder / "train.txt").write_text("".join(rows[:8]), encoding="utf-8")
    (folder / "val.txt").write_text("".join(rows[8:]), encoding="utf-8")
    return folder


def draw_page(words: list[str], height: int = 40, gap: int = 30) -> Image.Image:
    """A white page, 600 pixels wide, with a word in each line."""
    sheet = Image.new("L", (600, 60 + (height + gap) * len(words)), 255)
    for row, word in enumerate(words):
        sheet.paste(draw_line(word, height=height), (40, 30 + (height + gap) * row))
    return sheet
