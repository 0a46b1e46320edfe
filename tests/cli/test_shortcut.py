"""A plain ``ocrx predict`` runs without Typer, and means the same with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.lines import draw_line

from ocrx.cli import app, prediction, shortcut

PLAIN: list[list[str]] = [
    ["a.png"],
    ["a.png", "scans/", "*.png", "-", "@list.txt"],
    ["--jsonl", "a.png"],
    ["a.png", "--json", "--details"],
    ["a.png", "--csv", "b.png"],
    ["-m", "printed_en", "a.png"],
    ["a.png", "--model", "printed_en", "--model", "printed_greek"],
    ["a.png", "--jsonl", "--jsonl"],
]
FOR_TYPER: list[list[str]] = [
    [],
    ["predict"],
    ["predict", "--help"],
    ["predict", "a.png", "--unknown"],
    ["predict", "a.png", "--threads", "1"],
    ["predict", "a.png", "--model=printed_en"],
    ["predict", "a.png", "-mprinted_en"],
    ["predict", "a.png", "--model"],
    ["predict", "a.png", "--model", "--jsonl"],
    ["predict", "--", "-a.png"],
    ["--version"],
    ["evaluate", "a"],
]


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_the_shortcut_means_what_typer_means(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def run(config: Any, inputs: Any = None, form: str | None = None, details: bool = False) -> int:
        seen.append((config, list(inputs), form, details))
        return 0

    monkeypatch.setattr(prediction, "run", run)
    monkeypatch.setattr("ocrx.cli.predict.run", run)
    plain = shortcut.plain_prediction(["predict", *arguments])
    assert plain is not None and plain.run() == 0
    assert app.main(["predict", *arguments]) == 0
    assert len(seen) == 2 and seen[0] == seen[1]


@pytest.mark.parametrize("arguments", FOR_TYPER, ids=" ".join)
def test_everything_else_is_left_to_typer(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert shortcut.plain_prediction(arguments) is None
    monkeypatch.setattr(app, "main", lambda given: 17 if list(given) == arguments else 0)
    assert shortcut.main(arguments) == 17


def test_completion_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_OCRX_COMPLETE", "complete_bash")
    assert shortcut.plain_prediction(["predict", "a.png"]) is None


def test_errors_and_results_are_the_same(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_line("one").save(tmp_path / "a.png")
    good, bad = [str(tmp_path / "a.png"), "-m", str(model_folder)], ["a.png", "-m", str(tmp_path / "none")]
    for arguments, code in ((good, 0), ([*good, "--json", "--csv"], 2), (bad, 1)):
        found = []
        for main in (shortcut.main, app.main):
            assert main(["predict", *arguments]) == code
            out, err = capsys.readouterr()
            found.append((out, [line for line in err.splitlines() if " read in " not in line]))
        assert found[0] == found[1]


def test_reading_a_line_loads_neither_typer_nor_what_it_does_not_use(tmp_path: Path) -> None:
    draw_line("one").save(tmp_path / "a.png")
    code = (
        "import sys; from ocrx.cli.shortcut import main; main(sys.argv[1:]);"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "predict", str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "onnxruntime" in loaded
    unused = {
        "typer",
        "pydantic",
        "rich",
        "torch",
        "omegaconf",
        "safetensors",
        "matplotlib",
        "importlib.metadata",
        "hashlib",
    }
    parts = {"ocrx.decoding.viterbi", "ocrx.inference.page_results", "ocrx.zoo.languages"}
    assert loaded & (unused | parts) == set()
