from __future__ import annotations

from pathlib import Path

from support.lines import draw_line

from ocrx.data.sample import Sample
from ocrx.evaluation.analysis import analyse
from ocrx.evaluation.evaluate import Evaluation, LineResult
from ocrx.evaluation.html_report import Comparison, EvaluatedModel, render_report, worst_lines
from ocrx.evaluation.intervals import intervals
from ocrx.inference.results import Prediction
from ocrx.text.metrics import compute_metrics


def line(folder: Path, truth: str, read: str, score: float, error: str | None = None) -> LineResult:
    sample = Sample(folder / f"{len(truth)}.png", truth, f"val.txt:{len(truth)}")
    details = Prediction(text=read, score=score, confidence=score, error=error)
    return LineResult(sample, read, score, error, details)


def model(name: str, lines: list[LineResult]) -> EvaluatedModel:
    evaluation = Evaluation(compute_metrics((line.truth, line.read) for line in lines), tuple(lines))
    return EvaluatedModel(name, evaluation, analyse(lines))


def test_the_worst_lines_are_the_unreadable_then_those_with_most_edits_and_highest_score(tmp_path: Path) -> None:
    lines = [
        line(tmp_path, "a", "a", 0.9),
        line(tmp_path, "ab", "xb", 0.5),
        line(tmp_path, "abc", "xbc", 0.8),
        line(tmp_path, "abcd", "wxyz", 0.3),
        line(tmp_path, "abcde", "", 0.0, error="no such file"),
    ]
    assert worst_lines(lines, 10) == [4, 3, 2, 1]
    assert worst_lines(lines, 2) == [4, 3]


def test_the_report_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    draw_line("x").save(tmp_path / "3.png")
    first = model("<first>", [line(tmp_path, "<b>", "<i>", 0.5)])
    html = render_report("data & more", first, None, 5)
    assert "&lt;first&gt;" in html and "data &amp; more" in html and "<b>" not in html
    assert 'src="data:image/png;base64,' in html and "http" not in html
    assert "Brier score of the confidence" in html


def test_a_comparison_shows_both_models(tmp_path: Path) -> None:
    first = model("first", [line(tmp_path, "abc", "abc", 0.9)])
    second = model("second", [line(tmp_path, "abc", "abd", 0.4)])
    differences = intervals(first.evaluation.lines, second.evaluation.lines)
    html = render_report("data", first, Comparison(second, differences, only_first=1, only_second=0), 5)
    assert "A: first" in html and "B: second" in html and "Exact with A only: 1 lines" in html
