from __future__ import annotations

from pathlib import Path

from ocrx.models.model_io import load_model
from ocrx.training.checkpoint import save_checkpoint


def test_a_language_model_stays_when_its_model_is_saved_again(model_folder: Path, tmp_path: Path) -> None:
    model, spec = load_model(model_folder)
    save_checkpoint(tmp_path / "best", model, spec)
    (tmp_path / "best" / "lm.json.gz").write_bytes(b"as it is")
    save_checkpoint(tmp_path / "best", model, spec)
    assert (tmp_path / "best" / "lm.json.gz").read_bytes() == b"as it is"
