"""A review of drawn lines, with a model that reads what it is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from ocrx.inference.results import Prediction
from ocrx.review.decision_request import DecisionRequest
from ocrx.review.lines import Line
from ocrx.review.ranking import Reader, Score
from ocrx.review.session import ReviewSession
from support.lines import draw_line


class StubReader(Reader):
    """Finds given texts by the names of the images, and the text ``reading`` in any image that is shown."""

    def __init__(self, texts: dict[str, str], error: dict[str, float] | None = None) -> None:
        self.texts, self.error = texts, error or {}
        self.name = "stub"
        self.chunk = 2
        self.recognizer = SimpleNamespace()  # type: ignore[assignment]  # nothing of it is used
        self.gate = threading.Event()
        self.gate.set()

    def read(self, image: Image.Image) -> Prediction:
        text = "reading"
        spans: Any = tuple((10 * i, 10 * i + 8) for i in range(len(text)))
        return Prediction(text=text, char_spans=spans, char_scores=(0.9,) * len(text), image_size=image.size)

    def score(self, lines: Sequence[Line]) -> dict[str, Score | None]:
        self.gate.wait(10)
        found: dict[str, Score | None] = {}
        for line in lines:
            text = self.texts.get(line.key, line.sample.text)
            error = self.error.get(line.key, 0.9 if text != line.sample.text else 0.0)
            found[line.key] = Score(text, error) if line.sample.image.is_file() else None
        return found


def write_lines(root: Path, texts: Sequence[str], val: Sequence[str] = ()) -> Path:
    """Draw lines ``00.png`` … into a folder, the last ones in val.txt."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for i, text in enumerate((*texts, *val)):
        draw_line(f"line {i}").save(root / f"{i:02}.png")
        rows.append(f"{i:02}.png\t{text}\n")
    (root / "train.txt").write_text("".join(rows[: len(texts)]), encoding="utf-8", newline="\n")
    (root / "val.txt").write_text("".join(rows[len(texts) :]), encoding="utf-8", newline="\n")
    return root


def accept(session: ReviewSession, key: str, text: str, reviewer: str = "me") -> None:
    """Confirm a text."""
    session.decide(DecisionRequest(key, "accepted", text, 0, session.view(key)["revision"], reviewer))
