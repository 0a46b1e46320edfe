"""Whole pages: lines found, their order, errors of the text, and time, beside RapidOCR's pipeline and Tesseract.

    python benchmarks/pages.py --texts /usr/share/help --work DIR --output benchmarks/pages.md

Needs Chromium, Debian's gnome-user-docs, tesseract with eng, deu, fra, spa, pol and osd, and ``ocrx[page]``. Every page
is read by each reader in turn, so that all meet the same load of the machine; what was read is kept in DIR.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import logging
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import editdistance
import numpy as np
from page_rendering import Line, Page, render_pages

Polygon = Sequence[Sequence[float]]
Found = tuple[str, list[tuple[Polygon, str]]]
"""The text of a page, and corners and text of each line in reading order."""

TESSERACT_LANGUAGES = {"en": "eng", "de": "deu", "fr": "fra", "es": "spa", "pl": "pol"}
TITLES = {"ocrx": "ocrx", "rapidocr": "RapidOCR 3.10 (PP-OCRv6 small)", "tesseract": "Tesseract 5"}


def ocrx_reader() -> Callable[[Page], Found]:
    from ocrx import create_model
    from ocrx.inference.page_results import group_pages
    from ocrx.inference.results import corners

    model = create_model()

    def read(page: Page) -> Found:
        (found,) = group_pages(model.predict(page.image, lines="detect"))
        return found.text, [(corners(line.box), line.text) for line in found.lines if line.box is not None]

    return read


def rapidocr_reader() -> Callable[[Page], Found]:
    from rapidocr import RapidOCR

    logging.disable(logging.CRITICAL)
    reader: Any = RapidOCR()

    def read(page: Page) -> Found:
        found = reader(page.image)
        boxes, texts = (found.boxes.tolist(), list(found.txts)) if found.txts else ([], [])
        return "\n".join(texts), list(zip(boxes, texts, strict=True))

    return read


def tesseract_reader() -> Callable[[Page], Found]:
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}

    def read(page: Page) -> Found:
        # Mode 1 finds out how the page is turned, as the others do.
        command = ["tesseract", page.image, "-", "-l", TESSERACT_LANGUAGES[page.language], "--psm", "1", "tsv"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        lines: dict[tuple[str, ...], tuple[Polygon, list[str]]] = {}
        for row in csv.DictReader(io.StringIO(done.stdout), delimiter="\t", quoting=csv.QUOTE_NONE):
            key = (row["block_num"], row["par_num"], row["line_num"])
            left, top, width, height = (float(row[name]) for name in ("left", "top", "width", "height"))
            if row["level"] == "4":
                lines[key] = (
                    [(left, top), (left + width, top), (left + width, top + height), (left, top + height)],
                    [],
                )
            elif row["level"] == "5":
                lines[key][1].append(row["text"])
        found = [(box, " ".join(words)) for box, words in lines.values() if words]
        return "\n".join(text for _, text in found), found

    return read


READERS = {"ocrx": ocrx_reader, "rapidocr": rapidocr_reader, "tesseract": tesseract_reader}


@dataclass(frozen=True)
class Score:
    """One page by one reader."""

    page: Page
    found: int
    pairs: int
    in_order: int
    edits: int
    length: int
    seconds: float
    processor: float

    @property
    def lines(self) -> int:
        return len(self.page.lines)


def read_all(pages: Sequence[Page], readers: Sequence[str], work: Path) -> dict[str, list[dict[str, Any]]]:
    """Read every page with every reader, page by page; results that lie in ``work`` are kept."""
    opened: dict[str, Callable[[Page], Found]] = {}
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in readers}
    for page in pages:
        for name in readers:
            record = work / f"{Path(page.image).stem}.{name}.json"
            if not record.is_file():
                if name not in opened:
                    opened[name] = READERS[name]()
                    opened[name](page)  # loads what is loaded on first use
                start, used = time.perf_counter(), _processor_time()
                text, lines = opened[name](page)
                seconds, processor = time.perf_counter() - start, _processor_time() - used
                fields = {"text": text, "lines": lines, "seconds": seconds, "processor": processor}
                record.write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8")
            results[name].append(json.loads(record.read_text(encoding="utf-8")))
    return results


def score(page: Page, result: dict[str, Any]) -> Score:
    boxes = [_upright(polygon, page) for polygon, _ in result["lines"]]
    places = [_place(line, boxes) for line in page.lines]
    known = [place for place in places if place is not None]
    in_order = sum(before <= after for before, after in itertools.pairwise(known))
    expected = " ".join(line.text for line in page.lines)
    edits = editdistance.eval(expected, " ".join(result["text"].split()))
    counts = (len(known), max(0, len(known) - 1), in_order, edits, len(expected))
    return Score(page, *counts, result["seconds"], result["processor"])


def table(scores: dict[str, list[Score]]) -> str:
    """Markdown: all pages, then by language and by look."""
    parts = [
        "| | lines found | neighbours in order | pages all in order | CER | median s a page | processor s a page |"
    ]
    parts.append("|---|---|---|---|---|---|---|")
    parts += [_row(TITLES[name], of_reader) for name, of_reader in scores.items()]
    for title, key in (("Language", "language"), ("Page", "look")):
        kinds = list(dict.fromkeys(getattr(one.page, key) for one in next(iter(scores.values()))))
        parts += ["", f"| {title} | " + " | ".join(f"CER {TITLES[name]}" for name in scores) + " |"]
        parts.append("|---|" + "---|" * len(scores))
        for kind in kinds:
            cells = [
                _cer([one for one in of_reader if getattr(one.page, key) == kind]) for of_reader in scores.values()
            ]
            parts.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def _row(title: str, scores: Sequence[Score]) -> str:
    lines, found = sum(one.lines for one in scores), sum(one.found for one in scores)
    pairs, in_order = sum(one.pairs for one in scores), sum(one.in_order for one in scores)
    whole = sum(one.pairs == one.in_order for one in scores)
    times = [statistics.median(one.seconds for one in scores), statistics.median(one.processor for one in scores)]
    return (
        f"| {title} | {found / lines:.1%} of {lines:,} | {in_order / max(1, pairs):.1%} | {whole} of {len(scores)} | "
        f"{_cer(scores)} | {times[0]:.1f} | {times[1]:.1f} |"
    )


def _cer(scores: Iterable[Score]) -> str:
    scores = list(scores)
    return f"{sum(one.edits for one in scores) / sum(one.length for one in scores):.2%}"


def _upright(polygon: Polygon, page: Page) -> tuple[float, float, float, float]:
    """The rectangle around a polygon on the page before it was turned."""
    centre = np.array(page.size) / 2
    angle = np.radians(-page.degrees)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    points = (np.asarray(polygon, dtype=float) - centre) @ turn + centre
    return (*points.min(axis=0), *points.max(axis=0))


def _place(line: Line, boxes: Sequence[tuple[float, float, float, float]]) -> int | None:
    """Index of the box that holds most of a line; None where boxes at its height hold less than 70 % of its length."""
    left, top, right, bottom = line.box
    middle = (top + bottom) / 2
    covered = [
        max(0.0, min(right, box[2]) - max(left, box[0]))
        if box[1] < middle < box[3] and box[3] - box[1] < 3 * (bottom - top)
        else 0.0
        for box in boxes
    ]
    if not covered or sum(covered) < 0.7 * (right - left):
        return None
    return int(np.argmax(covered))


def _processor_time() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder `help` of gnome-user-docs")
    parser.add_argument("--work", type=Path, required=True, help="folder for pages and results")
    parser.add_argument("--readers", default="ocrx,rapidocr,tesseract")
    parser.add_argument("--output", type=Path, help="Markdown file; default: print")
    options = parser.parse_args()

    pages = render_pages(options.texts, options.work)
    readers = options.readers.split(",")
    results = read_all(pages, readers, options.work)
    scores = {name: [score(page, one) for page, one in zip(pages, results[name], strict=True)] for name in readers}
    report = table(scores)
    if options.output:
        options.output.write_text(report, encoding="utf-8")
    else:
        print(report)


if __name__ == "__main__":
    main()
