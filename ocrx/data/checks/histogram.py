"""Counts and plots the lengths of the labels, for each part of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrx.text.normalize import normalize

BIN = 5
"""Characters per bin."""
LONGEST = 100
"""Longer labels share the last bin."""


@dataclass(frozen=True)
class Histogram:
    """A histogram of label lengths.

    Attributes:
        bins: Names of the bins, such as ``1-5`` or ``>100``.
        train: Number of training labels in each bin.
        val: Number of validation labels in each bin.
    """

    bins: tuple[str, ...]
    train: tuple[int, ...]
    val: tuple[int, ...]


def count_label_lengths(train: Iterable[str], val: Iterable[str]) -> Histogram:
    """Count labels by their length in characters (NFC; spaces count): 0, then bins of 5 up to 100, then the rest.

    Args:
        train: Training labels.
        val: Validation labels.

    Returns:
        The histogram, up to the last bin that is not empty.
    """
    slots = [[_slot(len(normalize(text))) for text in part] for part in (train, val)]
    used = slots[0] + slots[1]
    last = max(used, default=1)
    first = 0 if 0 in used else 1

    counts = []
    for part in slots:
        row = [0] * (last + 1)
        for slot in part:
            row[slot] += 1
        counts.append(tuple(row[first:]))

    return Histogram(tuple(map(_name, range(first, last + 1))), counts[0], counts[1])


def draw_histogram(histogram: Histogram, path: Path) -> None:
    """Plot the bars of both parts side by side, with their counts.

    Args:
        histogram: The histogram.
        path: PNG file to write.
    """
    # Importing matplotlib takes half a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()

    places = range(len(histogram.bins))
    parts: Sequence[tuple[str, tuple[int, ...], float, str]] = (
        ("train", histogram.train, -0.2, "#2563eb"),
        ("val", histogram.val, 0.2, "#f59e0b"),
    )
    for name, counts, shift, colour in parts:
        bars = axes.bar([x + shift for x in places], counts, 0.4, label=f"{name} ({sum(counts):,})", color=colour)
        axes.bar_label(bars, [f"{n:,}" if n else "" for n in counts], fontsize=7)

    axes.set_xticks(list(places), histogram.bins, rotation=45 if len(histogram.bins) > 12 else 0)
    axes.set_xlabel("characters in the label")
    axes.set_ylabel("images")
    axes.legend(loc="upper right")  # "best" warns where placing it takes more than a second
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _slot(length: int) -> int:
    return min(-(-length // BIN), LONGEST // BIN + 1)


def _name(slot: int) -> str:
    if slot == 0:
        return "0"
    return f"{(slot - 1) * BIN + 1}-{slot * BIN}" if slot <= LONGEST // BIN else f">{LONGEST}"
