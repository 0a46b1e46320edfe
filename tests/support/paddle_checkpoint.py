"""Writes a network as a Paddle checkpoint, under the names of a key map."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ocrx.zoo.tensors import KeyMap


def renamed(model: nn.Module, key_map: KeyMap, wanted: str | None = None) -> dict[str, Tensor]:
    """The state under the names of a key_map; ``wanted`` picks among variants."""
    state = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    kept = {name: value for name, value in state.items() if wanted is None or not name.endswith(wanted)}
    return {next(key_map.candidates(name)): value for name, value in kept.items()}


def write_pdparams(path: Path, model: nn.Module, tensors: Mapping[str, Tensor], key_map: KeyMap) -> None:
    linear = {
        next(key_map.candidates(f"{name}.weight"))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }
    tree: dict[str, Any] = {
        name.replace("running_mean", "_mean").replace("running_var", "_variance"): np.ascontiguousarray(
            value.numpy().T if name in linear else value.numpy()
        )
        for name, value in tensors.items()
    }
    tree["head.gtc_head.tgt_word_prj.weight"] = np.zeros((3, 3), np.float32)  # guides training only
    tree["StructuredToParameterName@@"] = {}
    path.write_bytes(pickle.dumps(tree, protocol=4))
