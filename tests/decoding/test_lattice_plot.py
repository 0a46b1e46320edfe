from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrx.ctc.alignment import align_lines
from ocrx.ctc.reference import emissions, extend, forward, log_softmax
from ocrx.decoding.lattice_plot import Lattice, Panels, draw_explanation

pytest.importorskip("matplotlib")


def panels(frames: int = 20, text: tuple[int, ...] = (1, 2), labels: tuple[str, ...] = ("a", "b", "c")) -> Panels:
    """A line whose ``text`` is read from evenly spaced frames of four pixels."""
    logits = np.full((1, frames, len(labels) + 1), -4.0)
    logits[:, :, 0] = 4
    logits[0, [2 + 3 * i for i in range(len(text))], list(text)] = 9
    states = extend([text])
    spans = align_lines(logits, [text])[0].spans
    path = np.zeros(frames, dtype=np.int64)
    for i, (first, last) in enumerate(spans):
        path[first : last + 1] = 2 * i + 1
        path[last + 1 :] = 2 * i + 2
    alpha = forward(emissions(logits, states), states)[0]
    names = tuple("-" if c == 0 else labels[c - 1] for c in states.labels[0].tolist())
    return Panels(
        image=Image.new("L", (4 * frames, 32), 255),
        title="reads “ab”",
        spans=tuple((labels[c - 1], (4.0 * a, 4.0 * b + 4)) for c, (a, b) in zip(text, spans, strict=True)),
        edges=(0.0, 4.0 * frames),
        width=4 * frames,
        labels=labels,
        log_probs=log_softmax(logits[0]),
        best_path=logits[0].argmax(axis=1),
        lattice=Lattice(alpha, tuple(states.labels[0].tolist()), names, path),
    )


def drawn(given: Panels, path: Path) -> np.ndarray:
    draw_explanation(given, path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_picture_shows_the_spans_and_the_path(tmp_path: Path) -> None:
    given = panels()
    picture = drawn(given, tmp_path / "new" / "explain.png")
    assert picture.shape[1] > 600 and picture.shape[0] > 300
    bare = drawn(replace(given, spans=()), tmp_path / "bare.png")
    changed = (picture != bare).any(axis=2)
    blue = picture[:, :, 2] - picture[:, :, 0]
    assert (changed & (blue > 25)).sum() > 500 and (changed & (blue < -25)).sum() > 500  # first blue, second orange
    red = (picture[:, :, 0] - picture[:, :, 1] > 120) & (picture[:, :, 0] - picture[:, :, 2] > 120)
    assert red.any()


def test_longer_lines_and_texts_get_more_room(tmp_path: Path) -> None:
    short = drawn(panels(20), tmp_path / "a.png")
    wide = drawn(panels(120), tmp_path / "b.png")
    tall = drawn(panels(60, (1, 2, 3, 1, 2, 3, 1, 2)), tmp_path / "c.png")
    assert wide.shape[1] > short.shape[1] and tall.shape[0] > short.shape[0]


def test_any_character_can_be_drawn(tmp_path: Path) -> None:
    # Neither a formula nor a missing glyph may end the drawing or warn.
    drawn(replace(panels(labels=("$", "漢", " ")), title="reads “$x_1$ 漢”"), tmp_path / "a.png")
    many = tuple(chr(0x4E00 + i) for i in range(500))
    drawn(panels(labels=many), tmp_path / "b.png")


def test_a_text_that_is_empty(tmp_path: Path) -> None:
    drawn(panels(text=()), tmp_path / "a.png")
