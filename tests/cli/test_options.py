"""The options that commands share are named, ordered and grouped alike."""

from __future__ import annotations

import pytest
import typer

from ocrx.cli.app import app, main
from ocrx.cli.options import INPUT, MODEL, OUTPUT, RUNTIME, SETTINGS, TEXT, dataset_option
from ocrx.errors import ConfigError
from ocrx.version import __version__

COMMANDS = typer.main.get_group(app).commands
SHARED = ("--data", "--model", "--pattern", "--beam", "--output", "--json", "--backend", "--device", "--config", "-o")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ocrx {__version__}\n"


def test_a_dataset_is_named_once() -> None:
    assert dataset_option("a", None) == dataset_option(None, "a") == dataset_option("a", "a") == "a"
    with pytest.raises(ConfigError, match="two datasets"):
        dataset_option("a", "b")


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"lm"}))
def test_help_shows_an_example(name: str) -> None:
    epilog = COMMANDS[name].epilog or ""
    assert f"ocrx {name}" in epilog


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"lm"}))
def test_groups_of_options_stand_in_one_order(name: str) -> None:
    order = [INPUT, MODEL, TEXT, "Change the dataset first", "Page", OUTPUT, "Server", "Limits", RUNTIME, SETTINGS]
    optional = [option for option in COMMANDS[name].params if not option.required]
    panels = [getattr(option, "rich_help_panel", None) for option in optional]
    ranks = [order.index(panel) for panel in panels if panel is not None]
    assert ranks == sorted(ranks), panels


def test_a_shared_option_has_one_name_and_one_group() -> None:
    for option in SHARED:
        found = {
            (parameter.name, getattr(parameter, "rich_help_panel", None))
            for name, command in COMMANDS.items()
            for parameter in command.params
            # `import --model` names what the weights are, not what reads; `check-dataset --model` ranks labels.
            if option in parameter.opts and (name, option) != ("import", "--model")
        }
        assert len(found) == 1, (option, found)
