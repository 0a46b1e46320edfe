"""Finds the checkpoint to resume and compares its settings with the current ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ocrx.config import Config, load_config
from ocrx.errors import ModelError, OcrxError
from ocrx.model_folder import find_model_folder, read_spec
from ocrx.model_spec import ModelSpec
from ocrx.models import frame_spec, parsed_params
from ocrx.synth.text import charset_characters
from ocrx.text.charsets import resolve_charset

CONFIG_FILE = "config.yaml"

# These say where and how a run starts, not what it trains.
_NOT_COMPARED = ("Global.output", "Global.mode", "Train.resume_path", "Train.overwrite")


def resume_folder(config: Config) -> Path | None:
    """Find the checkpoint that ``Train.resume_path`` names.

    Args:
        config: The configuration; ``latest`` means that of ``Global.output``.

    Returns:
        The checkpoint folder; None for a new training.

    Raises:
        ModelError: If there is no such folder.
    """
    path = config.Train.resume_path
    if path is None:
        return None
    return find_model_folder(Path(config.Global.output) / "latest" if path == "latest" else Path(path))


def resumed_spec(folder: Path, config: Config) -> ModelSpec:
    """Read the spec of a checkpoint.

    Args:
        folder: The checkpoint folder.
        config: The configuration to resume with.

    Returns:
        The spec.

    Raises:
        ModelError: If the configuration asks for another network.
    """
    spec = read_spec(folder)
    if changed := network_changes(spec, config):
        raise ModelError(
            f"{folder}: trained with another network: {'; '.join(changed)}",
            hint="resume with the settings of its config.yaml: --resume without -c and -o",
        )
    return spec


def network_changes(spec: ModelSpec, config: Config) -> list[str]:
    """Compare a network with the one that a configuration asks for.

    Args:
        spec: The network.
        config: The configuration.

    Returns:
        The differences, one string each.
    """
    model, form = config.Model, weight_form(spec)
    if model.architecture != spec.architecture:
        return [f"Model.architecture was {spec.architecture}, is {model.architecture}"]

    # Parameters inherited from pretrained weights are not configuration requests.
    asked = {**model.params, **form} if config.Train.pretrain_weight_path else {**form, **model.params}
    frame_spec(model.architecture, asked, config.Image)  # raises where no such network exists
    params = [parsed_params(model.architecture, values) for values in (spec.params, asked)]
    changed = [*_differences("Model.params", *params), *_differences("Image", spec.image, config.Image)]

    if config.Global.charset and resolve_charset(config.Global.charset).characters != spec.charset:
        changed.append(f"Global.charset was another, with {len(spec.charset)} characters")
    if config.Train.synth.enable and (new := set(charset_characters(config.Synth.charset)) - set(spec.charset)):
        changed.append(f"Synth.charset was without {' '.join(map(repr, sorted(new)[:5]))}")
    return changed


def weight_form(spec: ModelSpec) -> dict[str, Any]:
    """Pick the parameters that the pretrained weights determine; imported weights may be fused.

    Args:
        spec: Spec of the pretrained weights.

    Returns:
        Parameter → value.
    """
    return {name: spec.params[name] for name in ("fused", "single_token", "activation") if name in spec.params}


def changed_settings(folder: Path, config: Config) -> list[str]:
    """List every setting that differs from those the training was saved with.

    Args:
        folder: The checkpoint folder that is resumed; ``config.yaml`` is beside it.
        config: The configuration to resume with.

    Returns:
        The differences, one string each; empty where ``config.yaml`` is missing.
    """
    file = folder.parent / CONFIG_FILE
    if not file.is_file():
        return []
    try:
        before = load_config(str(file))
    except OcrxError as error:
        return [f"{file} cannot be compared ({error.message})"]

    old, new = dict(_settings(before, "")), dict(_settings(config, ""))
    return [
        f"{key} was {old.get(key)}, is {value}"
        for key, value in new.items()
        if key not in _NOT_COMPARED and value != old.get(key)
    ]


def _settings(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """All settings as pairs of ``Section.key`` and value."""
    if is_dataclass(value):
        for field in fields(value):
            yield from _settings(getattr(value, field.name), f"{key}.{field.name}" if key else field.name)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _settings(one, f"{key}.{name}")
    else:
        yield key, tuple(value) if isinstance(value, list) else value


def _differences(section: str, was: Any, wanted: Any) -> list[str]:
    """The fields in which two dataclasses of the same type differ."""
    pairs = [(field.name, getattr(was, field.name), getattr(wanted, field.name)) for field in fields(was)]
    return [f"{section}.{name} was {old}, is {new}" for name, old, new in pairs if old != new]
