"""Builds one ``Config`` from the defaults, a recipe, a YAML file, overrides and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ocrx.config.decode import DecodeOptions
from ocrx.config.paddlex import remove_replaced_keys, rename_old_keys
from ocrx.config.recipes import find_config, recipe_names, recipe_path, recipes_dir
from ocrx.config.sections import (
    DEFAULT_MODEL,
    BenchmarkConfig,
    CheckDatasetConfig,
    EvaluateConfig,
    ExportConfig,
    GlobalConfig,
    ModelConfig,
    PredictConfig,
    SynthConfig,
)
from ocrx.config.serve import ServeConfig
from ocrx.config.training import TrainConfig
from ocrx.config.yaml_text import nest, read_overrides, read_yaml, refuse_interpolation, write_yaml
from ocrx.errors import ConfigError
from ocrx.model_spec import ImageSpec
from ocrx.schema import accepts_text, build, closest, field_paths


@dataclass(frozen=True)
class Config:
    """All sections, under PaddleX's names.

    Attributes:
        Global: Settings of all modes.
        Model: The network.
        Image: Preparation of images for the network.
        CheckDataset: Checks of a dataset.
        Train: How to train.
        Evaluate: Evaluation of a model.
        Export: Export to another format or precision.
        Predict: Reading images.
        Benchmark: Measurements of ``ocrx benchmark``.
        Serve: The HTTP server.
        Synth: Synthetic lines.
        Decode: How logits become text.
    """

    Global: GlobalConfig = field(default_factory=GlobalConfig)
    Model: ModelConfig = field(default_factory=ModelConfig)
    Image: ImageSpec = field(default_factory=ImageSpec)
    CheckDataset: CheckDatasetConfig = field(default_factory=CheckDatasetConfig)
    Train: TrainConfig = field(default_factory=TrainConfig)
    Evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    Export: ExportConfig = field(default_factory=ExportConfig)
    Predict: PredictConfig = field(default_factory=PredictConfig)
    Benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    Serve: ServeConfig = field(default_factory=ServeConfig)
    Synth: SynthConfig = field(default_factory=SynthConfig)
    Decode: DecodeOptions = field(default_factory=DecodeOptions)


def load_config(
    source: str | None = None,
    overrides: Sequence[str] = (),
    options: Mapping[str, object] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Config:
    """Build the configuration of a run.

    Args:
        source: Path of a YAML file, or name of a recipe.
        overrides: ``Section.key=value`` entries, whose values follow the rules of YAML.
        options: ``Section.key`` → value, applied last and not parsed as YAML; None means not given.
        notice: Called with one line for each key of PaddleX that has no effect.

    Returns:
        The configuration: defaults ← the recipe that ``Global.model`` names ← ``source`` ← ``overrides`` ← ``options``.

    Raises:
        ConfigError: A key or value is invalid; the message names the key and what was expected, the hint the closest
            key.
    """
    config_file = find_config(source) if source else None
    layers = [read_yaml(config_file)] if config_file else []
    layers += [read_overrides(overrides, lambda key: accepts_text(Config, key)), _given(options or {})]
    known = frozenset(field_paths(Config))
    for layer in layers:
        refuse_interpolation(layer)
        rename_old_keys(layer)
        for line in remove_replaced_keys(layer, known):
            if notice is not None:
                notice(line)

    model = _model_name(layers)
    recipe = recipe_path(model)
    if recipe is None:
        hint = closest(model, recipe_names()) or "see `ocrx models`"
        raise ConfigError(f"Global.model: no recipe named {model!r}", hint=hint)
    layers.insert(0, read_yaml(recipe))
    source_is_recipe = config_file is not None and config_file.resolve().parent == recipes_dir().resolve()
    _halve_rate(layers, recipes=2 if source_is_recipe else 1)

    merged: dict[str, Any] = {}
    for layer in (*layers, {"Global": {"model": model}}):
        merged = _merged(_without_foreign_params(merged, layer), layer)
    return build(Config, merged, error=ConfigError)


def config_from_options(options: Mapping[str, object]) -> Config:
    """Build a configuration without a recipe or file, which is faster and suffices for modes that build no network.

    Args:
        options: ``Section.key`` → value; None means not given.

    Returns:
        The defaults with ``options``.

    Raises:
        ConfigError: A key or value is invalid.
    """
    return build(Config, _given(options), error=ConfigError)


def to_yaml(config: Config) -> str:
    """Serialise a configuration.

    Args:
        config: The configuration.

    Returns:
        All its settings as YAML; ``load_config`` reads it back to an equal value.
    """
    return write_yaml(_plain(asdict(config)))


def _given(options: Mapping[str, object]) -> dict[str, Any]:
    return nest({key: value for key, value in options.items() if value is not None})


def _model_name(layers: Sequence[Mapping[str, Any]]) -> str:
    """``Global.model`` of the last layer that sets it; also checks that every layer consists of sections."""
    model = DEFAULT_MODEL
    for layer in layers:
        for section, keys in layer.items():
            if keys is not None and not isinstance(keys, Mapping):
                raise ConfigError(f"{section}: {keys!r:.40}; expected a section with keys")
        model = str((layer.get("Global") or {}).get("model") or model)
    return model


def _halve_rate(layers: Sequence[dict[str, Any]], recipes: int) -> None:
    """Halve the learning rate of a recipe if pretrained weights are used that the recipe does not name.

    The first ``recipes`` layers are recipes.
    """
    sections = [layer.get("Train") or {} for layer in layers]
    weights = [train["pretrain_weight_path"] for train in sections if "pretrain_weight_path" in train]
    if weights and weights[-1]:
        for train in sections[:recipes]:
            if "learning_rate" in train and not train.get("pretrain_weight_path"):
                train["learning_rate"] /= 2


def _without_foreign_params(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Mapping[str, Any]:
    """``lower``, without the parameters of its architecture where ``upper`` names another one."""
    below = lower.get("Model") or {}
    named = (upper.get("Model") or {}).get("architecture")
    return lower if named in (None, below.get("architecture")) else {**lower, "Model": {**below, "params": {}}}


def _merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """``upper`` over ``lower``: sections key by key, other values replaced; an empty section changes nothing."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(value, Mapping):
            merged[key] = _merged(below if isinstance(below, Mapping) else {}, value)
        elif value is not None or not isinstance(below, Mapping):
            merged[key] = value
    return merged


def _plain(value: Any) -> Any:
    """Convert tuples to lists, as YAML has no tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
