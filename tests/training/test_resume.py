"""Which settings differ from those that a training was saved with."""

from __future__ import annotations

from pathlib import Path

from ocrx.config import load_config, to_yaml
from ocrx.training.resume import changed_settings


def saved(folder: Path, *overrides: str) -> Path:
    (folder / "latest").mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(load_config("lcnetv4_tiny", overrides)))
    return folder / "latest"


def test_every_changed_setting_is_listed(tmp_path: Path) -> None:
    latest = saved(tmp_path, "Train.learning_rate=0.001", "Model.params={size: tiny}")
    now = ["Train.learning_rate=0.002", "Train.augment=0.1", "Train.guide.dims=64", "Train.freeze=[stem]"]
    changed = changed_settings(latest, load_config("lcnetv4_tiny", [*now, "Model.params={size: small}"]))
    assert sorted(changed) == [
        "Model.params.size was tiny, is small",
        "Train.augment was 0.5, is 0.1",
        "Train.freeze was (), is ('stem',)",
        "Train.guide.dims was 384, is 64",
        "Train.learning_rate was 0.001, is 0.002",
    ]


def test_the_place_and_the_way_of_starting_are_no_settings(tmp_path: Path) -> None:
    latest = saved(tmp_path, "Train.overwrite=true")
    again = load_config("lcnetv4_tiny", ["Global.output=elsewhere", "Train.resume_path=latest"])
    assert changed_settings(latest, again) == []


def test_a_missing_or_unreadable_configuration_is_no_obstacle(tmp_path: Path) -> None:
    latest = saved(tmp_path)
    (tmp_path / "config.yaml").write_text("Train: {no_such_key: 1}")
    (told,) = changed_settings(latest, load_config("lcnetv4_tiny"))
    assert "cannot be compared" in told and "no_such_key" in told
    (tmp_path / "config.yaml").unlink()
    assert changed_settings(latest, load_config("lcnetv4_tiny")) == []
