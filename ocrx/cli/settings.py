"""Loads the configuration of a command, finds its weights, and records failures in its result file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ocrx.errors import ConfigError, OcrxError

if TYPE_CHECKING:
    from ocrx.config import Config

# Section and key that name the weights of a mode.
_WEIGHT_KEYS = {
    "evaluate": ("Evaluate", "weight_path"),
    "export": ("Export", "weight_path"),
    "predict": ("Predict", "model_dir"),
}


def load(config: str | None, override: Sequence[str] | None, options: Mapping[str, object]) -> Config:
    """Load the configuration of a command.

    Args:
        config: Path of a YAML file, name of a recipe, or None for the defaults.
        override: ``Section.key=value`` entries of ``-o``.
        options: Values of other options by key; they win over ``override``, None means not given. A model among them
            also wins over a language in the file.

    Returns:
        The validated configuration.
    """
    from ocrx.cli import console
    from ocrx.config import load_config

    loaded = load_config(config, override or (), options, notice=console.info)
    if options.get("Predict.model_dir") is not None and loaded.Predict.lang is not None:
        return replace(loaded, Predict=replace(loaded.Predict, lang=None))
    return loaded


def override_value(key: str, override: Sequence[str] | None) -> str | None:
    """Look up a key among the ``-o`` entries.

    Args:
        key: The key, such as ``Global.output``.
        override: ``Section.key=value`` entries of ``-o``.

    Returns:
        The last value given, or None.
    """
    entries = (entry.partition("=") for entry in reversed(override or ()))
    return next((value for name, _, value in entries if name == key), None)


def last_training(output: str | None) -> tuple[str | None, str | None]:
    """Find the training in an output folder.

    Args:
        output: The folder; None means ``output``.

    Returns:
        Its ``config.yaml`` and its best model; two Nones if there is no training.
    """
    from pathlib import Path

    folder = Path(output or "output")
    if not (folder / "config.yaml").is_file():
        return None, None
    return str(folder / "config.yaml"), str(folder / "best_accuracy")


def with_trained_weights(mode: str, config: Config, source: str | None) -> Config:
    """Fill in weights if the configuration names none.

    These are the best weights of the training in ``Global.output``, else those of the model that ``source`` names, if
    it is embedded or official.

    Args:
        mode: The mode that needs weights.
        config: The configuration.
        source: The file or recipe it was loaded from, if any.

    Returns:
        The configuration, with weights if a model was found.

    Raises:
        ConfigError: If ``source`` names a model without weights that has not been trained here, since the embedded
            model must not replace it silently.
    """
    from pathlib import Path

    from ocrx.config import model_named_by
    from ocrx.zoo.embedded import DEFAULT

    if mode not in _WEIGHT_KEYS:
        return config
    section, key = _WEIGHT_KEYS[mode]
    settings, best = getattr(config, section), Path(config.Global.output, "best_accuracy")
    if getattr(settings, key) is not None:
        return config

    if best.is_dir():
        return replace(config, **{section: replace(settings, **{key: str(best)})})
    named = config.Global.model if source is not None and model_named_by(source) else None
    if named is not None and (_is_embedded(named) or _is_official(named)):
        return replace(config, **{section: replace(settings, **{key: named})})
    if mode != "predict" and named is not None:
        raise ConfigError(
            f"{best}: not found, and no weights are given for {config.Global.model}",
            hint=f"train first, or add --model DIR or -o {section}.{key}=DIR ({DEFAULT} is the embedded model)",
        )
    return config


def _is_embedded(name: str) -> bool:
    """Whether a model is part of the package."""
    from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE

    return (EMBEDDED_DIR / name / SPEC_FILE).is_file()


def _is_official(name: str) -> bool:
    """Whether the official weights of a model can be fetched by its name."""
    from ocrx.zoo.catalog import CATALOG

    return name in CATALOG and CATALOG[name].official


def model_of(model: str | None, lang: str | None) -> str | None:
    """Find the model that ``--model`` or ``--lang`` names.

    Args:
        model: A model folder, a file in one, a name or a URL; None if not given.
        lang: A language code; None if not given.

    Returns:
        The model, or None if neither was given.

    Raises:
        ConfigError: Both were given, or there is no model for the language.
    """
    if lang is None:
        return model
    if model is not None:
        raise ConfigError("--model and --lang: expected one of them")
    from ocrx.zoo.languages import model_for_language

    return model_for_language(lang)


def readers_of(model: str | None, lang: str | None) -> dict[str, object]:
    """Find what ``--model`` or ``--lang`` names where ``--lang auto`` is possible too: several models read then.

    Args:
        model: A model folder, a file in one, a name or a URL; None if not given.
        lang: A language code or ``auto``; None if not given.

    Returns:
        Settings of the section ``Predict``, None where they were not given.

    Raises:
        ConfigError: Both were given, or there is no model for the language.
    """
    if lang is None:
        return {"Predict.model_dir": model, "Predict.lang": None}
    from ocrx.zoo.languages import AUTO

    if lang.casefold() != AUTO:
        return {"Predict.model_dir": model_of(model, lang), "Predict.lang": None}
    if model is not None:
        raise ConfigError("--model and --lang: expected one of them")
    return {"Predict.model_dir": None, "Predict.lang": AUTO}


def recording_failure(mode: str, config: Config, work: Callable[[], int]) -> int:
    """Run the work of a mode; if it fails, record that in ``<output>/<mode>_result.json`` and raise the error.

    Args:
        mode: Name of the mode, as in the file name.
        config: The configuration, for its output folder.
        work: What to run.

    Returns:
        The exit code of ``work``.
    """
    from pathlib import Path

    from ocrx.results import write_failure

    try:
        return work()
    except OcrxError as error:
        # If the output cannot be written, the original error is still the one to report.
        with suppress(OSError):
            write_failure(Path(config.Global.output), mode, error)
        raise
