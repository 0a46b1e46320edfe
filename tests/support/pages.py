"""Page images with lines at known places."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from support.lines import draw_line

LINES = {"first line": (40, 30), "second": (40, 90), "third 33": (60, 150)}
"""Text, and left upper corner in pixels."""
SIZE = (400, 300)

"""Width and height."""

LOCKED_PDF = b"""%%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 50]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>endobj
trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]/Size 5>>
startxref
0
%%%%EOF
""" % (b"41" * 32, b"42" * 32)
"""A PDF whose password is not empty."""

MILLION_PAGES = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 999999>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 50]>>endobj
trailer<</Root 1 0 R/Size 4>>
startxref
0
%%EOF
"""
"""A PDF of one page that says it has 999,999."""


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
