from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.review import StubReader, accept, write_lines

from ocrx.review import model_in_use
from ocrx.review.model_in_use import ModelInUse
from ocrx.review.session import ReviewSession


def test_a_decision_while_a_trained_model_is_recorded_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_lines(tmp_path / "data", ["one", "two"])
    session = ReviewSession(root)
    monkeypatch.setattr(model_in_use, "Reader", lambda *_: StubReader({}))
    opened: Any = SimpleNamespace(spec=SimpleNamespace(name="trained"))
    model = ModelInUse(session, None, lambda path: opened, "cpu")
    decision = threading.Thread(target=accept, args=(session, "00.png", "uno"))
    fsync = os.fsync

    def slow_disk(descriptor: int) -> None:
        if decision.ident is None:
            decision.start()
            decision.join(0.5)
        fsync(descriptor)

    monkeypatch.setattr("ocrx.review.journal.os.fsync", slow_disk)
    model._use(tmp_path / "trained")
    decision.join()
    session.close()

    again = ReviewSession(root)
    assert again.view("00.png")["text"] == "uno"
    assert again.decisions.model == str(tmp_path / "trained") == str(model.path)
    again.close()
