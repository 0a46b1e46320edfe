from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ocrx import create_model
from ocrx.config import DecodeOptions, load_config
from ocrx.decoding.greedy import greedy
from ocrx.errors import ConfigError, ModelError, OcrxError
from ocrx.evaluation.calibration import store_calibration
from ocrx.inference.discovery import find_model
from ocrx.inference.opening import Runtime, describe, open_model, open_recognizer
from ocrx.inference.tuned_settings import TunedSettings, save_tuned_settings
from ocrx.model_spec import CalibrationSpec


@pytest.mark.parametrize(
    ("given", "error", "message", "hint"),
    [
        ("", ConfigError, "an empty name", "a model folder"),
        ("PP-OCRv4_server_rec", ModelError, "OCRX_OFFLINE forbids downloading", "ocrx models --download"),
        ("SVTRv2_tiny", ModelError, "weights cannot be downloaded by name", "ocrx import FILE --output"),
        ("resnet_bilstm", ModelError, "a recipe, not a trained model", "ocrx train -c resnet_bilstm"),
        ("https://host/a.zip", ConfigError, "https://host/a.zip: not the URL of a weight file", ".pdparams"),
    ],
)
def test_a_name_without_a_model_says_what_to_do(given: str, error: type[OcrxError], message: str, hint: str) -> None:
    for options in ({"model_name": given}, {"model_dir": given}):
        with pytest.raises(error, match=message) as raised:
            create_model(**options)
        assert hint in str(raised.value.hint)


def test_models_are_found_by_folder_file_or_name(model_folder: Path, tmp_path: Path) -> None:
    for place in (model_folder, model_folder / "model.safetensors", model_folder / "inference"):
        assert create_model(model_dir=place).spec.name == "random"
    assert create_model(str(model_folder)).spec.name == "random"
    assert create_model(model_dir=model_folder / "inference", backend="torch").backend.name == "torch"
    for missing in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ModelError):
            create_model(model_dir=missing)
    with pytest.raises(ModelError, match="no_such_model"):
        create_model("no_such_model")


def test_without_a_name_the_embedded_model_is_found() -> None:
    assert find_model().name == "printed_latin"
    assert create_model().spec.name == "printed_latin"


def test_a_configuration_says_model_runtime_and_decoder(model_folder: Path) -> None:
    options = {"Predict.model_dir": str(model_folder), "Predict.backend": "torch", "Global.threads": 1}
    folder, recognizer = open_model(load_config(None, (), {**options, "Decode.allow": "abc"}))
    assert folder == model_folder
    assert (recognizer.backend.name, recognizer.backend.threads) == ("torch", 1)
    assert recognizer.decoder is not greedy
    assert describe(folder, recognizer.backend) == f"model {model_folder} (random), torch, 1 thread"
    assert open_recognizer(folder, Runtime(), DecodeOptions()).decoder is greedy


def test_the_calibration_of_the_folder_is_that_of_its_exported_files(model_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    assert create_model(model_dir=folder).calibration is None
    calibration = CalibrationSpec(temperature=1.5, lines=40)
    store_calibration(folder, calibration)
    for place in (folder, folder / "inference", folder / "inference" / "model.onnx", folder / "model.safetensors"):
        assert create_model(model_dir=place).calibration == calibration, place
    alone = Path(shutil.copytree(folder / "inference", tmp_path / "alone"))
    assert create_model(model_dir=alone).calibration == calibration


def test_the_embedded_model_is_calibrated() -> None:
    calibration = create_model().calibration
    assert calibration is not None
    assert calibration.lines >= 1000 and 0.5 < calibration.familiar_score < 1


def test_tuned_settings_fill_in_what_is_not_given(
    model_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    runtime = Runtime(tuned=True)
    with caplog.at_level(logging.WARNING):
        assert open_recognizer(folder, runtime).backend.name == "onnx"
    assert "never tuned on this machine" in caplog.text
    save_tuned_settings(folder, TunedSettings("torch", "fp32", 1, 5, 100.0))
    tuned = open_recognizer(folder, runtime)
    assert (tuned.backend.name, tuned.backend.threads, tuned.batch_size) == ("torch", 1, 5)
    assert open_recognizer(folder, replace(runtime, backend="onnx")).backend.name == "onnx"
