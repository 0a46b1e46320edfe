"""Reports for the eye on stderr, results for programs on stdout. The only module that imports rich.

Rich is imported where something is drawn: a plain line does not wait for it.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocrx.errors import OcrxError
from ocrx.results import Progress, to_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ocrx.inference.results import Prediction
    from ocrx.modes.benchmark import BenchmarkReport
    from ocrx.modes.check_dataset import CheckReport
    from ocrx.modes.evaluate import EvaluateReport
    from ocrx.modes.explain import Explanation
    from ocrx.modes.export import ExportReport
    from ocrx.modes.import_model import ImportReport
    from ocrx.modes.models import ModelRow
    from ocrx.modes.synth import SynthReport
    from ocrx.modes.train import TrainReport

PLAIN_INTERVAL_S = 10.0
FINDINGS_ON_TERMINAL = 5


def eye() -> Console:
    """The console for everything that is not a result."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def note(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{message}\n")


def show_error(error: OcrxError) -> None:
    """``error: where: what; expected`` and ``hint: what to do``."""
    fail(error.message)
    if error.hint:
        note(f"{_bold('hint:')} {error.hint}")


def fail(message: str) -> None:
    """One line on stderr that begins with ``error:``."""
    note(f"{_bold('error:', red=True)} {message}")


def _bold(word: str, red: bool = False) -> str:
    if not sys.stderr.isatty() or "NO_COLOR" in os.environ:
        return word
    return f"\033[1{';31' if red else ''}m{word}\033[0m"


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """A progress callback: a bar with the rate on a terminal, a plain line every ten seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress(what)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Bar(*columns, console=eye(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _plain_progress(what: str) -> Progress:
    start = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_INTERVAL_S:
            last = now
            note(f"{what}: {done:,}{f'/{total:,}' if total else ''} ({done / (now - start):,.0f}/s)")

    return show


def show_predictions(results: Iterable[Prediction], form: str | None, details: bool, min_score: float) -> int:
    """Results to stdout as they come (``form`` None: a table on a terminal, TSV elsewhere); failures to stderr.

    Lines below ``min_score`` are left out and counted. Returns the exit code: 1 if an image failed or none came.
    """
    from ocrx.inference.writers import FORMATS

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Texts of any script, and file names of any bytes, whatever the locale.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    terminal = sys.stdout.isatty()
    tally = _Tally(min_score)
    with _maybe_progress("reading", terminal) as progress:
        kept = tally.watch(results, progress)
        chunks = _rows(kept) if form is None and terminal else FORMATS[form or "tsv"](kept, details)
        for chunk in chunks:
            sys.stdout.write(chunk)
            if terminal or tally.total < 2:
                sys.stdout.flush()
    sys.stdout.flush()
    note(tally.summary())
    return 1 if tally.failed or not tally.total else 0


class _Tally:
    """Counts results on their way; tells of failures and warnings at once."""

    def __init__(self, min_score: float) -> None:
        self.total = self.failed = self.below = 0
        self._min_score = min_score
        self._start = time.monotonic()

    def watch(self, results: Iterable[Prediction], progress: Progress) -> Iterator[Prediction]:
        for result in results:
            self.total += 1
            progress(self.total, 0)
            if result.error is not None:
                self.failed += 1
                fail(result.error)
            elif result.score < self._min_score:
                self.below += 1
                continue
            if not result.matched:
                note(f"warning: {result.input_path or 'image'}: no text fits that satisfies what is asked for")
            if result.warning is not None:
                note(f"warning: {result.input_path or 'image'}: {result.warning}")
            yield result

    def summary(self) -> str:
        seconds = max(1e-9, time.monotonic() - self._start)
        parts = [f"{self.total - self.failed:,} read in {seconds:.2f} s ({self.total / seconds:,.0f}/s)"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.below:,} below {self._min_score:g} left out"] if self.below else []
        return ", ".join(parts)


def _rows(results: Iterable[Prediction]) -> Iterator[str]:
    """Score, text and place in columns; rows come as they are read, so the widths are fixed."""
    from ocrx.inference.writers import place

    yield f"{'score':>6}  {'text':<50}  image\n"
    for result in results:
        if result.error is None:
            yield f"{result.score:6.3f}  {result.text:<50}  {place(result)}\n"


@contextmanager
def _maybe_progress(what: str, quiet: bool) -> Iterator[Progress]:
    """Progress, unless the results themselves scroll by on the terminal."""
    if quiet:
        yield lambda done, total: None
    else:
        with progress(what) as show:
            yield show


def show_check(report: CheckReport, as_json: bool) -> int:
    """Findings on stdout (on a terminal the first of each kind), what they come to on stderr; the exit code."""
    if as_json:
        sys.stdout.write(to_json({"check_pass": report.passed, **report.to_dict()}) + "\n")
    else:
        most = FINDINGS_ON_TERMINAL if sys.stdout.isatty() else sys.maxsize
        shown: Counter[str] = Counter()
        for issue in report.issues:
            shown[issue.code] += 1
            if shown[issue.code] <= most:
                sys.stdout.write(f"{issue.where}: {issue.severity}: {issue.message} [{issue.code}]\n")
        for label in report.label_errors[:most]:
            read = f"labelled {label.sample.text!r}, read {label.prediction!r}, log odds {label.log_odds:.1f}"
            sys.stdout.write(f"{label.sample.source}: info: {read} [suspect]\n")
    from rich.markup import escape

    console = eye()
    for action in report.actions:
        console.print(f"[bold]done:[/] {escape(action)}", soft_wrap=True)
    if report.issues:
        console.print(_findings_table(report))
    verdict = "[bold green]passed[/]" if report.passed else "[bold red]failed[/]"
    parts = f"{report.train:,} training and {report.val:,} validation lines ({report.layout}), {report.images:,} images"
    page = report.output / "check_dataset" / "report.html"
    console.print(f"{verdict}: {parts}; see {escape(str(page))}", soft_wrap=True)
    return 0 if report.passed else 1


def show_synth(report: SynthReport) -> None:
    """What was drawn, and where the contact sheet lies."""
    lines = f"{report.train:,} training and {report.val:,} validation lines"
    note(
        f"{lines} of {report.characters} characters in {report.faces} faces; see {report.output / 'contact_sheet.png'}"
    )


def show_explanation(seen: Explanation, as_json: bool) -> None:
    """The readings on stdout, the most probable first; the verdict and where the picture lies on stderr."""
    if as_json:
        sys.stdout.write(to_json(seen.to_dict()) + "\n")
    else:
        for text, log_prob in seen.candidates:
            sys.stdout.write(f"{log_prob:10.3f}\t{text}\n")
    note(f"reads {seen.reading.text!r}" + (f", decoded {seen.found!r}" if seen.found != seen.reading.text else ""))
    if not seen.matched:
        note("no text that is allowed fits the image")
    note(f"{seen.verdict}; see {seen.picture}")


def _findings_table(report: CheckReport) -> Table:
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table("", "finding", Column("count", justify="right"), "first", "what to do", box=None, pad_edge=False)
    colours = {"error": "red", "warning": "yellow", "info": "blue"}
    first = {issue.code: issue for issue in reversed(report.issues)}
    for severity, code, count in report.counts():
        issue = first[code]
        place = escape(issue.where.split(", ")[0])
        table.add_row(f"[{colours[severity]}]{severity}[/]", code, f"{count:,}", place, escape(issue.hint))
    return table


def show_evaluation(report: EvaluateReport, as_json: bool) -> int:
    """Metrics to stdout; intervals, worst lines and failures to stderr. Exit code 1 if an image could not be read."""
    from rich.markup import escape
    from rich.table import Table

    console = eye()
    for line in report.failed:
        fail(f"{line.sample.source}: {line.error}")
    for issue in report.issues:
        if issue.severity != "info":
            note(f"{issue.severity}: {issue.where}: {issue.message}")
    if as_json:
        sys.stdout.write(to_json({"done_flag": True, **report.to_dict()}, indent=2) + "\n")
    else:
        sys.stdout.write("".join(_metric_rows(report)))
    sys.stdout.flush()
    worst = Table("image", "label", "read", "score", title="worst lines", title_justify="left", box=None)
    for line in report.worst[:10]:
        read = line.prediction if line.error is None else line.error
        worst.add_row(*map(escape, (line.sample.source, line.sample.text, read, f"{line.score:.3f}")))
    if report.worst:
        console.print(worst)
    calibration = report.analysis.calibration
    if calibration.threshold is not None:
        share = f"{calibration.kept:.1%} of the lines, {calibration.precision:.0%} of them exact"
        note(f"score {calibration.threshold:.4f} or more: {share}")
    note(f"report: {report.report_file}, every line: {report.lines_file}")
    return 1 if report.failed else 0


def _metric_rows(report: EvaluateReport) -> Iterator[str]:
    """``name<TAB>value<TAB>low<TAB>high`` with the 95 % interval where there is one; of a second model as well."""
    other = report.compared
    head = ["metric", "value", "95% low", "95% high"]
    yield "\t".join(head if other is None else [*head, "", "second", "difference 95% low", "high"]) + "\n"
    for name in ("accuracy", "norm_edit_dis", "cer", "wer", "accuracy_ci", "cer_ci"):
        row = [name, f"{getattr(report.metrics, name):.4f}"]
        row += [f"{bound:.4f}" for bound in report.analysis.intervals.get(name, ())]
        if other is not None:
            row += [""] * (4 - len(row))  # not every metric has an interval
            row += ["compared", f"{getattr(other.metrics, name):.4f}"]
            row += [f"{bound:+.4f}" for bound in other.differences.get(name, ())]
        yield "\t".join(row) + "\n"
    yield f"lenient_acc\t{report.metrics.lenient.acc:.4f}\nlines\t{report.metrics.count}\n"


def show_export(report: ExportReport) -> None:
    """The file to stdout; how it compares to stderr."""
    sys.stdout.write(f"{report.file}\n")
    sys.stdout.flush()
    note(f"{report.bytes / 2**20:.1f} MiB; largest difference of a logit {report.largest_difference:.2g}")
    if report.accuracy is not None and report.accuracy_before is not None:
        loss = f"{report.accuracy:.2%} exact, before {report.accuracy_before:.2%}"
        note(f"{report.lines} lines: {report.texts_changed} texts changed, {loss}")
    else:
        note("compared on noise only; --data DIR compares on real lines")


def show_models(rows: Sequence[ModelRow], as_json: bool) -> None:
    """One row a model to stdout: TSV in a pipe, a table on a terminal."""
    if as_json:
        sys.stdout.write(to_json([row.to_dict() for row in rows], indent=2) + "\n")
        sys.stdout.flush()
        return
    head = ["name", "script", "classes", "parameters", "GMAC", "at", "published MB", "published accuracy", "source"]
    cells = [
        [
            *(row.name, row.script, str(row.classes), f"{row.parameters / 1e6:.2f} M", f"{row.gmac:.2f}"),
            *(row.cost_size, f"{row.published_mb or ''}", f"{row.published_accuracy or ''}", row.source, row.weights),
        ]
        for row in rows
    ]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*head, "official weights", box=None)
        for cell in cells:
            table.add_row(*map(escape, cell))
        Console(highlight=False).print(table)
    else:
        sys.stdout.write("".join("\t".join(cell) + "\n" for cell in [[*head, "official weights"], *cells]))
        sys.stdout.flush()


def show_import(report: ImportReport) -> None:
    """The folder to stdout; what was found to stderr."""
    sys.stdout.write(f"{report.output}\n")
    sys.stdout.flush()
    note(f"{report.name}: {report.parameters / 1e6:.2f} M parameters, {report.classes} classes, every tensor used")
    for line in report.notes:
        note(line)
    if report.difference is not None:
        note(f"largest difference of a probability from the original on the same input: {report.difference:.1e}")
    note(f"read with it: ocrx predict IMAGE --model {report.output}")


def show_training(report: TrainReport) -> None:
    """How a training ended, and what to do next."""
    if report.nothing_to_do:
        return
    if report.interrupted:
        note(f"stopped after step {report.steps}; go on with --resume --output {report.output}")
        return
    best = f"best after epoch {report.best_epoch}" if report.best_epoch else "no epoch was better than the start"
    note(
        f"done in {report.minutes:.1f} minutes, {report.epochs} epochs; {best}:"
        f" {100 * report.best_accuracy:.2f} % exact lines, CER {100 * report.best_cer:.2f} %"
    )
    if report.skipped_updates:
        note(f"{report.skipped_updates} updates were skipped because loss or gradient was not finite; see train.log")
    note(f"read with it: ocrx predict IMAGE --model {report.output / 'best_accuracy'}")


def show_benchmark(report: BenchmarkReport, as_json: bool) -> None:
    """A row for each measurement, fastest first, to stdout: TSV in a pipe, a table on a terminal."""
    head = ["back end", "precision", "threads", "batch", "ms a line", "lines/s", "p50 ms", "p95 ms", "read", "prepare"]
    head += ["network", "decode", "MiB", "texts changed"]
    rows = []
    for t in report.timings:
        row = [t.backend, t.precision, str(t.threads), str(t.batch_size), f"{t.ms_per_line:.2f}"]
        row += [f"{t.lines_per_second:.0f}", f"{t.p50_ms:.2f}", f"{t.p95_ms:.2f}"]
        row += [f"{stage.ms_per_line:.2f}" for stage in t.stages]
        rows.append([*row, f"{t.memory_mib:.0f}", f"{t.text_mismatch_rate:.2%}"])
    if as_json:
        sys.stdout.write(to_json(report.to_dict(), indent=2) + "\n")
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*head, box=None)
        for row in rows:
            table.add_row(*row)
        Console(highlight=False).print(table)
    else:
        sys.stdout.write("".join("\t".join(row) + "\n" for row in [head, *rows]))
    sys.stdout.flush()
    for reason in report.skipped:
        note(f"not measured: {reason}")
    if report.tuned is not None:
        tuned = report.tuned
        setting = f"{tuned.backend} {tuned.precision}, {tuned.threads} threads, batch {tuned.batch_size}"
        note(f"noted in {report.tuned_file}: {setting}; `ocrx predict --hpip` uses it")
