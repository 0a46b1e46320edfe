"""Pages for ``benchmarks/pages.py``: rendered by Chromium from Mallard help pages, with the place of every line.

The texts are those of Debian's gnome-user-docs, which no training list of ocrx holds.
"""

from __future__ import annotations

import html
import json
import random
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

LANGUAGES = {"en": "C", "de": "de", "fr": "fr", "es": "es", "pl": "pl"}
"""Language → its folder in gnome-user-docs."""

_SIZE = (794, 1123)  # A4 in CSS pixels, of which an inch has 96
_MALLARD = "{http://projectmallard.org/1.0/}"
_WORDS = """
<script>
const words = [];
document.querySelectorAll('.block').forEach((block, number) => {
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    for (const found of node.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      for (const box of [...range.getClientRects()].slice(0, 1))
        words.push([found[0], number, box.left, box.top, box.right, box.bottom]);
    }
  }
});
document.body.textContent = 'WORDS' + JSON.stringify(words) + 'END';
</script>
"""


@dataclass(frozen=True)
class Look:
    """How a page is set and scanned."""

    name: str
    dpi: int
    columns: int = 1
    table: bool = False
    degrees: float = 0.0
    font: str = "DejaVu Serif"
    points: float = 11


LOOKS = (
    Look("one column", 100, points=9),
    Look("one column", 200, font="Liberation Serif"),
    Look("two columns", 150, columns=2, points=10),
    Look("two columns", 200, columns=2, font="Liberation Sans", points=10),
    Look("table", 150, table=True, font="Liberation Sans"),
    Look("table", 100, table=True, columns=2, points=10),
    Look("skewed by 1 degree", 150, columns=2, degrees=1.0, font="Liberation Serif"),
    Look("upside down", 150, degrees=180.0, font="Liberation Sans"),
)


@dataclass(frozen=True)
class Line:
    """A line of a page: its text, and left, top, right and bottom in pixels of the upright page."""

    text: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Page:
    """A rendered page: ``image`` is turned by ``degrees``, the lines are those of the upright one, in reading order."""

    image: str
    language: str
    look: str
    dpi: int
    degrees: float
    size: tuple[int, int]
    lines: tuple[Line, ...]


def render_pages(texts: Path, folder: Path) -> list[Page]:
    """Render a page in each look and language; those that are there already are kept.

    Args:
        texts: The folder ``help`` of gnome-user-docs.
        folder: Where the pages are written.

    Returns:
        The pages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for language, place in LANGUAGES.items():
        paragraphs = _paragraphs(texts / place / "gnome-help", language)
        for number, look in enumerate(LOOKS):
            record = folder / f"{language}_{number}.json"
            if not record.is_file():
                page = _render(look, language, paragraphs, random.Random(f"{language}{number}"), record)
                record.write_text(json.dumps(asdict(page), ensure_ascii=False), encoding="utf-8")
            fields = json.loads(record.read_text(encoding="utf-8"))
            lines = tuple(Line(line["text"], tuple(line["box"])) for line in fields.pop("lines"))
            pages.append(Page(**{**fields, "size": tuple(fields["size"])}, lines=lines))
    return pages


def _paragraphs(folder: Path, language: str) -> list[str]:
    found = []
    for path in sorted(folder.glob("*.page")):
        for element in ElementTree.parse(path).iter(f"{_MALLARD}p"):
            text = re.sub(r"\s+", " ", "".join(element.itertext())).strip()
            if 60 < len(text) < 600:
                found.append(text)
    if len(found) < 200:
        raise SystemExit(f"{folder}: {len(found)} paragraphs in {language}; expected the help pages of GNOME")
    return list(dict.fromkeys(found))


def _render(look: Look, language: str, paragraphs: Sequence[str], choice: random.Random, record: Path) -> Page:
    page = _document(look, language, paragraphs, choice)
    factor = look.dpi / 96
    with tempfile.TemporaryDirectory() as place:
        source, picture = Path(place, "page.html"), Path(place, "page.png")
        source.write_text(page, encoding="utf-8")
        scale = f"--force-device-scale-factor={factor}"
        _chromium(source, scale, f"--screenshot={picture}")
        image = Image.open(picture).convert("L")
        source.write_text(page + _WORDS, encoding="utf-8")
        dumped = _chromium(source, scale, "--dump-dom")
    words = json.loads(html.unescape(dumped[dumped.rindex("WORDS") + 5 : dumped.rindex("END")]))

    size = image.size
    turned = image.rotate(-look.degrees, Image.Resampling.BICUBIC, fillcolor=255)
    turned.save(record.with_suffix(".png"), dpi=(look.dpi, look.dpi))
    return Page(
        str(record.with_suffix(".png")), language, look.name, look.dpi, look.degrees, size, _lines(words, factor)
    )


def _document(look: Look, language: str, paragraphs: Sequence[str], choice: random.Random) -> str:
    """HTML of a page; what does not fit on it is left out by its script."""
    chosen = iter(choice.sample(list(paragraphs), 60))
    title = " ".join(next(chosen).split()[:6])
    columns = f"columns: {look.columns}; column-gap: 9mm; column-fill: balance;"
    body = [f"<h1 class=block>{html.escape(title)}</h1>", f"<div class=text style='{columns}'>"]
    length, limit = 0, (1700 if look.table else 2800)
    while length < limit:
        text = next(chosen)
        length += len(text)
        body.append(f"<p class=block>{html.escape(text)}</p>")
    body.append("</div>")
    if look.table:
        body.append(_table(chosen, choice))
        body.append(f"<p class=block>{html.escape(next(chosen))}</p>")
    style = f"""body {{ margin: 18mm; width: {_SIZE[0] - 136}px; font: {look.points}pt/1.35 '{look.font}'; }}
        h1 {{ font-size: 1.6em; }} p {{ margin: 0 0 .8em; text-align: left; }}
        table {{ border-collapse: collapse; margin: 1em 0; }} td {{ border: 1px solid #555; padding: 3px 10px; }}"""
    return f"<html lang={language}><meta charset=utf-8><style>{style}</style><body>{''.join(body)}"


def _table(chosen: Iterator[str], choice: random.Random) -> str:
    rows = []
    for _ in range(choice.randint(6, 9)):
        words = next(chosen).split()[: choice.randint(1, 3)]
        cells = [
            " ".join(words),
            str(choice.randint(1, 999)),
            f"{choice.uniform(1, 5000):,.2f}",
            f"{choice.randint(1, 28)}.{choice.randint(1, 12)}.2026",
        ]
        rows.append("".join(f"<td class=block>{html.escape(cell)}</td>" for cell in cells))
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _chromium(source: Path, *options: str) -> str:
    size = f"--window-size={_SIZE[0]},{_SIZE[1]}"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size, *options]
    done = subprocess.run([*command, source.as_uri()], capture_output=True, text=True, check=True)
    return done.stdout


def _lines(words: Sequence[Sequence[float | str]], factor: float) -> tuple[Line, ...]:
    """Words of one block at one height are a line."""
    lines: list[Line] = []
    previous: tuple[object, float, float] | None = None
    for text, block, *box in words:
        left, top, right, bottom = (float(edge) * factor for edge in box)
        if (
            previous is not None
            and block == previous[0]
            and abs(top - previous[1]) < 3 * factor
            and left >= previous[2]
        ):
            last = lines[-1]
            lines[-1] = Line(f"{last.text} {text}", (last.box[0], last.box[1], right, max(last.box[3], bottom)))
        else:
            lines.append(Line(str(text), (left, top, right, bottom)))
        previous = (block, top, right)
    return tuple(lines)
