"""Runs a prediction for the command line and writes its results.

Apart from the command itself, so that a plain ``ocrx predict line.png`` starts without Typer (``cli.shortcut``).
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocrx.cli import console
from ocrx.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ocrx.config import Config
    from ocrx.inference.results import Prediction
    from ocrx.results import Progress

FORMS = ("tsv", "csv", "jsonl", "json", "text", "page-json", "hocr", "paddlex")  # those of inference.writers.FORMATS


def run(config: Config, inputs: Sequence[str] | None = None, form: str | None = None, details: bool = False) -> int:
    """Read the inputs and write the results as they come.

    Args:
        config: The configuration.
        inputs: What to read; default: ``Predict.input``.
        form: A key of ``inference.writers.FORMATS``; None for a table on a terminal and TSV elsewhere.
        details: Add scores and spans of the characters.

    Returns:
        The exit code: 1 if an image failed.

    Raises:
        OcrxError: There was nothing to read, or the model cannot be used.
    """
    from ocrx.modes import predict as mode

    reading = mode.run(config, inputs)
    console.info(reading.model)
    if reading.calibration is not None and _shows_confidence(form, details):
        console.info(reading.calibration)
    return show(reading.results, form, details, config.Predict.min_score)


def run_as_paddlex(config: Config) -> int:
    """Read ``Predict.input`` as PaddleX does: print ``{'res': ...}``, save JSON and pictures into ``Global.output``.

    Args:
        config: The configuration; its ``Predict.save_dir`` takes the place of ``Global.output``.

    Returns:
        The exit code, see ``run``.
    """
    from dataclasses import replace

    folder = config.Predict.save_dir or config.Global.output
    return run(replace(config, Predict=replace(config.Predict, save_dir=folder)), form="paddlex")


def show(results: Iterable[Prediction], form: str | None, details: bool, min_score: float) -> int:
    """Write results to stdout, failures and warnings to stderr.

    Args:
        results: Predictions, in order.
        form: A key of ``inference.writers.FORMATS``; None for a table on a terminal and TSV elsewhere.
        details: Add scores and spans of the characters.
        min_score: Lines below are left out and counted.

    Returns:
        The exit code: 1 if an image failed.

    Raises:
        DataError: There was nothing to read.
    """
    from ocrx.inference.writers import FORMATS, PAGE_FORMATS

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Texts of any script, and file names of any bytes, whatever the locale.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    terminal = sys.stdout.isatty()
    of_pages = PAGE_FORMATS.get(form or "")
    tally = _Tally(min_score, whole_pages=of_pages is not None)

    with _progress_unless("reading", terminal) as progress:
        kept = tally.watch(results, progress)
        if of_pages is not None:
            chunks = of_pages(kept, details, min_score)
        else:
            chunks = _table_rows(kept, details) if form is None and terminal else FORMATS[form or "tsv"](kept, details)
        for chunk in chunks:
            sys.stdout.write(chunk)
            if terminal or tally.total < 2:
                sys.stdout.flush()

    sys.stdout.flush()
    console.info(tally.summary())
    if not tally.total:
        raise DataError("nothing to read: the list of inputs is empty; expected images")
    return 1 if tally.failed else 0


def output_form(form: str | None, jsonl: bool, json: bool, csv: bool) -> str | None:
    """Choose the form of the output.

    Args:
        form: The value of ``--format``.
        jsonl: ``--jsonl`` was given.
        json: ``--json`` was given.
        csv: ``--csv`` was given.

    Returns:
        One of ``FORMS``; None for a table on a terminal and TSV elsewhere.

    Raises:
        ConfigError: There is no such form, or two are given.
    """
    chosen = [name for name, wanted in (("jsonl", jsonl), ("json", json), ("csv", csv)) if wanted]
    given = [*([f"format {form}"] if form else []), *chosen]
    if len(given) > 1:
        raise ConfigError(f"--{given[0]} and --{given[1]}: expected one of them")
    if form is not None and form not in FORMS:
        raise ConfigError(f"--format: {form!r}; expected one of {', '.join(FORMS)}")
    return form or (chosen[0] if chosen else None)


def _shows_confidence(form: str | None, details: bool) -> bool:
    if form is None:
        return details or sys.stdout.isatty()
    return form != "paddlex"


class _Tally:
    """Counts results as they pass and reports failures and warnings at once.

    Lines below ``min_score`` are left out; with ``whole_pages`` the writer does so, which needs all lines of a page.
    """

    def __init__(self, min_score: float, *, whole_pages: bool) -> None:
        self.total = self.failed = self.below = 0
        self._min_score = min_score
        self._whole_pages = whole_pages
        self._start = time.monotonic()

    def watch(self, results: Iterable[Prediction], progress: Progress) -> Iterator[Prediction]:
        for result in results:
            self.total += 1
            progress(self.total, 0)
            if result.error is not None:
                self.failed += 1
                console.fail(result.error)
            elif result.score < self._min_score:
                self.below += 1
                if self._whole_pages:
                    yield result
                continue

            name = result.input_path or "image"
            if not result.matched:
                console.info(f"warning: {name}: no text satisfies the constraint")
            if result.warning is not None:
                console.info(f"warning: {name}: {result.warning}")
            yield result

    def summary(self) -> str:
        seconds = max(1e-9, time.monotonic() - self._start)
        parts = [f"{self.total - self.failed:,} read in {seconds:.2f} s ({self.total / seconds:,.0f}/s)"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.below:,} below {self._min_score:g} left out"] if self.below else []
        return ", ".join(parts)


def _table_rows(results: Iterable[Prediction], details: bool) -> Iterator[str]:
    """Score, confidence, text and place in columns of fixed width: rows are written as they are read."""
    from ocrx.inference.writers import place

    yield f"{'score':>6}  {'confidence':>10}  {'text':<50}  image\n"
    for result in results:
        if result.error is not None:
            continue
        confidence = "-" if result.confidence is None else f"{result.confidence:.3f}"
        yield f"{result.score:6.3f}  {confidence:>10}  {result.text:<50}  {place(result)}\n"
        if details:
            spans = zip(result.text, result.char_scores, result.char_spans, strict=False)
            yield "".join(f"{'':8}{c}  {score:.3f}  {left:.0f}-{right:.0f}\n" for c, score, (left, right) in spans)


@contextmanager
def _progress_unless(task: str, quiet: bool) -> Iterator[Progress]:
    """Progress, unless the results themselves scroll by on the terminal."""
    if quiet:
        yield lambda done, total: None
    else:
        with console.progress(task) as show_progress:
            yield show_progress
