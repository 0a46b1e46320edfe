"""The output folder of a training: protects an existing run and clears one that is overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

from ocrx.errors import DataError
from ocrx.model_folder import SPEC_FILE

LOG_FILE, PREVIEW_FILE, RESULT_FILE = "train.log", "augment.png", "train_result.json"
TENSORBOARD_DIR = "tensorboard"

_MODELS = ("latest", "best_accuracy")
_FILES = (LOG_FILE, "history.csv", "curves.png", PREVIEW_FILE, RESULT_FILE)


def refuse_overwriting(output: Path) -> None:
    """Protect an existing training run.

    Args:
        output: The output folder of a new training.

    Raises:
        DataError: If it holds a training run.
    """
    for name in _MODELS:
        if (output / name).exists():
            raise DataError(
                f"{output}: holds an existing training run ({name}/)",
                hint="continue it with --resume, replace it with --overwrite, or choose another --output",
            )


def clear_output(output: Path, needed: Path | None) -> None:
    """Remove an existing training run, so that none of its files can be mistaken for the new run's.

    Args:
        output: The output folder; other files in it are kept.
        needed: A model that the new training starts from.

    Raises:
        DataError: If that model is part of the run to be removed.
    """
    old = [file.parent for name in (*_MODELS, "epoch_[0-9]*") for file in output.glob(f"{name}/{SPEC_FILE}")]
    old += [curves] if (curves := output / TENSORBOARD_DIR).is_dir() else []
    if needed and any(needed.resolve().is_relative_to(folder.resolve()) for folder in old):
        raise DataError(
            f"{needed}: the pretrained weights are in the output folder, which --overwrite clears",
            hint="choose another --output",
        )
    for folder in old:
        shutil.rmtree(folder)
    for name in _FILES:
        (output / name).unlink(missing_ok=True)
