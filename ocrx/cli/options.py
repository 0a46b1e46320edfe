"""Options that several commands share, in the groups of ``--help``."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045

MODEL, INPUT, TEXT, OUTPUT, RUNTIME, SETTINGS = ("Model", "Input", "Decoding", "Output", "Runtime", "Settings")

ConfigOption = Annotated[
    Optional[str],
    typer.Option("-c", "--config", help="YAML file or name of a recipe.", rich_help_panel=SETTINGS),
]
Overrides = Annotated[
    Optional[list[str]],
    typer.Option("-o", "--override", help="Set one value: Section.key=value. Repeatable.", rich_help_panel=SETTINGS),
]
DatasetArgument = Annotated[Optional[str], typer.Argument(help="Dataset: a folder with label files and images.")]
DataOption = Annotated[
    Optional[str], typer.Option("--data", help="Dataset folder; the same as DATASET_DIR.", rich_help_panel=INPUT)
]
OutputOption = Annotated[Optional[str], typer.Option("--output", help="Folder for the output.", rich_help_panel=OUTPUT)]
JsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.", rich_help_panel=OUTPUT)]
ModelOption = Annotated[
    Optional[str],
    typer.Option(
        "--model", "-m", help="Model folder, file in one, .tar file, model name, or URL.", rich_help_panel=MODEL
    ),
]
LangOption = Annotated[
    Optional[str],
    typer.Option(
        "--lang",
        help="Language of the text (en, de, ru, ko, ...) instead of --model; predict and serve: or auto.",
        rich_help_panel=MODEL,
    ),
]
BackendOption = Annotated[
    Optional[str],
    typer.Option(
        "--backend", help="auto, torch, torch-compile, onnx, openvino or torchscript.", rich_help_panel=RUNTIME
    ),
]
PrecisionOption = Annotated[
    Optional[str], typer.Option("--precision", help="fp32, fp16, bf16 or int8.", rich_help_panel=RUNTIME)
]
DeviceOption = Annotated[
    Optional[str], typer.Option("--device", help="auto, cpu, gpu, gpu:0, mps, ...", rich_help_panel=RUNTIME)
]
ThreadsOption = Annotated[
    Optional[int], typer.Option("--threads", min=1, help="Processor cores to use.", rich_help_panel=RUNTIME)
]
BatchOption = Annotated[
    Optional[int], typer.Option("--batch-size", min=1, help="Lines per batch.", rich_help_panel=RUNTIME)
]
PatternOption = Annotated[
    Optional[str],
    typer.Option("--pattern", help="Regular expression that the whole line must match.", rich_help_panel=TEXT),
]
LexiconOption = Annotated[
    Optional[str], typer.Option("--lexicon", help="File with all possible texts, one per line.", rich_help_panel=TEXT)
]
MarginOption = Annotated[
    Optional[float],
    typer.Option(
        "--lexicon-margin",
        min=0,
        help="Keep a text outside the lexicon if it is e^X times as probable as the best entry.",
        rich_help_panel=TEXT,
    ),
]
AllowOption = Annotated[
    Optional[str], typer.Option("--allow", help="Allow only these characters.", rich_help_panel=TEXT)
]
DenyOption = Annotated[Optional[str], typer.Option("--deny", help="Forbid these characters.", rich_help_panel=TEXT)]
LmOption = Annotated[
    Optional[str],
    typer.Option("--lm", help="Language model file. Default: the one in the model folder.", rich_help_panel=TEXT),
]
LmWeightOption = Annotated[
    Optional[float],
    typer.Option("--lm-weight", help="Weight of the language model. Default: its tuned weight.", rich_help_panel=TEXT),
]
BeamOption = Annotated[
    Optional[int],
    typer.Option("--beam", min=1, help="Beam width (10); 1 means the best path.", rich_help_panel=TEXT),
]
EffortOption = Annotated[
    Optional[str],
    typer.Option(
        "--effort",
        help="high reads lines of low confidence a second time, a little wider.",
        metavar="normal|high",
        rich_help_panel=TEXT,
    ),
]

DECODE_OPTIONS = ("pattern", "lexicon", "lexicon_margin", "allow", "deny", "lm", "lm_weight", "beam", "effort")


def decode_options(context: typer.Context) -> dict[str, object]:
    """Collect the decoding options of the running command.

    Args:
        context: Typer's context of the command.

    Returns:
        Configuration key → value; None means not given.
    """
    return {f"Decode.{name}": context.params.get(name) for name in DECODE_OPTIONS}


def dataset_option(argument: str | None, option: str | None) -> str | None:
    """Merge the two ways to name a dataset.

    Args:
        argument: The positional folder.
        option: The value of ``--data``.

    Returns:
        The folder, or None if neither is given.

    Raises:
        ConfigError: If both are given and differ.
    """
    from ocrx.errors import ConfigError

    if argument is not None and option is not None and argument != option:
        raise ConfigError(f"two datasets, {argument} and --data {option}; expected one")
    return argument if argument is not None else option


def examples(*commands: str) -> str:
    """Format the examples at the end of a command's help.

    Args:
        *commands: Command lines.

    Returns:
        Text for ``epilog``; each command is a paragraph of its own.
    """
    return "\n\n".join(("Examples:", *commands))
