"""``--lang`` stands wherever ``--model`` names what reads, and means the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from support.lines import draw_line, make_line_folder

from ocrx.cli.app import app, main
from ocrx.cli.settings import load, model_of, readers_of
from ocrx.errors import ConfigError, ModelError

COMMANDS = typer.main.get_group(app).commands
READERS = ("predict", "evaluate", "benchmark", "explain", "export")


def test_every_command_that_reads_with_a_model_takes_a_language() -> None:
    commands = {**COMMANDS, **{f"lm {name}": command for name, command in COMMANDS["lm"].commands.items()}}
    options = {name: {option for p in command.params for option in p.opts} for name, command in commands.items()}
    # `import --model` says which network the weights belong to.
    readers = {name for name in options if "--model" in options[name]} - {"import"}
    assert readers >= {*READERS, "check-dataset", "lm tune"}
    assert readers == {name for name in options if "--lang" in options[name]}


@pytest.mark.parametrize("command", [*READERS, "lm"])
def test_the_model_of_a_language_is_asked_for(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(model_name: str | None = None, model_dir: object = None, *, key: str = "") -> Path:
        raise ModelError(f"asked for {model_name or model_dir}")

    for module in ("modes.evaluate", "modes.benchmark", "modes.export", "inference.opening"):
        monkeypatch.setattr(f"ocrx.{module}.find_model", asked)
    monkeypatch.chdir(tmp_path)
    draw_line("abc").save("x.png")
    data = make_line_folder(tmp_path / "data")
    Path("corpus.txt").write_text("some words\n" * 20, encoding="utf-8")
    if command == "lm":
        assert main(["lm", "build", "corpus.txt"]) == 0
    arguments = {"evaluate": [str(data)], "export": [], "lm": ["tune", "lm.json", str(data)]}.get(command, ["x.png"])
    assert main([command, *arguments, "--lang", "el"]) == 1
    assert "asked for printed_greek" in capsys.readouterr().err
    assert main([command, *arguments, "--lang", "el", "--model", "printed_en"]) == 2
    assert "--model and --lang: expected one of them" in capsys.readouterr().err


def test_a_language_or_a_model() -> None:
    assert model_of(None, None) is None
    assert model_of("somewhere", None) == "somewhere"
    assert model_of(None, "ko") == "korean_PP-OCRv5_mobile_rec"
    with pytest.raises(ConfigError, match="expected one of them"):
        model_of("somewhere", "ko")


def test_auto_is_for_commands_that_several_models_may_read_for() -> None:
    assert readers_of(None, "auto") == {"Predict.model_dir": None, "Predict.lang": "auto"}
    assert readers_of(None, "ko") == {"Predict.model_dir": "korean_PP-OCRv5_mobile_rec", "Predict.lang": None}
    with pytest.raises(ConfigError, match="--model and --lang: expected one of them"):
        readers_of("somewhere", "auto")
    with pytest.raises(ConfigError, match="lang: 'auto'; expected one of"):
        model_of(None, "auto")


def test_a_model_on_the_command_line_wins_over_a_language_in_the_configuration() -> None:
    entries = ["Predict.lang=ko"]
    assert load(None, entries, readers_of(None, None)).Predict.lang == "ko"
    for given in (readers_of("somewhere", None), readers_of(None, "el")):
        found = load(None, entries, given).Predict
        assert (found.model_dir, found.lang) == (given["Predict.model_dir"], None)
    assert load(None, ["Predict.model_dir=somewhere"], readers_of(None, "auto")).Predict.lang == "auto"


def test_each_line_says_which_model_read_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_line("Total 12.50").save(tmp_path / "x.png")
    assert main(["predict", str(tmp_path / "x.png"), "--lang", "auto", "--jsonl"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["model"] == "printed_latin"
    assert "lines of low confidence: printed_greek" in printed.err
