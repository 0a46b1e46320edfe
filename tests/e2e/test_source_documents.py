"""What the documents that ocrx follows show, as they write it; other tests hold the details.

PaddleX's tutorial on text recognition (``main.py`` is ``ocrx run`` here), a recipe for handwriting with a pretrained
ResNet, LSTM and CTC, and a PyTorch lesson on text recognition.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.networks import images_for, spec_of
from support.training import CPU

from ocrx import create_model
from ocrx.backends.pytorch import TorchBackend
from ocrx.cli.app import main
from ocrx.config import load_config
from ocrx.ctc.loss import ctc_loss
from ocrx.models import build_model


def paddlex(folder: Path, *settings: str) -> int:
    """``python main.py -c CFG -o ...`` in the folder of the documents."""
    fixed = (f"Global.dataset_dir={folder}", "Global.output=output", "Global.device=cpu")
    return main(["run", "-c", "PP-OCRv4_mobile_rec", *(part for one in (*fixed, *settings) for part in ("-o", one))])


def test_a_dataset_is_validated_and_divided_again(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paddlex(line_folder, "Global.mode=check_dataset") == 0
    before = {name: (line_folder / name).read_bytes() for name in ("train.txt", "val.txt")}
    divide = (
        "CheckDataset.split.enable=True",
        "CheckDataset.split.train_percent=90",
        "CheckDataset.split.val_percent=10",
    )
    assert paddlex(line_folder, "Global.mode=check_dataset", *divide) == 0

    for name, content in before.items():
        assert (line_folder / f"{name}.bak").read_bytes() == content
    result = json.loads(Path("output/check_dataset_result.json").read_text("utf-8"))
    assert result["check_pass"] and (result["attributes"]["train_samples"], result["attributes"]["val_samples"]) == (
        11,
        1,
    )
    for shown in (*result["attributes"]["train_sample_paths"], result["analysis"]["histogram"]):
        assert Path("output", shown).is_file()


def test_the_python_script_of_paddlex(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = create_model("printed_en")
    output = model.predict(str(images / "00.png"), batch_size=1)
    for res in output:
        res.print(json_format=False)
        res.save_to_img("./output/")
        res.save_to_json("./output/res.json")

    printed = capsys.readouterr().out
    assert printed.startswith("{'res': {'input_path': ") and "'page_index': None, 'rec_text': '" in printed
    stored = json.loads(Path("output/res.json").read_text("utf-8"))
    assert {"input_path", "page_index", "rec_text", "rec_score"} <= stored.keys()
    assert [path.suffix for path in sorted(Path("output").iterdir())] == [".png", ".json"]


def test_the_augmentation_of_the_recipe_for_handwriting() -> None:
    """``RandomRotation(10)``, ``RandomAffine(translate=(0.1, 0.1))``, ``RandomVerticalFlip(p=0.5)``."""
    settings = ("Train.augment_rotation=10", "Train.augment_shift=0.1", "Train.flip_vertical=0.5")
    train = load_config("resnet_bilstm", settings).Train
    assert (train.augment_rotation, train.augment_shift, train.flip_vertical) == (10, 0.1, 0.5)
    assert load_config("resnet_bilstm").Train.flip_vertical == 0, "letters are not mirrored unasked"


@pytest.mark.parametrize("backbone", ["resnet", "efficientnet_b0"])
def test_a_pretrained_network_an_lstm_and_ctc(backbone: str) -> None:
    """Every frame is an output, not the last LSTM state alone, and one update of all parts lowers the loss."""
    torch.manual_seed(0)
    spec = spec_of("resnet_bilstm", {"hidden": 16, "stages": 2, "backbone": backbone})
    model, images = build_model(spec), images_for(spec, 128)
    targets, lengths = torch.tensor([3, 1, 4, 1, 5]), torch.tensor([3, 2])
    optimizer, losses = torch.optim.SGD(model.parameters(), 0.05), []
    for _ in range(5):
        logits = model(images)
        loss = ctc_loss(logits, targets, lengths).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert logits.shape == (2, spec.frames.count(128), spec.classes) and losses[-1] < losses[0]


def test_one_deterministic_forward_pass_that_padding_does_not_change() -> None:
    """The lesson's checks: shapes, one forward pass twice, and lines that do not see each other."""
    torch.manual_seed(0)
    spec = spec_of("lcnetv4", {})
    backend = TorchBackend(build_model(spec), spec, CPU)
    images = images_for(spec, 128, 3).numpy()
    logits = backend.logits(images)
    assert (backend.logits(images) == logits).all()
    torch.testing.assert_close(torch.from_numpy(backend.logits(images[1:2])), torch.from_numpy(logits[1:2]))
