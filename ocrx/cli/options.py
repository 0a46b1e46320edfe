"""Options that several commands share. ``Decode`` options are read from the context, see ``decoding``."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

# Typer reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045

ConfigOption = Annotated[Optional[str], typer.Option("-c", "--config", help="A YAML file or a recipe's name.")]
Overrides = Annotated[Optional[list[str]], typer.Option("-o", "--override", help="Section.key=value; repeatable.")]
OutputOption = Annotated[Optional[str], typer.Option("--output", help="Folder for what is written.")]
DeviceOption = Annotated[Optional[str], typer.Option("--device", help="auto, cpu, gpu, gpu:0, mps …")]
ModelOption = Annotated[Optional[str], typer.Option("--model", "-m", help="A model folder, a file in one, or a name.")]
BackendOption = Annotated[
    Optional[str], typer.Option("--backend", help="auto, torch, torch-compile, onnx, openvino, torchscript.")
]
PrecisionOption = Annotated[Optional[str], typer.Option("--precision", help="fp32, fp16, bf16 or int8.")]
ThreadsOption = Annotated[Optional[int], typer.Option("--threads", min=1, help="Processor cores to use.")]
BatchOption = Annotated[Optional[int], typer.Option("--batch-size", min=1, help="Lines read at once.")]

_KNOWN = "What is known of the text"
PatternOption = Annotated[
    Optional[str], typer.Option("--pattern", help="Regular expression of the whole line.", rich_help_panel=_KNOWN)
]
LexiconOption = Annotated[
    Optional[str], typer.Option("--lexicon", help="File of the possible lines, one a line.", rich_help_panel=_KNOWN)
]
MarginOption = Annotated[
    Optional[float],
    typer.Option(
        "--lexicon-margin",
        min=0,
        help="Keep a reading outside the lexicon if it is e^X times as probable.",
        rich_help_panel=_KNOWN,
    ),
]
AllowOption = Annotated[Optional[str], typer.Option("--allow", help="Only these characters.", rich_help_panel=_KNOWN)]
DenyOption = Annotated[Optional[str], typer.Option("--deny", help="Not these characters.", rich_help_panel=_KNOWN)]
LmOption = Annotated[
    Optional[str], typer.Option("--lm", help="Language model; default: the model's own.", rich_help_panel=_KNOWN)
]
LmWeightOption = Annotated[
    Optional[float], typer.Option("--lm-weight", help="How much it counts; default: as tuned.", rich_help_panel=_KNOWN)
]
BeamOption = Annotated[
    Optional[int],
    typer.Option("--beam", min=1, help="Texts kept in a search (10); 1: best path alone.", rich_help_panel=_KNOWN),
]

_DECODE = ("pattern", "lexicon", "lexicon_margin", "allow", "deny", "lm", "lm_weight", "beam")


def decoding(context: typer.Context) -> dict[str, object]:
    """The ``Decode`` options of the command that runs, as ``load_config`` takes them."""
    return {f"Decode.{name}": context.params.get(name) for name in _DECODE}
