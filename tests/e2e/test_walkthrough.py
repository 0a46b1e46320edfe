"""The modes one after the other, as a user runs them, and what happens when something is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ocrx.cli.app import main
from ocrx.config import load_config

Capture = pytest.CaptureFixture[str]
QUICK = ["-o", "Train.epochs_iters=2", "-o", "Train.log_interval=1", "-o", "Global.device=cpu"]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a short training (the model is useless, the files are real)."""
    from support.lines import make_line_folder

    root = tmp_path_factory.mktemp("walk through")
    folder = make_line_folder(root)
    assert run("train", "--data", folder, "--output", root / "output", *QUICK) == 0
    return root / "output"


def test_the_four_modes_one_after_the_other(trained: Path, capsys: Capture) -> None:
    data = trained.parent / "lines"
    assert run("check-dataset", data, "--output", trained) == 0
    result = json.loads((trained / "check_dataset_result.json").read_text())
    assert result["done_flag"] and result["check_pass"] and result["attributes"]["train_samples"] == 8
    result = json.loads((trained / "train_result.json").read_text())
    assert result["done_flag"] and result["models"]["best"]["score"] >= 0
    assert (trained / result["models"]["best"]["inference"] / "model.onnx").is_file()
    for name in ("train.log", "history.csv", "curves.png", "config.yaml", "label_dict.txt"):
        assert (trained / name).stat().st_size > 0
    capsys.readouterr()
    assert run("evaluate", "-c", trained / "config.yaml", "--model", trained / "best_accuracy", data) == 0
    result = json.loads((trained / "evaluate_result.json").read_text())
    assert result["done_flag"] and {"acc", "norm_edit_dis", "cer", "wer"} <= result["metrics"].keys()
    capsys.readouterr()
    image = data / "images" / "00.png"
    assert run("predict", image, "--model", trained / "best_accuracy", "--jsonl") == 0
    printed = capsys.readouterr()
    row = json.loads(printed.out)
    assert row["input_path"] == str(image) and {"page_index", "rec_text", "rec_score"} <= row.keys()
    assert "best_accuracy" in printed.err, "which model reads is said"


def test_paddlex_own_form(trained: Path, tmp_path: Path) -> None:
    data = trained.parent / "lines"
    common = ["-o", f"Global.dataset_dir={data}", "-o", f"Global.output={tmp_path}", *QUICK]
    weights = tmp_path / "best_accuracy" / "best_accuracy.pdparams"
    common += ["-o", f"Evaluate.weight_path={weights}", "-o", f"Export.weight_path={weights}"]
    for mode in ("check_dataset", "train", "evaluate", "export"):
        assert run("run", "-c", "lcnetv4_tiny", "-o", f"Global.mode={mode}", *common) == 0
        assert json.loads((tmp_path / f"{mode}_result.json").read_text())["done_flag"] is True
    inference = tmp_path / "best_accuracy" / "inference"
    arguments = ["-o", f"Predict.model_dir={inference}", "-o", f"Predict.input={data / 'images'}"]
    assert run("run", "-c", "lcnetv4_tiny", "-o", "Global.mode=predict", *common, *arguments) == 0


def test_training_again_needs_overwrite(trained: Path, capsys: Capture) -> None:
    data = trained.parent / "lines"
    before = (trained / "best_accuracy" / "model.safetensors").read_bytes()
    assert run("train", "--data", data, "--output", trained, *QUICK) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (trained / "best_accuracy" / "model.safetensors").read_bytes() == before
    assert run("train", "--data", data, "--output", trained, "--resume", *QUICK) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_resuming_uses_the_settings_of_the_training(tmp_path: Path, line_folder: Path) -> None:
    output = tmp_path / "out"
    given = ["-o", "Train.epochs_iters=1", "-o", "Train.batch_size=5", "-o", "Image.max_width=640"]
    assert run("train", "-c", "crnn", "--data", line_folder, "--output", output, *given) == 0
    before = load_config(str(output / "config.yaml"))
    assert run("train", "--output", output, "--resume", "-o", "Train.epochs_iters=2") == 0
    after = load_config(str(output / "config.yaml"))
    assert after.Global.model == "crnn" and after.Train.batch_size == 5
    assert replace(after.Train, epochs_iters=1, resume_path=None) == before.Train and after.Image == before.Image
    assert json.loads((output / "train_result.json").read_text())["epochs"] == 2


def test_fine_tuning_needs_a_model(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    start = ["-o", f"Train.pretrain_weight_path={trained / 'best_accuracy'}"]
    assert run("train", "--data", trained.parent / "lines", "--output", tmp_path / "out", *start, *QUICK) == 0
    assert "characters kept, 0 new, 0 dropped" in capsys.readouterr().err


def test_one_bad_image_does_not_stop_the_others(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "images"
    shutil.copytree(trained.parent / "lines" / "images", folder)
    (folder / "00.png").write_bytes(b"")
    (folder / "01.PNG").write_bytes((folder / "02.png").read_bytes())
    assert run("predict", folder, "--model", trained / "best_accuracy", "--jsonl") == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 13
    assert [Path(row["input_path"]).name for row in rows if row.get("error")] == ["00.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check-dataset", "nowhere"], 1, "nowhere"),
        (["train", "-o", "Global.dataset_dir=nowhere"], 1, "nowhere"),
        (["train"], 2, "Global.dataset_dir"),
        (["train", "-c", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["train", "-o", "Train.epoch_iters=3"], 2, "did you mean Train.epochs_iters?"),
        (["train", "--data", "DATA", "-o", "Global.device=gpu:7"], 1, "Global.device=cpu"),
        (["train", "--data", "DATA", "-o", "Global.device=tpu"], 2, "tpu"),
        (["predict", "nowhere.png", "--model", "MODEL"], 1, "nowhere.png"),
        (["predict", "IMAGE", "--model", "nowhere"], 1, "nowhere"),
        (["predict", "IMAGE", "--model", "TEXT"], 1, "text.txt: not an ocrx model"),
        (["evaluate", "DATA", "--model", "nowhere"], 1, "nowhere"),
        (["run", "-o", "Global.mode=fly"], 2, "fly"),
        (["predict", "--no-such-option"], 2, "no-such-option"),
        (["fly"], 2, "fly"),
    ],
)
def test_a_mistake_ends_with_its_code_and_its_place(
    arguments: list[str],
    code: int,
    message: str,
    trained: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("not a model")
    data = trained.parent / "lines"
    real = {
        "DATA": str(data),
        "MODEL": str(trained / "best_accuracy"),
        "IMAGE": str(data / "images" / "00.png"),
        "TEXT": "text.txt",
    }
    assert run(*[real.get(argument, argument) for argument in arguments]) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err and printed.out == ""


def test_a_built_dictionary_suits_check_train_and_evaluate(line_folder: Path, capsys: Capture) -> None:
    val = (line_folder / "val.txt").read_text(encoding="utf-8")
    (line_folder / "val.txt").write_text(val.replace("one 1", "one é"), encoding="utf-8")
    output = line_folder.parent / "out"
    assert run("check-dataset", line_folder, "--build-dict", "--output", output) == 0
    assert "val-unseen" in capsys.readouterr().out
    assert run("train", "--data", line_folder, "--output", output, *QUICK) == 0
    assert run("evaluate", line_folder, "-m", output / "best_accuracy", "--output", output) == 0


def test_weights_cut_in_half_are_named(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained / "best_accuracy", folder)
    shutil.rmtree(folder / "inference")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    assert run("predict", trained.parent / "lines" / "images" / "00.png", "--model", folder) == 1
    assert "model.safetensors: damaged" in capsys.readouterr().err


def test_an_onnx_file_cut_in_half_is_named(trained: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained / "best_accuracy", folder)
    exported = folder / "inference" / "model.onnx"
    exported.write_bytes(exported.read_bytes()[: exported.stat().st_size // 2])
    assert run("predict", trained.parent / "lines" / "images" / "00.png", "--model", folder) == 1
    assert "model.onnx" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "train.txt").write_text(""), "train"),
        (lambda folder: (folder / "train.txt").write_text("images/00.png one\n"), "train.txt:1"),
        (lambda folder: (folder / "images" / "03.png").unlink(), "train.txt:4"),
        (lambda folder: (folder / "dict.txt").write_text("o\nn\ne\n"), "train.txt:2"),
        (lambda folder: (folder / "images" / "02.png").write_bytes(b"\x89PNG half"), "train.txt:3"),
        (lambda folder: (folder / "images" / "04.png").write_bytes(b""), "train.txt:5"),
    ],
)
def test_training_rejects_data_that_would_spoil_it(
    change: object, message: str, line_folder: Path, capsys: Capture
) -> None:
    change(line_folder)  # type: ignore[operator]  # a lambda of the table
    output = line_folder.parent / "out"
    assert run("train", "--data", line_folder, "--output", output, *QUICK) == 1
    assert message in capsys.readouterr().err
    result = json.loads((output / "train_result.json").read_text())
    assert result["done_flag"] is False and result["err_type"] == "DataError" and message in result["err_msg"]
