"""Renders the findings as a self-contained HTML page: summary, grouped findings, thumbnails and a filter."""

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

from ocrx.data.checks.grouping import FindingGroup, MergedFinding, split_place
from ocrx.errors import DataError
from ocrx.files import data_uri
from ocrx.imaging.reading import read_image

# Limits that keep the page small enough for a phone.
FINDINGS_PER_CODE = 200
PLACES_PER_FINDING = 20
IMAGES_PER_FINDING = 2
MAX_THUMBNAILS = 400

_THUMBNAIL = (480, 64)


@dataclass(frozen=True)
class ReportData:
    """The content of the page, except for the findings.

    Attributes:
        title: Heading of the page.
        passed: Whether there are no errors.
        facts: Names and values for the summary at the top.
        histogram: PNG file with the histogram of label lengths.
        characters: Characters with the numbers of training and validation labels that contain them.
        label_errors: The most likely label errors, as returned by their ``to_dict``.
    """

    title: str
    passed: bool
    facts: Sequence[tuple[str, str]]
    histogram: Path | None
    characters: Sequence[tuple[str, int, int]]
    label_errors: Sequence[Mapping[str, Any]]


def illustrated_sources(groups: Iterable[FindingGroup]) -> set[str]:
    """List the lines whose images the page shows.

    Args:
        groups: The findings.

    Returns:
        Sources of the lines, such as ``train.txt:17``.
    """
    return {source for group in groups for equal in group.findings[:FINDINGS_PER_CODE] for source in _sources(equal)}


def render_report(data: ReportData, groups: Sequence[FindingGroup], images: Mapping[str, Path]) -> str:
    """Render the page.

    Args:
        data: The content except for the findings.
        groups: The findings.
        images: Image of each source in ``illustrated_sources`` and of each label error.

    Returns:
        The page's HTML.
    """
    thumbnails = _Thumbnails(images)
    rendered = [_group_fields(group, thumbnails) for group in groups]
    label_errors = [{**label, "images": thumbnails.of([label["where"]])} for label in data.label_errors]
    totals: Counter[str] = Counter()
    for group in groups:
        totals[group.severity] += group.count

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("ocrx.data.checks").joinpath("templates/report.html").read_text("utf-8"))
    return template.render(
        data=data,
        groups=rendered,
        label_errors=label_errors,
        totals=totals,
        histogram=data_uri(data.histogram.read_bytes(), "image/png") if data.histogram else None,
    )


def _group_fields(group: FindingGroup, thumbnails: _Thumbnails) -> dict[str, Any]:
    shown = group.findings[:FINDINGS_PER_CODE]

    return {
        "severity": group.severity,
        "code": group.code,
        "count": group.count,
        "hint": group.hint,
        "more": group.count - sum(len(equal.places) for equal in shown),
        "findings": [
            {
                "message": equal.message,
                "hint": equal.hint if equal.hint != group.hint else "",
                "count": len(equal.places),
                "places": equal.first_places(PLACES_PER_FINDING),
                "images": thumbnails.of(_sources(equal)),
            }
            for equal in shown
        ],
    }


def _sources(equal: MergedFinding) -> list[str]:
    """List the sources of the lines whose images illustrate a finding."""
    sources = [source for place in equal.places[:IMAGES_PER_FINDING] for source in split_place(place)]
    return sources[:IMAGES_PER_FINDING]


class _Thumbnails:
    """Creates thumbnails as data URIs, one per image and at most ``MAX_THUMBNAILS``."""

    def __init__(self, images: Mapping[str, Path]) -> None:
        self._images = images
        self._made: dict[Path, str | None] = {}

    def of(self, sources: Iterable[str]) -> list[str]:
        paths = dict.fromkeys(self._images[source] for source in sources if source in self._images)
        return [uri for path in paths if (uri := self._one(path))]

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
