"""The command line. A command is short: config → mode → render → exit code; the way from config on is ``cli_modes``.

Heavy imports happen inside the commands, so that ``ocrx --help`` answers at once.
"""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Optional

import typer

from ocrx.cli import mode_runs as modes
from ocrx.cli.ctc import explain, lm
from ocrx.cli.options import (
    AllowOption,
    BackendOption,
    BatchOption,
    BeamOption,
    ConfigOption,
    DenyOption,
    DeviceOption,
    LexiconOption,
    LmOption,
    LmWeightOption,
    MarginOption,
    ModelOption,
    OutputOption,
    Overrides,
    PatternOption,
    PrecisionOption,
    ThreadsOption,
    decoding,
)
from ocrx.cli.zoo import import_model, models
from ocrx.errors import ConfigError, DataError, OcrxError

# Typer reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045

app = typer.Typer(
    name="ocrx",
    help="Read lines of text from images, and train your own reader.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(lm, name="lm")


@app.command("check-dataset")
def check_dataset(
    dataset_dir: Annotated[Optional[str], typer.Argument(help="Folder with label files and images.")] = None,
    config: ConfigOption = None,
    override: Overrides = None,
    output: OutputOption = None,
    split: Annotated[Optional[int], typer.Option(help="Divide anew: percent of training lines, e.g. 90.")] = None,
    group: Annotated[Optional[str], typer.Option(help="Pattern over image paths; equal matches stay together.")] = None,
    undo_split: Annotated[bool, typer.Option("--undo-split", help="Put the lists back as before.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair BOM, CRLF, NFC and spaces; originals stay as .bak.")
    ] = False,
    build_dict: Annotated[bool, typer.Option("--build-dict", help="Write dict.txt from the training labels.")] = False,
    convert_to: Annotated[Optional[str], typer.Option(help="paddlex, label, csv, tsv, jsonl, pairs or lmdb.")] = None,
    convert_from: Annotated[Optional[str], typer.Option(help="What it has to be; default: as found.")] = None,
    model: Annotated[
        Optional[str], typer.Option("--model", "-m", help="Rank possible label errors by this model.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
) -> None:
    """Say everything that is wrong with a dataset, and where; split, convert or repair it first."""
    options = {
        "Global.dataset_dir": dataset_dir,
        "Global.output": output,
        "CheckDataset.split.enable": True if split is not None else None,
        "CheckDataset.split.train_percent": split,
        "CheckDataset.split.val_percent": None if split is None else 100 - split,
        "CheckDataset.split.group": group,
        "CheckDataset.split.undo": undo_split or None,
        "CheckDataset.fix": fix or None,
        "CheckDataset.build_dict": build_dict or None,
        "CheckDataset.convert.enable": True if convert_to or convert_from else None,
        "CheckDataset.convert.dst_dataset_type": convert_to,
        "CheckDataset.convert.src_dataset_type": convert_from,
        "CheckDataset.model": model,
    }
    raise typer.Exit(modes.check(modes.load(config, override, options), json))


@app.command()
def train(
    config: ConfigOption = None,
    override: Overrides = None,
    dataset_dir: Annotated[Optional[str], typer.Option("--data", help="Folder with label files and images.")] = None,
    output: OutputOption = None,
    device: DeviceOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUTPUT/latest.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew where a training lies.")] = False,
) -> None:
    """Train a model on a dataset. --resume alone goes on with OUTPUT/config.yaml."""
    if resume and config is None:
        config, _ = modes.last_training(output or modes.overridden("Global.output", override))
    options: dict[str, object] = {
        "Global.dataset_dir": dataset_dir,
        "Global.output": output,
        "Global.device": device,
        "Train.overwrite": overwrite or None,
        "Train.resume_path": "latest" if resume else None,
    }
    raise typer.Exit(modes.train(modes.load(config, override, options)))


@app.command()
def predict(
    context: typer.Context,
    inputs: Annotated[
        Optional[list[str]], typer.Argument(help="Images, folders, patterns, PDF, URLs, @list.txt, or - for stdin.")
    ] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
    batch_size: BatchOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    split_lines: Annotated[bool, typer.Option("--split-lines", help="Cut clean, upright pages into lines.")] = False,
    min_score: Annotated[Optional[float], typer.Option(help="Leave out lines below this score.")] = None,
    save_dir: Annotated[Optional[str], typer.Option(help="Write a JSON file and a picture of each line.")] = None,
    use_hpip: Annotated[bool, typer.Option("--hpip", help="As `ocrx benchmark --tune` found it fastest.")] = False,
    pattern: PatternOption = None,
    lexicon: LexiconOption = None,
    lexicon_margin: MarginOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    lm: LmOption = None,
    lm_weight: LmWeightOption = None,
    beam: BeamOption = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values with a header.")] = False,
    details: Annotated[bool, typer.Option("--details", help="Scores and spans of the characters too.")] = False,
) -> None:
    """Read lines of text from images."""
    options: dict[str, object] = {
        "Global.device": device,
        "Global.threads": threads,
        "Predict.model_dir": model,
        "Predict.batch_size": batch_size,
        "Predict.backend": backend,
        "Predict.precision": precision,
        "Predict.split_lines": split_lines or None,
        "Predict.min_score": min_score,
        "Predict.save_dir": save_dir,
        "Predict.use_hpip": use_hpip or None,
        **decoding(context),
    }
    chosen = [form for form, wanted in (("jsonl", jsonl), ("json", json), ("csv", csv)) if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"--{chosen[0]} and --{chosen[1]}: choose one")
    from ocrx.config import config_from_options

    settings = modes.load(config, override, options) if config or override else config_from_options(options)
    settings = modes.with_weights("predict", settings, config) if config else settings
    raise typer.Exit(modes.predict(settings, inputs, chosen[0] if chosen else None, details))


@app.command()
def evaluate(
    context: typer.Context,
    dataset_dir: Annotated[Optional[str], typer.Argument(help="Folder with label files and images.")] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
    output: OutputOption = None,
    batch_size: BatchOption = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    compare: Annotated[Optional[str], typer.Option("--compare", help="A second model on the same lines.")] = None,
    pattern: PatternOption = None,
    lexicon: LexiconOption = None,
    lexicon_margin: MarginOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    lm: LmOption = None,
    lm_weight: LmWeightOption = None,
    beam: BeamOption = None,
    json: Annotated[bool, typer.Option("--json", help="The result as one JSON document.")] = False,
) -> None:
    """Compare what a model reads with the labels; without arguments, the last training."""
    options = {
        "Global.dataset_dir": dataset_dir,
        "Global.output": output,
        "Global.device": device,
        "Global.threads": threads,
        "Evaluate.weight_path": model,
        "Evaluate.batch_size": batch_size,
        "Evaluate.backend": backend,
        "Evaluate.compare": compare,
        **decoding(context),
    }
    weights = model or modes.overridden("Evaluate.weight_path", override)
    if config is None and weights is None and dataset_dir is None:
        trained = output or modes.overridden("Global.output", override)
        config, options["Evaluate.weight_path"] = modes.last_training(trained)
    settings = modes.load(config, override, options)
    raise typer.Exit(modes.evaluate(modes.with_weights("evaluate", settings, config) if config else settings, json))


@app.command()
def export(
    model: ModelOption = None,
    form: Annotated[Optional[str], typer.Option("--format", help="onnx, openvino or torchscript.")] = None,
    precision: PrecisionOption = None,
    dataset_dir: Annotated[Optional[str], typer.Option("--data", help="Labelled lines to compare on.")] = None,
    max_loss: Annotated[Optional[float], typer.Option(help="Accuracy that reduced precision may cost.")] = None,
    config: ConfigOption = None,
    override: Overrides = None,
    output: Annotated[
        Optional[str], typer.Option("--output", help="Folder for the file; default: inference/ of the model.")
    ] = None,
) -> None:
    """Write a model for another runtime, and compare the two on real lines; without --model, the last training's."""
    options = {
        "Global.dataset_dir": dataset_dir,
        "Export.weight_path": model,
        "Export.format": form,
        "Export.precision": precision,
        "Export.max_loss": max_loss,
    }
    if config is None and model is None and modes.overridden("Export.weight_path", override) is None:
        config, options["Export.weight_path"] = modes.last_training(modes.overridden("Global.output", override))
    settings = modes.load(config, override, options)
    settings = modes.with_weights("export", settings, config) if config else settings
    # Only now: --output is where to write, not where the training lies.
    settings = replace(settings, Global=replace(settings.Global, output=output or settings.Global.output))
    raise typer.Exit(modes.export(settings, output))


@app.command()
def benchmark(
    inputs: Annotated[Optional[list[str]], typer.Argument(help="Lines to read, as for predict.")] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
    dataset_dir: Annotated[Optional[str], typer.Option("--data", help="Or the lines of a dataset.")] = None,
    output: OutputOption = None,
    backend: Annotated[Optional[list[str]], typer.Option("--backend", help="Only this one; repeatable.")] = None,
    threads: Annotated[Optional[list[int]], typer.Option("--threads", help="Processor cores; repeatable.")] = None,
    batch_size: Annotated[Optional[list[int]], typer.Option("--batch-size", help="Repeatable.")] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Note the fastest for this model, for --hpip.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Measure how fast a model reads here, and where the time goes."""
    options = {
        "Global.dataset_dir": dataset_dir,
        "Global.output": output,
        "Predict.model_dir": model,
        "Benchmark.backends": backend or None,
        "Benchmark.threads": threads or None,
        "Benchmark.batch_sizes": batch_size or None,
        "Benchmark.tune": tune or None,
    }
    from ocrx.cli import console
    from ocrx.modes import benchmark as mode

    console.show_benchmark(mode.run(modes.load(config, override, options), console.note, inputs), json)


@app.command()
def synth(
    output: Annotated[str, typer.Option("--output", help="New folder for the dataset.")],
    count: Annotated[Optional[int], typer.Option("--count", min=1, help="Number of lines.")] = None,
    seed: Annotated[Optional[int], typer.Option("--seed", help="The same seed gives the same lines.")] = None,
    workers: Annotated[Optional[int], typer.Option("--workers", min=1, help="Processes.")] = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Draw a dataset of synthetic lines."""
    from ocrx.cli import console
    from ocrx.modes import synth as mode

    options = {"Global.output": output, "Global.seed": seed, "Synth.count": count, "Synth.workers": workers}
    with console.progress("lines") as progress:
        report = mode.run(modes.load(config, override, options), progress)
    console.show_synth(report)


app.command()(explain)
app.command()(models)
app.command("import")(import_model)


@app.command()
def run(config: ConfigOption = None, override: Overrides = None) -> None:
    """Do what Global.mode says (PaddleX's own form)."""
    settings = modes.load(config, override, {})
    raise typer.Exit(modes.mode_named(settings.Global.mode)(modes.with_weights(settings.Global.mode, settings, config)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 done, 1 the work failed, 2 wrong usage."""
    # Images that are too large are refused by name.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="ocrx")
    except OcrxError as error:
        from ocrx.cli import console

        console.show_error(error)
        return error.exit_code
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone: nothing more may be flushed to it
        return 1
    except OSError as error:
        full = error.errno == errno.ENOSPC
        if not full and error.filename is None:
            raise
        from ocrx.cli import console

        reason = "no space left on the disk" if full else error.strerror or error
        console.show_error(DataError(f"{error.filename or 'output'}: {reason}"))
        return DataError.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0
