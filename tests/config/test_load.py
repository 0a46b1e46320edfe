from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.config import Config, load_config, recipe_names, recipes_dir, to_yaml
from ocrx.errors import ConfigError

PADDLEX_YAML = """
Global:
  model: PP-OCRv4_mobile_rec
  mode: check_dataset # check_dataset/train/evaluate/predict
  dataset_dir: "/paddle/dataset/paddlex/ocr_rec/ocr_rec_dataset_examples"
  device: gpu:0,1,2,3
  output: "output"

CheckDataset:
  convert:
    enable: False
    src_dataset_type: null
  split:
    enable: False
    train_percent: null
    val_percent: null

Train:
  epochs_iters: 20
  batch_size: 8
  learning_rate: 0.001
  pretrain_weight_path: https://example.com/PP-OCRv4_mobile_rec_pretrained.pdparams
  resume_path: null
  log_interval: 20
  eval_interval: 1
  save_interval: 1

Evaluate:
  weight_path: "output/best_accuracy/best_accuracy.pdparams"
  log_interval: 1

Export:
  weight_path: https://example.com/PP-OCRv4_mobile_rec_pretrained.pdparams

Predict:
  batch_size: 1
  model_dir: "output/best_accuracy/inference"
  input: "https://example.com/general_ocr_rec_001.png"
  kernel_option:
    run_mode: paddle
"""


def test_a_recipe_by_its_path_has_the_rate_of_the_recipe_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    start = ["Train.pretrain_weight_path=printed_en"]
    monkeypatch.chdir(recipes_dir().parent)
    rates = {load_config(c, start).Train.learning_rate for c in ("captcha", "configs/captcha.yaml")}
    assert rates == {load_config("captcha").Train.rate / 2}


def test_defaults_name_the_default_recipe() -> None:
    config = load_config()
    assert config.Global.model == "lcnetv4_tiny"
    assert config.Model.architecture == "lcnetv4"


def test_an_unmodified_paddlex_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "rec.yaml"
    path.write_text(PADDLEX_YAML, encoding="utf-8")
    config = load_config(str(path))
    assert config.Global.device == "gpu:0,1,2,3"
    assert config.Image.height == 48, "the recipe of that name gives what PaddleX hides"
    assert config.Train.batch_size == 8
    assert config.Predict.model_dir == "output/best_accuracy/inference"
    assert config.Predict.kernel_option.run_mode == "paddle"


def test_layers_override_each_other_in_order(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("Train: {epochs_iters: 7, learning_rate: 0.5}\nGlobal: {seed: 3}\n", encoding="utf-8")
    config = load_config(str(path), ["Train.epochs_iters=9"], {"Global.seed": 4})
    assert (config.Train.epochs_iters, config.Train.learning_rate, config.Global.seed) == (9, 0.5, 4)
    recipe = load_config("lcnetv4_tiny")
    assert config.Train.batch_size == recipe.Train.batch_size


def test_values_follow_yaml_rules() -> None:
    config = load_config(None, ["Train.learning_rate=1e-4", "Predict.input=a=b?c=d", "Train.max_minutes=null"])
    assert config.Train.learning_rate == 1e-4
    assert config.Predict.input == "a=b?c=d"
    assert config.Train.max_minutes is None


def test_options_are_taken_literally() -> None:
    assert load_config(options={"Global.dataset_dir": "on"}).Global.dataset_dir == "on"
    assert load_config(options={"Global.dataset_dir": "a=b: c"}).Global.dataset_dir == "a=b: c"


def test_an_old_key_still_works() -> None:
    assert load_config(None, ["Train.allow=[leak]"]).Train.ignore_checks == ("leak",)
    with pytest.raises(ConfigError, match=r"Train\.allow: an old name of Train\.ignore_checks"):
        load_config(None, ["Train.allow=[leak]", "Train.ignore_checks=[leak]"])


@pytest.mark.parametrize(
    ("overrides", "message", "hint"),
    [
        (["Train.ignore_checks=[label-chraset]"], "Train.ignore_checks: 'label-chraset'; expected", "label-charset"),
        (["Train.epoch_iters=3"], "Train.epoch_iters: no such key", "Train.epochs_iters"),
        (["train.epochs_iters=3"], "train: no such key", "Train"),
        (["Global.model=lcnetv4_tinny"], "no recipe named 'lcnetv4_tinny'", "lcnetv4_tiny"),
        (["Train.epochs_iters"], "expected Section.key=value", None),
        (["=3"], "expected Section.key=value", None),
        (["Train.epochs_iters=many"], "Train.epochs_iters: Value 'many'", None),
        (["Train.epochs_iters=0"], "Train.epochs_iters: 0; expected at least 1", None),
        (["Train=3"], "Train: expected a section", None),
        (["Train.precision=fp8"], "Train.precision: 'fp8'; expected one of", None),
        (["Train.augment=1.5"], "Train.augment: 1.5; expected 0 (off) to 1", None),
        (
            ["Train.synth.enable=true", "Train.concat=0.1"],
            "Train.concat and Train.flip_vertical: expected stored",
            None,
        ),
        (["Image.filter=magic"], "Image: filter must be one of", None),
        (["Image.max_width=1000"], "max_width must be a multiple of bucket", None),
        (["Global.mode=fly"], "Global.mode: 'fly'", None),
    ],
)
def test_a_mistake_is_named(overrides: list[str], message: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides)
    assert message in caught.value.message
    if hint:
        assert hint in str(caught.value.hint)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Global: [1, 2", ":1: not valid YAML"),
        ("- a\n- b\n", "expected sections"),
        ("Global: {nonsense: 1}", "Global.nonsense: no such key"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_config(str(path))


def test_a_missing_file_or_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such config file"):
        load_config(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="neither a file nor a recipe") as caught:
        load_config("captchas")
    assert "captcha" in str(caught.value.hint)
    binary = tmp_path / "image.yaml"
    binary.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match="not a text file"):
        load_config(str(binary))


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(str(path)) == config
    assert isinstance(config, Config)
