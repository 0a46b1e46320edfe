"""What the order of the training lines follows from: within an epoch a training resumes with the same order only."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ocrx.config import Config
from ocrx.data.fingerprint import fingerprint
from ocrx.data.loading.training_data import TrainingData

# Fields of Synth that change no line of a training: they are about what `ocrx synth` writes, and who renders.
_WITHOUT_EFFECT = ("count", "val_percent", "workers")


def data_order_key(config: Config, data: TrainingData) -> dict[str, object]:
    """Collect the settings that the order of the training lines depends on.

    Args:
        config: The configuration.
        data: The lines to train on.

    Returns:
        Setting → value; equal for trainings with the same order.
    """
    train = config.Train
    order: dict[str, object] = {
        "Global.seed": config.Global.seed,
        "Train.batch_size": train.batch_size,
        "Train.max_pixels": train.max_pixels,
    }
    if train.synth.enable:
        names = [field.name for field in fields(config.Synth) if field.name not in _WITHOUT_EFFECT]
        synth = {f"Synth.{name}": getattr(config.Synth, name) for name in names}
        return {**order, "Train.synth.lines_per_epoch": train.synth.lines_per_epoch, **synth}

    lines = fingerprint(data.dataset.train)
    return {**order, "Train.concat": train.concat, "Train.replay_ratio": train.replay_ratio, "training lines": lines}


def current_data_order(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the order that a training saved into the form of ``data_order_key``.

    Version 0.1 stored the section ``Synth`` as the text of its dataclass.

    Args:
        saved: What a training state holds.

    Returns:
        Setting → value; a text that is no such section stays as it is.
    """
    text = saved.get("Synth")
    if not isinstance(text, str):
        return dict(saved)
    try:
        call = ast.parse(text, mode="eval").body
        pairs = call.keywords if isinstance(call, ast.Call) else []
        synth = {f"Synth.{pair.arg}": ast.literal_eval(pair.value) for pair in pairs if pair.arg not in _WITHOUT_EFFECT}
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return dict(saved)
    return {name: value for name, value in saved.items() if name != "Synth"} | synth
