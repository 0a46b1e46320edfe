from __future__ import annotations

from pathlib import Path

import pytest
from support.paddlex_yaml import paddlex_yaml

from ocrx.config import load_config, recipes_dir
from ocrx.errors import ConfigError

PADDLEX_YAML = paddlex_yaml("PP-OCRv4_mobile_rec", "https://example.com", "/PP-OCRv4_mobile_rec_pretrained.pdparams")


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


def test_another_architecture_begins_with_its_own_parameters() -> None:
    config = load_config("fine_tune", ["Model.architecture=crnn"])
    assert (config.Model.architecture, config.Model.params) == ("crnn", {})
    same = load_config("fine_tune", ["Model.architecture=lcnet_lstm", "Model.params.layers=1"])
    assert same.Model.params["hidden"] == 128
    assert same.Model.params["layers"] == 1


def test_values_follow_yaml_rules() -> None:
    config = load_config(None, ["Train.learning_rate=1e-4", "Predict.input=a=b?c=d", "Train.max_minutes=null"])
    assert config.Train.learning_rate == 1e-4
    assert config.Predict.input == "a=b?c=d"
    assert config.Train.max_minutes is None


def test_options_are_taken_literally() -> None:
    assert load_config(options={"Global.dataset_dir": "on"}).Global.dataset_dir == "on"
    assert load_config(options={"Global.dataset_dir": "a=b: c"}).Global.dataset_dir == "a=b: c"


def test_no_option_of_the_command_line_is_an_interpolation() -> None:
    with pytest.raises(ConfigError, match=r"Global\.dataset_dir: .*expected no interpolation"):
        load_config(options={"Global.dataset_dir": "https://x.example/${oc.env:HOME}"})


@pytest.mark.parametrize(
    ("overrides", "message", "hint"),
    [
        (["Train.ignore_checks=[label-chraset]"], "Train.ignore_checks: 'label-chraset'; expected", "label-charset"),
        (["Train.epoch_iters=3"], "Train.epoch_iters: no such key", "Train.epochs_iters"),
        (["train.epochs_iters=3"], "train: no such key", "Train"),
        (["Global.model=lcnetv4_tinny"], "no recipe named 'lcnetv4_tinny'", "lcnetv4_tiny"),
        (["Train.epochs_iters"], "expected Section.key=value", None),
        (["=3"], "expected Section.key=value", None),
        (["Train.epochs_iters=many"], "Train.epochs_iters: 'many'; expected an integer", None),
        (["Train.epochs_iters=0"], "Train.epochs_iters: 0; expected 1 to 1,000,000", None),
        (["Train=3"], "Train: 3; expected a section", None),
        (["Train.precision=fp8"], "Train.precision: 'fp8'; expected one of", None),
        (["Train.augment=1.5"], "Train.augment: 1.5; expected 0 to 1", None),
        (
            ["Train.synth.enable=true", "Train.concat=0.1"],
            "Train.concat and flip_vertical: not possible with Train.synth.enable",
            None,
        ),
        (["Image.filter=magic"], "Image.filter: 'magic'; expected one of", None),
        (["Image.max_width=1000"], "Image.max_width: 1000; expected a multiple of bucket (32)", None),
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
