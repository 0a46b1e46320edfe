"""The entry point of the process: a plain ``ocrx predict line.png`` runs without Typer, everything else with it.

Typer needs pydantic, and both together take half as long to start as reading a line takes in all. What the shortcut
accepts means the same to Typer, which a test holds; help, completion, other options and every mistake are Typer's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

_COMPLETION = "_OCRX_COMPLETE"  # set by the shell that asks Typer for completions
_FLAGS = frozenset({"--jsonl", "--json", "--csv", "--details"})
_WITH_VALUE = frozenset({"--model", "-m"})


@dataclass
class PlainPrediction:
    """A prediction that needs none of Typer's parsing.

    Attributes:
        inputs: What to read, at least one.
        model: The value of ``--model``.
        flags: The flags that were given, all about the form of the output.
    """

    inputs: list[str] = field(default_factory=list)
    model: str | None = None
    flags: set[str] = field(default_factory=set)

    def run(self) -> int:
        """Read the inputs.

        Returns:
            The exit code.
        """
        from ocrx.cli import settings
        from ocrx.cli.downloads import show_downloads
        from ocrx.cli.prediction import output_form, run
        from ocrx.config import config_from_options
        from ocrx.process import return_freed_memory

        return_freed_memory()
        show_downloads()
        jsonl, json, csv = (f"--{form}" in self.flags for form in ("jsonl", "json", "csv"))
        form = output_form(None, jsonl, json, csv)
        config = config_from_options(settings.readers_of(self.model, None))
        return run(config, self.inputs, form, "--details" in self.flags)


def plain_prediction(arguments: Sequence[str]) -> PlainPrediction | None:
    """Parse ``predict INPUT... [--model M] [--jsonl | --json | --csv] [--details]``.

    Args:
        arguments: Command-line arguments.

    Returns:
        The prediction; None for everything else, which is left to Typer.
    """
    if not arguments or arguments[0] != "predict" or os.name == "nt" or _COMPLETION in os.environ:
        return None  # on Windows Typer expands patterns
    found = PlainPrediction()
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _FLAGS:
            found.flags.add(argument)
        elif argument in _WITH_VALUE:
            found.model = next(rest, "-")
            if found.model.startswith("-"):
                return None
        elif argument.startswith("-") and argument != "-":
            return None
        else:
            found.inputs.append(argument)
    return found if found.inputs else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Command-line arguments; default: those of the process.

    Returns:
        The exit code: 0 for success, 1 if the work failed, 2 for wrong usage.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    given = sys.argv[1:] if arguments is None else arguments
    prediction = plain_prediction(given)
    if prediction is None:
        from ocrx.cli.app import main as run_typer

        return run_typer(given)
    from ocrx.cli.exit_codes import with_exit_code

    return with_exit_code(prediction.run, given)
