"""What was imported is an ordinary model: a training starts from it, with another charset."""

from __future__ import annotations

from pathlib import Path

import torch
from support.lines import make_line_folder
from support.recipes import network_of

from ocrx.config import load_config
from ocrx.models.model_io import load_model, save_model
from ocrx.modes import train as mode


def test_training_starts_from_fused_weights(tmp_path: Path) -> None:
    """An imported model is in its inference form; the training takes that form and maps the head by character."""
    model, spec = network_of("PP-OCRv6_tiny_rec", fused=True)
    start = tmp_path / "start"
    start.mkdir()
    save_model(model, spec, start)
    data = make_line_folder(tmp_path)
    overrides = [
        f"Global.dataset_dir={data}",
        f"Global.output={tmp_path / 'out'}",
        f"Train.pretrain_weight_path={start}",
        "Train.epochs_iters=1",
        "Train.batch_size=8",
        "Train.learning_rate=0.0001",
        "Train.precision=fp32",
        "Train.workers=0",
    ]
    lines: list[str] = []
    torch.manual_seed(0)
    mode.run(load_config("PP-OCRv6_tiny_rec", overrides), lines.append)
    assert any("characters kept" in line for line in lines)
    trained, trained_spec = load_model(tmp_path / "out" / "best_accuracy")
    assert trained_spec.params["fused"] is True
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in trained.modules())
    assert set("oneightwfurxsv ") - set(trained_spec.charset) == set()
