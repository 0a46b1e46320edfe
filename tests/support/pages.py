"""Page images with lines at known places."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from support.lines import draw_line

LINES = {"first line": (40, 30), "second": (40, 90), "third 33": (60, 150)}
"""Text, and left upper corner in pixels."""
SIZE = (400, 300)


def write_page(path: Path) -> dict[str, tuple[int, int, int, int]]:
    """Write a page of LINES; left, top, right and bottom of each line."""
    page = Image.new("L", SIZE, 240)
    boxes = {}
    for text, (x, y) in LINES.items():
        line = draw_line(text, height=32).convert("L")
        page.paste(line, (x, y))
        boxes[text] = (x, y, x + line.width, y + line.height)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)
    return boxes


def corners(box: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Clockwise from the upper left."""
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
