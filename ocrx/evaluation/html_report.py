"""``report.html``: an evaluation as one self-contained page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from PIL import Image

from ocrx.errors import DataError
from ocrx.evaluation.analysis import Analysis, Pair, edit_pairs
from ocrx.evaluation.evaluate import Evaluation, LineResult
from ocrx.evaluation.intervals import METRICS, Interval
from ocrx.files import data_uri
from ocrx.imaging.reading import read_image

_PICTURE_HEIGHT = 48
_PICTURE_WIDTH = 900


@dataclass(frozen=True)
class EvaluatedModel:
    """A model, its evaluation and the analysis."""

    name: str
    evaluation: Evaluation
    analysis: Analysis


@dataclass(frozen=True)
class Comparison:
    """Two models on the same lines; ``differences`` are intervals of second - first."""

    second: EvaluatedModel
    differences: dict[str, Interval]
    only_first: int
    only_second: int


@dataclass(frozen=True)
class _Row:
    source: str
    picture: str
    truth: Sequence[Pair]
    readings: Sequence[tuple[Sequence[Pair], float, str]]


def render_report(dataset: str, evaluated: EvaluatedModel, comparison: Comparison | None, worst: int) -> str:
    """Render the report as HTML.

    Args:
        dataset: The dataset.
        evaluated: The model.
        comparison: A second model on the same lines.
        worst: Number of lines with the most errors to show with pictures.

    Returns:
        A self-contained document.
    """
    template = (files("ocrx.evaluation") / "report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    models = [evaluated] if comparison is None else [evaluated, comparison.second]
    return environment.from_string(template).render(
        dataset=dataset,
        models=models,
        comparison=comparison,
        rows=[_row(index, models) for index in worst_lines(evaluated.evaluation.lines, worst)],
        differing=_differing(models, worst) if comparison else [],
        metrics=METRICS,
    )


def worst_lines(lines: Sequence[LineResult], count: int) -> list[int]:
    """Find the lines with the most edits, unreadable images first; among equals, the highest score first.

    Args:
        lines: The lines of an evaluation.
        count: Most lines to return.

    Returns:
        Indices into ``lines``.
    """
    wrong = [i for i, line in enumerate(lines) if not line.is_right]
    return sorted(wrong, key=lambda i: (lines[i].error is None, -_errors(lines[i]), -lines[i].score, i))[:count]


def _differing(models: Sequence[EvaluatedModel], count: int) -> list[_Row]:
    first, second = (model.evaluation.lines for model in models)
    different = [i for i in range(len(first)) if first[i].is_right != second[i].is_right]
    return [_row(index, models) for index in different[:count]]


def _row(index: int, models: Sequence[EvaluatedModel]) -> _Row:
    lines = [model.evaluation.lines[index] for model in models]
    truth = lines[0].truth
    readings = [(edit_pairs(truth, line.read), line.score, line.error or "") for line in lines]
    return _Row(lines[0].sample.source, _picture(lines[0]), [(c, c) for c in truth], readings)


def _errors(line: LineResult) -> int:
    return sum(t != p for t, p in edit_pairs(line.truth, line.read))


def _picture(line: LineResult) -> str:
    """The image of a line as a data URI; '' if it cannot be opened."""
    try:
        image = read_image(line.sample.image)
    except DataError:
        return ""
    image.thumbnail((_PICTURE_WIDTH, _PICTURE_HEIGHT), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return data_uri(buffer.getvalue(), "image/png")
