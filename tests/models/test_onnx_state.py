"""Weights read back from the ONNX file of a fused network are those of its state dict, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ocrx.backends import open_backend
from ocrx.errors import ModelError
from ocrx.export.graph import export_onnx
from ocrx.model_folder import EMBEDDED_DIR, INFERENCE_DIR, ONNX_FILE, SPEC_FILE
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import build_model, frame_spec
from ocrx.models.model_io import load_model
from ocrx.models.onnx_state import read_onnx_state


def exported(folder: Path, architecture: str = "lcnet_lstm", **params: Any) -> nn.Module:
    """A network with random weights; ``folder`` gets its spec and ONNX file alone."""
    image = ImageSpec(height=32)
    spec = ModelSpec(architecture, params, tuple("abc"), image, frame_spec(architecture, params, image), "small")
    torch.manual_seed(3)
    model = build_model(spec).eval()
    export_onnx(model, spec, folder / INFERENCE_DIR / ONNX_FILE)
    (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    return model


SMALL: dict[str, Any] = {"channels": [16, 24, 32], "depths": [1, 2, 1], "hidden": 8, "fused": True}


@pytest.mark.parametrize("layers", [1, 3])
def test_the_weights_are_those_of_the_network(tmp_path: Path, layers: int) -> None:
    state = exported(tmp_path, **SMALL, layers=layers).state_dict()
    found = read_onnx_state(tmp_path / INFERENCE_DIR / ONNX_FILE)
    assert all(torch.equal(found[name], value) for name, value in state.items())
    loaded, spec = load_model(tmp_path)
    assert spec.name == "small" and loaded.state_dict().keys() == state.keys()
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in state.items())


def test_torch_reads_a_folder_without_other_weights(tmp_path: Path) -> None:
    exported(tmp_path, **SMALL)
    images = torch.rand(2, 1, 32, 64).numpy()
    left, right = (open_backend(tmp_path, name, "cpu").logits(images) for name in ("torch", "onnx"))
    assert abs(left - right).max() < 1e-4
    assert open_backend(tmp_path, device="cpu", precision="bf16").name == "torch"


def test_weights_of_the_training_form_are_not_in_an_export(tmp_path: Path) -> None:
    exported(tmp_path, **{**SMALL, "fused": False})
    with pytest.raises(ModelError, match=r"model\.safetensors: missing"):
        load_model(tmp_path)
    assert open_backend(tmp_path, device="cpu").name == "onnx"


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    exported(tmp_path, **SMALL)
    spec = (tmp_path / SPEC_FILE).read_text()
    (tmp_path / SPEC_FILE).write_text(spec.replace('"hidden": 8', '"hidden": 16'))
    with pytest.raises(ModelError, match=r"model\.onnx: does not fit model\.json: context\."):
        load_model(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    exported(tmp_path, **SMALL)
    file = tmp_path / INFERENCE_DIR / ONNX_FILE
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"model\.onnx: missing, damaged or not ONNX"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EMBEDDED_DIR.glob(f"*/{SPEC_FILE}")))
def test_embedded_models_hold_their_weights(name: str) -> None:
    model, spec = load_model(EMBEDDED_DIR / name)
    assert sum(value.numel() for value in model.state_dict().values()) > 1_900_000
    assert spec.name == name
