"""From files, recipes and overrides to one ``Config``.

The only module that imports omegaconf, inside the functions that read files and overrides: `ocrx predict` without
either starts faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrx.config.checks import closest
from ocrx.config.decode import DecodeOptions
from ocrx.config.sections import (
    DEFAULT_MODEL,
    BenchmarkConfig,
    CheckDatasetConfig,
    EvaluateConfig,
    ExportConfig,
    GlobalConfig,
    ImageConfig,
    ModelConfig,
    PredictConfig,
    SynthConfig,
)
from ocrx.config.training import TrainConfig
from ocrx.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

_RENAMED = {("Train", "allow"): "ignore_checks", ("Decode", "lm_below"): "lm_confidence_threshold"}
"""Section and old name of a key, and what it is called now."""


@dataclass(frozen=True)
class Config:
    """All sections; the names are PaddleX's."""

    Global: GlobalConfig = field(default_factory=GlobalConfig)
    Model: ModelConfig = field(default_factory=ModelConfig)
    Image: ImageConfig = field(default_factory=ImageConfig)
    CheckDataset: CheckDatasetConfig = field(default_factory=CheckDatasetConfig)
    Train: TrainConfig = field(default_factory=TrainConfig)
    Evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    Export: ExportConfig = field(default_factory=ExportConfig)
    Predict: PredictConfig = field(default_factory=PredictConfig)
    Benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    Synth: SynthConfig = field(default_factory=SynthConfig)
    Decode: DecodeOptions = field(default_factory=DecodeOptions)


def load_config(
    source: str | None = None, overrides: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> Config:
    """Build the configuration of a run.

    ``source`` is a YAML file or a recipe's name; ``overrides`` are ``Section.key=value`` with YAML values;
    ``options`` maps ``Section.key`` to plain values and comes last (None: not given).
    Raises ConfigError that names the key, what was expected, and the closest existing key.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    schema = OmegaConf.structured(Config)
    layers = [_from_file(find_config(source))] if source else []
    layers += [_from_overrides(overrides), _from_options(options or {})]
    for layer in layers:
        _rename_old_keys(layer)
        _refuse_unknown(layer, schema, "")
    model = DEFAULT_MODEL
    for layer in layers:
        model = str((layer.get("Global") or {}).get("model") or model)
    recipe = recipe_path(model)
    if recipe is None:
        names = recipe_names()
        raise ConfigError(f"Global.model: no recipe named {model!r}", hint=closest(model, names) or "see `ocrx models`")
    layers.insert(0, _from_file(recipe))
    _halve_rate(layers, recipes=2 if source and find_config(source).resolve().parent == recipes_dir().resolve() else 1)
    try:
        merged = OmegaConf.merge(schema, *layers, {"Global": {"model": model}})
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "config"
        raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from None
    assert isinstance(config, Config)  # for the type checker; the schema makes it so
    return config


def _rename_old_keys(layer: dict[str, Any]) -> None:
    """Give the keys of ``_RENAMED`` their present names, so that files written by an older ocrx still load."""
    for (section, old), new in _RENAMED.items():
        keys = layer.get(section)
        if isinstance(keys, dict) and old in keys:
            if new in keys:
                raise ConfigError(f"{section}.{old}: an old name of {section}.{new}, which is set too; expected one")
            keys[new] = keys.pop(old)


def _halve_rate(layers: Sequence[dict[str, Any]], recipes: int) -> None:
    """A recipe's learning rate is for the start that the recipe names; from another model half of it is enough.

    The first ``recipes`` layers are recipes.
    """
    own = [layer.get("Train") or {} for layer in layers]
    starts = [train["pretrain_weight_path"] for train in own if "pretrain_weight_path" in train]
    if starts and starts[-1]:
        for train in own[:recipes]:
            if "learning_rate" in train and not train.get("pretrain_weight_path"):
                train["learning_rate"] /= 2


def config_from_options(options: Mapping[str, object]) -> Config:
    """Defaults and ``options`` as of ``load_config``, without any recipe: enough for a mode that builds no network."""
    config = Config()
    for dotted, value in options.items():
        if value is not None:
            section, key = dotted.split(".")
            config = replace(config, **{section: replace(getattr(config, section), **{key: value})})
    return config


def find_config(source: str) -> Path:
    """A YAML file, or the recipe of that name."""
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or path.exists():
        if not path.is_file():
            raise ConfigError(f"{source}: no such config file")
        return path
    recipe = recipe_path(source)
    if recipe is None:
        raise ConfigError(f"{source}: neither a file nor a recipe", hint=closest(source, recipe_names()))
    return recipe


def model_named_by(source: str) -> str | None:
    """The ``Global.model`` that a YAML file or a recipe itself names."""
    name = (_from_file(find_config(source)).get("Global") or {}).get("model")
    return None if name is None else str(name)


def recipes_dir() -> Path:
    """Where the recipes lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in recipes_dir().glob("*.yaml"))


def recipe_path(name: str) -> Path | None:
    path = recipes_dir() / f"{name}.yaml"
    return path if path.is_file() and "/" not in name else None


def to_yaml(config: Config) -> str:
    """The whole configuration as YAML; ``load_config`` reads it back to an equal value."""
    from omegaconf import OmegaConf

    text: str = OmegaConf.to_yaml(OmegaConf.structured(config))
    return text


def _from_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML ({getattr(error, 'problem', error)})") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected sections such as Global and Train, found {type(tree).__name__}")
    return tree


def _from_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for item in overrides:
        key, equals, _ = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"-o {item}: expected Section.key=value")
    try:
        tree = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)))
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"-o {' '.join(overrides)}: {str(error).splitlines()[0]}") from None
    assert isinstance(tree, dict)  # a dot list always gives a mapping
    return {str(key): value for key, value in tree.items()}


def _from_options(options: Mapping[str, object]) -> dict[str, Any]:
    """Values of the command line as they are: a folder may be called ``on`` or ``a=b``."""
    tree: dict[str, Any] = {}
    for dotted, value in options.items():
        if value is not None:
            *sections, key = dotted.split(".")
            node = tree
            for section in sections:
                node = node.setdefault(section, {})
            node[key] = value
    return tree


def _refuse_unknown(tree: Mapping[Any, Any], schema: DictConfig, prefix: str) -> None:
    from omegaconf import DictConfig, OmegaConf

    for key, value in tree.items():
        if str(key) not in schema:
            name = f"{prefix}{key}"
            raise ConfigError(f"{name}: no such key", hint=closest(name, list(_keys(OmegaConf.structured(Config), ""))))
        node = schema[str(key)]
        typed = isinstance(node, DictConfig) and OmegaConf.get_type(node) is not dict
        if typed and isinstance(value, Mapping):
            _refuse_unknown(value, node, f"{prefix}{key}.")
        elif typed and value is not None:
            raise ConfigError(f"{prefix}{key}: expected a section with keys, found {value!r}")


def _keys(schema: DictConfig, prefix: str) -> Iterator[str]:
    from omegaconf import DictConfig

    for key in map(str, schema):
        yield f"{prefix}{key}"
        if isinstance(schema[key], DictConfig):
            yield from _keys(schema[key], f"{prefix}{key}.")
