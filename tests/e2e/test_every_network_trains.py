"""The small networks train on lines of the demo set; benchmarks/train_every_model.py does it for all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ocrx import create_model
from ocrx.config import load_config
from ocrx.modes import train as mode

DEMO = Path(__file__).parents[2] / "datasets" / "demo"
LINES = 8


@pytest.fixture(scope="module")
def few_lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of the shortest lines of the demo set."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "images").mkdir()
    for part, count in (("train.txt", LINES), ("val.txt", 4)):
        rows = sorted((DEMO / part).read_text(encoding="utf-8").splitlines(), key=len)[:count]
        for row in rows:
            shutil.copy(DEMO / row.split("\t")[0], folder / "images")
        (folder / part).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "recipe",
    ["lcnetv4_tiny", "cnn_bilstm", "crnn", "resnet_bilstm", "printed_en", "PP-OCRv3_mobile_rec", "PP-OCRv6_tiny_rec"],
)
def test_loss_falls_and_the_model_reads(recipe: str, few_lines: Path, tmp_path: Path) -> None:
    settings = {
        "Global.dataset_dir": few_lines,
        "Global.output": tmp_path / "out",
        "Train.epochs_iters": 4,
        "Train.eval_interval": 4,
        "Train.save_interval": 4,
        "Train.batch_size": LINES,
        "Train.log_interval": 1,
        "Train.learning_rate": 0.002,
        "Train.warmup_steps": 1,
        "Train.workers": 0,
        "Train.augment": 0,
        "Train.synth.enable": "false",
    }
    log: list[str] = []
    mode.run(load_config(recipe, [f"{key}={value}" for key, value in settings.items()]), log.append)
    losses = [float(line.split(" loss ")[1].split()[0]) for line in log if " step " in line]
    assert losses[-1] < 0.95 * losses[0]
    model = create_model(model_dir=tmp_path / "out" / "best_accuracy")
    assert len(list(model.predict(str(few_lines / "images")))) == LINES + 4
