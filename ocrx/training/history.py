"""The evaluations of a training as ``history.csv`` and ``curves.png``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ocrx.files import write_file


@dataclass(frozen=True)
class HistoryRow:
    """One evaluation.

    Attributes:
        epoch: Epochs that are complete.
        step: Updates so far.
        minutes: Training time so far.
        learning_rate: Learning rate of the last update.
        train_loss: Mean training loss since the last evaluation.
        val_accuracy: Share of the validation lines that are read exactly.
        val_norm_edit_dis: 1 minus the mean normalised edit distance.
        val_cer: Character error rate.
        images_per_second: Training speed since the last evaluation.
    """

    epoch: int
    step: int
    minutes: float
    learning_rate: float
    train_loss: float
    val_accuracy: float
    val_norm_edit_dis: float
    val_cer: float
    images_per_second: float

    def validation(self) -> dict[str, float]:
        """Pick the validation metrics.

        Returns:
            Metric → value.
        """
        return {name.removeprefix("val_"): v for name, v in asdict(self).items() if name.startswith("val_")}


def write_history(rows: Sequence[HistoryRow], folder: Path) -> None:
    """Write ``history.csv`` and ``curves.png``.

    Args:
        rows: All evaluations so far.
        folder: An existing folder.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(HistoryRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_file(folder / "history.csv", text.getvalue())
    _draw(rows, folder / "curves.png")


def _draw(rows: Sequence[HistoryRow], path: Path) -> None:
    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)

    steps = [row.step for row in rows]
    left.plot(steps, [row.train_loss for row in rows], marker=".", color="tab:blue")
    left.set(xlabel="step", ylabel="training loss", yscale="log", title="Loss")

    right.plot(steps, [100 * row.val_accuracy for row in rows], marker=".", label="exact lines", color="tab:green")
    right.plot(steps, [100 * row.val_cer for row in rows], marker=".", label="CER", color="tab:red")
    right.set(xlabel="step", ylabel="%", ylim=(0, 102), title="Validation")
    right.legend(loc="center right")  # "best" warns where placing it takes more than a second

    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path)
