"""Saves and reads checkpoints: ``latest/`` holds the model and the training state, complete at any moment."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from ocrx.errors import DataError, ModelError
from ocrx.model_folder import LM_FILE, atomic_folder, find_model_folder
from ocrx.model_spec import ModelSpec
from ocrx.models.model_io import save_model
from ocrx.training.data_order import current_data_order

STATE_FILE = "state.pt"

FinalizeFolder = Callable[[nn.Module, ModelSpec, Path], None]
"""Adds files to a model folder before it is put in place, e.g. the exported model."""


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    spec: ModelSpec,
    *,
    state: dict[str, Any] | None = None,
    finalize: FinalizeFolder | None = None,
) -> None:
    """Write a model folder in one step; a language model in it is kept.

    Args:
        folder: The folder to create or replace.
        model: The network whose weights are saved.
        spec: Its spec.
        state: Training state to resume from.
        finalize: Adds further files.

    Raises:
        DataError: If it cannot be written, e.g. on a full disk; an existing folder is then unchanged.
    """
    try:
        with atomic_folder(folder) as partial:
            save_model(model, spec, partial)
            if (folder / LM_FILE).is_file():
                shutil.copyfile(folder / LM_FILE, partial / LM_FILE)
            if state is not None:
                buffer = io.BytesIO()
                torch.save(state, buffer)
                (partial / STATE_FILE).write_bytes(buffer.getvalue())

            if finalize is not None:
                finalize(model, spec, partial)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{folder}: cannot be saved ({error})", hint="the previous checkpoint is unchanged") from None


def carry_best(resumed: Path, output: Path) -> bool:
    """Copy the best model of a resumed training to another output.

    Args:
        resumed: The checkpoint folder to resume; the best model is beside it.
        output: The output folder. A best model that it already has is kept.

    Returns:
        Whether ``output`` has a best model now.

    Raises:
        DataError: If it cannot be copied.
    """
    best, own = find_model_folder(resumed).parent / "best_accuracy", output / "best_accuracy"
    if best.is_dir() and not own.exists():
        try:
            with atomic_folder(own) as partial:
                shutil.copytree(best, partial, dirs_exist_ok=True)
        except OSError as error:
            raise DataError(f"{own}: cannot be copied from {best} ({error})") from None
    return own.is_dir()


def remove_partial(output: Path) -> None:
    """Remove the half-written folders that a killed training left behind.

    Args:
        output: The output folder of the training.
    """
    for name in ("latest", "best_accuracy", "epoch_*"):
        for folder in output.glob(f".{name}.*"):
            shutil.rmtree(folder, ignore_errors=True)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state without running code from it.

    Args:
        path: A checkpoint folder, or a file in one.

    Returns:
        The state, with fields that version 0.1 named differently renamed.

    Raises:
        ModelError: If there is no training state, or it is damaged.
    """
    file = find_model_folder(path) / STATE_FILE
    if not file.is_file():
        raise ModelError(f"{path}: no training state ({STATE_FILE})", hint="resume from the folder `latest`")
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many different errors for damaged files
        hint = "start a new training from best_accuracy instead: -o Train.pretrain_weight_path=DIR"
        raise ModelError(f"{file}: damaged ({type(error).__name__})", hint=hint) from None
    return _current_form(state)


def _current_form(state: dict[str, Any]) -> dict[str, Any]:
    """Rename fields that version 0.1 named differently."""
    for old, new in (("position", "train_state"), ("plan", "data_order")):
        if old in state:
            state[new] = state.pop(old)
    if isinstance(state.get("data_order"), dict):
        state["data_order"] = current_data_order(state["data_order"])
    progress = state.get("train_state")
    if isinstance(progress, dict) and "stale" in progress:
        progress["evals_without_improvement"] = progress.pop("stale")
    return state
