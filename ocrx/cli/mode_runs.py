"""From a configuration to an exit code: run a mode, show its report, leave its result file.

Heavy imports happen inside the functions, so that ``ocrx --help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ocrx.errors import ConfigError, OcrxError

if TYPE_CHECKING:
    from ocrx.config import Config


def load(config: str | None, override: Sequence[str] | None, options: Mapping[str, object]) -> Config:
    """The configuration; options of the command line come after ``-o``."""
    from ocrx.config import load_config

    return load_config(config, override or (), options)


def mode_named(name: str) -> Callable[[Config], int]:
    """The function that runs a mode, shows its report and gives the exit code."""
    if name not in RUNNERS:
        raise ConfigError(f"Global.mode: {name!r}; expected one of {', '.join(RUNNERS)}")
    return RUNNERS[name]


def _with_result(mode: str, config: Config, work: Callable[[], int]) -> int:
    """Run ``work``; when it fails, ``<output>/<mode>_result.json`` says so before the error goes on."""
    from pathlib import Path

    from ocrx.results import write_failure

    try:
        return work()
    except OcrxError as error:
        # An output that cannot be written must not hide what went wrong.
        with suppress(OSError):
            write_failure(Path(config.Global.output), mode, error)
        raise


def check(config: Config, as_json: bool = False) -> int:
    from ocrx.cli import console
    from ocrx.modes import check_dataset as mode

    def work() -> int:
        with console.progress("images") as progress:
            report = mode.run(config, progress)
        return console.show_check(report, as_json)

    return _with_result("check_dataset", config, work)


def train(config: Config) -> int:
    from ocrx.cli import console
    from ocrx.modes import train as mode
    from ocrx.results import is_main_process

    def work() -> int:
        report = mode.run(config, log=console.note, progress=console.progress)
        if is_main_process():
            console.show_training(report)
        return 0

    return _with_result("train", config, work)


def predict(config: Config, inputs: Sequence[str] | None = None, form: str | None = None, details: bool = False) -> int:
    from ocrx.cli import console
    from ocrx.modes import predict as mode

    reading = mode.run(config, inputs)
    console.note(reading.model)
    return console.show_predictions(reading.results, form, details, config.Predict.min_score)


def last_training(output: str | None) -> tuple[str | None, str | None]:
    """Configuration and best model of the training that lies in the output folder; None where there is none."""
    from pathlib import Path

    folder = Path(output or "output")
    if not (folder / "config.yaml").is_file():
        return None, None
    return str(folder / "config.yaml"), str(folder / "best_accuracy")


def with_weights(mode: str, config: Config, source: str | None) -> Config:
    """``config``; where it names no weights for ``mode``, with those of the training in ``Global.output``, if there.

    Raises ConfigError where ``source``, a file or recipe, is for a model that is not there: the embedded model would
    be taken for it.
    """
    from pathlib import Path

    from ocrx.config import model_named_by
    from ocrx.zoo.embedded import DEFAULT

    if mode not in _WEIGHTS:
        return config
    section, key = _WEIGHTS[mode]
    settings, best = getattr(config, section), Path(config.Global.output, "best_accuracy")
    if getattr(settings, key) is not None:
        return config
    if best.is_dir():
        return replace(config, **{section: replace(settings, **{key: str(best)})})
    if mode != "predict" and source is not None and model_named_by(source) and config.Global.model != DEFAULT:
        raise ConfigError(
            f"{best}: no such folder, and no weights of {config.Global.model} are named",
            hint=f"train first, or name them: --model DIR or -o {section}.{key}=DIR ({DEFAULT}: the embedded model)",
        )
    return config


def overridden(key: str, override: Sequence[str] | None) -> str | None:
    """What ``-o`` says about a key, last first."""
    return next((value for name, _, value in (o.partition("=") for o in reversed(override or ())) if name == key), None)


def evaluate(config: Config, as_json: bool = False) -> int:
    from pathlib import Path

    from ocrx.cli import console
    from ocrx.model_folder import reject_file
    from ocrx.modes import evaluate as mode

    output = Path(config.Global.output)

    def log(line: str) -> None:
        # The first line comes when dataset and model are found, before the long work.
        output.mkdir(parents=True, exist_ok=True)
        console.note(line)

    def work() -> int:
        reject_file(output)
        with console.progress("evaluating") as progress:
            report = mode.run(config, log, progress)
        return console.show_evaluation(report, as_json)

    return _with_result("evaluate", config, work)


def export(config: Config, target: str | None = None) -> int:
    from pathlib import Path

    from ocrx.cli import console
    from ocrx.modes import export as mode

    def work() -> int:
        console.show_export(mode.run(config, console.note, Path(target) if target else None))
        return 0

    return _with_result("export", config, work)


# Where a mode's weights are named.
_WEIGHTS = {
    "evaluate": ("Evaluate", "weight_path"),
    "export": ("Export", "weight_path"),
    "predict": ("Predict", "model_dir"),
}

RUNNERS: dict[str, Callable[[Config], int]] = {
    "check_dataset": check,
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "predict": predict,
}
