"""What ``main`` makes of errors: one line that says where and what, and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ocrx.cli.app import main
from ocrx.config import Config


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file of the user's, which stands where a folder would have to be."""
    file = tmp_path / "notes"
    file.write_text("precious words\n", encoding="utf-8")
    return file


def test_an_output_that_cannot_be_written_is_one_line(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "build", str(notes), "-o", str(notes / "lm.json")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {notes}") and error.count("\n") == 1
    assert notes.read_text(encoding="utf-8") == "precious words\n"


def test_an_error_without_a_file_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("a bug")

    monkeypatch.setattr("ocrx.modes.models.run", broken)
    with pytest.raises(OSError, match="a bug"):
        main(["models"])


def test_evaluate_makes_its_output_before_the_work(
    notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(config: Config, log: Callable[[str], None], progress: object) -> None:
        log("a model")
        pytest.fail("the work was begun")

    monkeypatch.setattr("ocrx.modes.evaluate.run", run)
    assert main(["evaluate", str(notes.parent), "--output", str(notes)]) == 1
    assert "notes: is a file; expected a folder" in capsys.readouterr().err
    assert main(["evaluate", str(notes.parent), "--output", str(notes / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {notes}")


def test_a_result_file_that_cannot_be_written_hides_no_error(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(notes.parent / "nosuch"), "--output", str(notes / "out")]) == 1
    assert "nosuch" in capsys.readouterr().err
