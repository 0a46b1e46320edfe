"""The Typer application and its entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from ocrx.cli.benchmark import benchmark
from ocrx.cli.bulk import bulk
from ocrx.cli.check_dataset import check_dataset
from ocrx.cli.doctor import doctor
from ocrx.cli.downloads import show_downloads
from ocrx.cli.evaluate import evaluate
from ocrx.cli.exit_codes import with_exit_code
from ocrx.cli.explain import explain
from ocrx.cli.export import export
from ocrx.cli.import_model import import_model
from ocrx.cli.lm import lm
from ocrx.cli.models import models
from ocrx.cli.options import examples
from ocrx.cli.predict import predict
from ocrx.cli.review import review
from ocrx.cli.run import run
from ocrx.cli.serve import serve
from ocrx.cli.synth import synth
from ocrx.cli.train import train
from ocrx.version import __version__

app = typer.Typer(
    name="ocrx",
    help="Read lines of text from images, and train your own reader.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"ocrx {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Read lines of text from images, and train your own reader."""
    show_downloads()


def _register() -> None:
    """Add the commands in the order of ``--help``, with their examples."""
    commands: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
        "predict": (predict, ("ocrx predict line.png", "ocrx predict scans/ --jsonl --model output/best_accuracy")),
        "bulk": (
            bulk,
            (
                "ocrx bulk lines.parquet --output result",
                "ocrx bulk 'shards/*.tar' --output result --shard 0/8",
                "ocrx bulk status result",
            ),
        ),
        "check-dataset": (check_dataset, ("ocrx check-dataset DATASET", "ocrx check-dataset DATASET --split 90")),
        "review": (review, ("ocrx review DATASET", "ocrx review SCANS --model output/best_accuracy --no-browser")),
        "train": (train, ("ocrx train DATASET -c fine_tune", "ocrx train --resume")),
        "evaluate": (evaluate, ("ocrx evaluate", "ocrx evaluate DATASET --model output/best_accuracy")),
        "export": (export, ("ocrx export --model output/best_accuracy --format onnx --precision fp16 --data DATASET",)),
        "explain": (explain, ("ocrx explain line.png --text 'TOTAL 7.50'",)),
        "benchmark": (benchmark, ("ocrx benchmark scans/ --threads 1 --threads 2", "ocrx benchmark scans/ --tune")),
        "models": (models, ("ocrx models PP-OCRv4",)),
        "import": (import_model, ("ocrx import PP-OCRv4_mobile_rec.onnx --output models/v4",)),
        "serve": (serve, ("ocrx serve", "ocrx serve --host 0.0.0.0 --token-file tokens.txt")),
        "synth": (synth, ("ocrx synth --output lines --count 1000 --seed 1",)),
        "run": (run, ("ocrx run -c lcnetv4_tiny -o Global.mode=train -o Global.dataset_dir=DATASET",)),
        "doctor": (doctor, ("ocrx doctor --json",)),
    }
    for name, (command, lines) in commands.items():
        app.command(name, epilog=examples(*lines))(command)

    app.add_typer(lm, name="lm")


_register()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Command-line arguments; default: those of the process.

    Returns:
        The exit code: 0 for success, 1 if the work failed, 2 for wrong usage.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """

    def run() -> int:
        app(args=list(arguments) if arguments is not None else None, prog_name="ocrx")
        return 0

    return with_exit_code(run, sys.argv[1:] if arguments is None else arguments)
