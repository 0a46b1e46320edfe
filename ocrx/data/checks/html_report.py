"""The findings as one HTML page that needs nothing else: thumbnails, filter by finding, worst first."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment
from PIL import Image

from ocrx.errors import DataError
from ocrx.files import data_uri
from ocrx.imaging.reading import read_image
from ocrx.results import Issue

# A page has to open on a phone: so many findings of one code, and so many thumbnails in all.
SHOWN_PER_CODE = 200
MAX_THUMBNAILS = 400
_THUMBNAIL = (480, 64)


@dataclass(frozen=True)
class ReportData:
    """What the page shows beside the issues: ``facts`` are (name, value) pairs, ``label_errors`` the worst labels."""

    title: str
    passed: bool
    facts: Sequence[tuple[str, str]]
    histogram: Path | None
    characters: Sequence[tuple[str, int, int]]
    label_errors: Sequence[Mapping[str, Any]]


def shown_issues(issues: Sequence[Issue]) -> list[Issue]:
    """The first of each code, as many as the page has room for."""
    seen: Counter[str] = Counter()
    shown = []
    for issue in issues:
        seen[issue.code] += 1
        if seen[issue.code] <= SHOWN_PER_CODE:
            shown.append(issue)
    return shown


def render_report(data: ReportData, issues: Sequence[Issue], images: Mapping[str, Path]) -> str:
    """The page. ``images`` maps a place (``train.txt:17``) to the image that stands there."""
    counts = Counter((issue.severity, issue.code) for issue in issues)
    thumbnails = _Thumbnails(images)
    shown = shown_issues(issues)
    rows = [{**issue.to_dict(), "images": thumbnails.of(issue.where.split(", ")[:2])} for issue in shown]
    label_errors = [{**label, "images": thumbnails.of([label["where"]])} for label in data.label_errors]
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("ocrx.data.checks").joinpath("templates/report.html").read_text("utf-8"))
    return template.render(
        data=data,
        rows=rows,
        label_errors=label_errors,
        codes=[(severity, code, n) for (severity, code), n in counts.items()],
        hidden=len(issues) - len(shown),
        totals=Counter(issue.severity for issue in issues),
        histogram=data_uri(data.histogram.read_bytes(), "image/png") if data.histogram else None,
    )


class _Thumbnails:
    """Small JPEGs as data URIs, each image once, until there are enough."""

    def __init__(self, images: Mapping[str, Path]) -> None:
        self._images = images
        self._made: dict[Path, str | None] = {}

    def of(self, places: Iterable[str]) -> list[str]:
        found = (self._one(self._images[place]) for place in places if place in self._images)
        return [uri for uri in found if uri]

    def _one(self, path: Path) -> str | None:
        if path not in self._made:
            if len(self._made) >= MAX_THUMBNAILS:
                return None
            self._made[path] = _thumbnail(path)
        return self._made[path]


def _thumbnail(path: Path) -> str | None:
    try:
        image = read_image(path).convert("RGB")
    except (DataError, OSError, ValueError):  # a path too long for the system, or with a NUL
        return None
    image.thumbnail(_THUMBNAIL, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return data_uri(buffer.getvalue(), "image/jpeg")
