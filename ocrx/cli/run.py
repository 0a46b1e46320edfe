"""``ocrx run``: the mode that ``Global.mode`` names, as PaddleX starts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from ocrx.cli import check_dataset, evaluate, export, prediction, settings, train
from ocrx.cli.options import ConfigOption, Overrides
from ocrx.errors import ConfigError

if TYPE_CHECKING:
    from ocrx.config import Config

MODES: dict[str, Callable[[Config], int]] = {
    "check_dataset": check_dataset.run,
    "train": train.run,
    "evaluate": evaluate.run,
    "export": export.run,
    "predict": prediction.run_as_paddlex,
}


def run(config: ConfigOption = None, override: Overrides = None) -> None:
    """Run the mode that Global.mode names, as PaddleX does."""
    loaded = settings.load(config, override, {})
    mode = loaded.Global.mode
    if mode not in MODES:
        raise ConfigError(f"Global.mode: {mode!r}; expected one of {', '.join(MODES)}")
    raise typer.Exit(MODES[mode](settings.with_trained_weights(mode, loaded, config)))
