"""Draws the picture of ``ocrx explain``: image, posteriors, alpha, best path and spans over a common pixel axis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ocrx.arrays import Float64s, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 24
VISIBLE = 0.02
_SHADES_NATS = 25.0


@dataclass(frozen=True)
class Lattice:
    """The states of a text.

    Attributes:
        alpha: float64 [T, S], log-probability of the paths that are in each state.
        classes: Class of each state.
        labels: Axis label of each state.
        path: int64 [T], the best path's state at each frame.
    """

    alpha: Float64s
    classes: tuple[int, ...]
    labels: tuple[str, ...]
    path: Ints


@dataclass(frozen=True)
class Panels:
    """The content of the picture.

    Attributes:
        image: The line.
        title: Text above it.
        spans: Characters with left and right edge in pixels of ``image``.
        edges: Left edge of the first frame and right edge of the last one, in pixels of the prepared line.
        width: Width of the prepared line in pixels, before padding.
        labels: The charset.
        log_probs: float64 [T, K].
        best_path: int64 [T], the most probable class of each frame.
        lattice: The states of the text.
    """

    image: Image.Image
    title: str
    spans: tuple[tuple[str, tuple[float, float]], ...]
    edges: tuple[float, float]
    width: int
    labels: tuple[str, ...]
    log_probs: Float64s
    best_path: Ints
    lattice: Lattice


def draw_explanation(panels: Panels, path: Path) -> None:
    """Write the picture as PNG, without a window or pyplot's global state.

    Args:
        panels: The content.
        path: The file; missing parent folders are created.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = _rows(panels)
    states = len(panels.lattice.labels)
    frames = len(panels.best_path)
    wide = float(np.clip(frames * 0.13, 8, 40))
    line = wide * 0.85 * panels.image.height / max(1, panels.image.width) * panels.width / (panels.edges[1] + 1)
    heights = [max(0.5, line), 0.22 * len(rows) + 0.3, float(np.clip(0.2 * states, 1.2, 8.0))]

    figure = Figure(figsize=(wide, sum(heights) + 1.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": heights})
    axes[0].set_title(_drawable(panels.title), loc="left")
    _draw_image(axes[0], panels)
    _draw_posteriors(axes[1], panels, rows)
    _draw_alpha(axes[2], panels)
    axes[2].set_xlim(min(0.0, panels.edges[0]), max(panels.edges[1], float(panels.width)))

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_image(axes: Axes, panels: Panels) -> None:
    height = panels.image.height * panels.width / panels.image.width
    shown = panels.image.convert("RGB")
    axes.imshow(np.asarray(shown), extent=(0, panels.width, height, 0), aspect="auto", interpolation="bilinear")
    scale = panels.width / panels.image.width
    for i, (character, (left, right)) in enumerate(panels.spans):
        colour = ("tab:blue", "tab:orange")[i % 2]
        axes.axvspan(left * scale, right * scale, color=colour, alpha=0.3, linewidth=0)
        axes.text((left + right) / 2 * scale, -0.04 * height, _drawable(character), color=colour, ha="center")
    axes.set_ylim(height, -0.35 * height)
    axes.set_yticks([])
    axes.set_ylabel("line\nand spans")


def _draw_posteriors(axes: Axes, panels: Panels, rows: list[int]) -> None:
    probs = np.exp(panels.log_probs[:, rows]).T
    left, right = panels.edges
    axes.imshow(
        probs, extent=(left, right, len(rows), 0), aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest"
    )

    position = {c: i + 0.5 for i, c in enumerate(rows)}
    centres = _centres(panels)
    path = [position.get(c, np.nan) for c in panels.best_path.tolist()]
    axes.plot(centres, path, ".", color="tab:red", markersize=4, label="best path")

    names = ["blank" if c == 0 else _drawable(panels.labels[c - 1]) for c in rows]
    axes.set_yticks([i + 0.5 for i in range(len(rows))], names, fontsize=8)
    axes.set_ylabel("posteriors")
    axes.legend(loc="upper right", fontsize=7)


def _draw_alpha(axes: Axes, panels: Panels) -> None:
    alpha = panels.lattice.alpha.T
    top = alpha.max(axis=0, keepdims=True)
    nats = np.where(np.isfinite(alpha), alpha - np.where(np.isfinite(top), top, 0.0), -np.inf)
    shades = np.clip(1 + nats / _SHADES_NATS, 0, 1)

    left, right = panels.edges
    states = len(alpha)
    axes.imshow(
        shades, extent=(left, right, states, 0), aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest"
    )

    axes.step(_centres(panels), panels.lattice.path + 0.5, where="mid", color="tab:red", linewidth=1, label="best path")
    axes.set_yticks(
        [s + 0.5 for s in range(states)],
        [_drawable(label) for label in panels.lattice.labels],
        fontsize=7 if states < 42 else 5,
    )
    axes.set_ylabel("alpha, log\nper frame")
    axes.set_xlabel("pixels of the prepared line")
    axes.legend(loc="upper right", fontsize=7)


def _rows(panels: Panels) -> list[int]:
    """The classes with a row: the blank, those of the best path and the text, and the most probable others."""
    peaks = panels.log_probs.max(axis=0)
    on_path = list(dict.fromkeys(c for c in [*panels.best_path.tolist(), *panels.lattice.classes] if c != 0))
    strong = [c for c in np.argsort(-peaks).tolist() if c != 0 and c not in on_path and peaks[c] >= np.log(VISIBLE)]
    return [0, *(on_path + strong[: max(4, MAX_ROWS - len(on_path))])]


def _centres(panels: Panels) -> Float64s:
    left, right = panels.edges
    frames = len(panels.best_path)
    return left + (np.arange(frames) + 0.5) * (right - left) / frames


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def _drawable(text: str) -> str:
    """The text with code points for characters that matplotlib's font lacks, and a visible sign for the space."""
    shown = "␣" if text == " " else text.replace("$", r"\$")
    return "".join(c if ord(c) in _glyphs() else f"U+{ord(c):04X}" for c in shown)
