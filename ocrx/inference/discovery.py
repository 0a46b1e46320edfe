"""Finds the model that a name, a path or a URL means."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ocrx.backends import named_file
from ocrx.errors import ConfigError, ModelError
from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE, find_model_folder
from ocrx.schema import closest


def find_model(model_name: str | None = None, model_dir: str | Path | None = None, *, key: str = "model_dir") -> Path:
    """Find a model.

    Args:
        model_name: Name of a model (see ``ocrx models``), or a path.
        model_dir: A model folder, a file in one, a published ``.tar`` file, or the URL of a file of weights; takes
            precedence over ``model_name``.
        key: The setting to name in errors.

    Returns:
        The model folder, or the exported file in one that the path names. Without both arguments the embedded model.

    Raises:
        ConfigError: The name is empty, or the URL is not that of a file of weights.
        ModelError: There is no such model, or it cannot be fetched.
    """
    given = model_name if model_dir is None else str(model_dir)
    if given is None:
        return _named_model(_embedded_name())
    if not given:
        raise ConfigError(f"{key}: an empty name", hint="give a model folder, a file in one, or a name")

    if "://" in given:
        from ocrx.zoo.sources import obtain_url  # loads torch

        return obtain_url(given)
    path = Path(given)
    if path.suffix == ".tar" and path.is_file():
        from ocrx.zoo.sources import obtain_archive  # only where something is imported

        return obtain_archive(path)
    if path.exists() or path.suffix or "/" in given:
        folder = find_model_folder(path)
        return path if path.is_file() and named_file(path) else folder
    return _named_model(given)


def _named_model(name: str) -> Path:
    names = sorted(path.parent.name for path in EMBEDDED_DIR.glob(f"*/{SPEC_FILE}"))
    if name in names:
        return EMBEDDED_DIR / name
    hint = f"embedded: {', '.join(names)}" if names else "train one with `ocrx train`, then give its folder"
    if not name:
        raise ModelError("no model given, and none is embedded in this installation", hint=hint)
    from ocrx.config import recipe_names  # embedded models need none of these
    from ocrx.zoo.catalog import CATALOG, reject_untrained
    from ocrx.zoo.sources import obtain

    if name in CATALOG and CATALOG[name].official:
        return obtain(name)
    reject_untrained(name)
    hint = closest(name, [*names, *recipe_names()]) or hint
    raise ModelError(f"{name}: neither a model folder nor the name of an embedded model", hint=hint)


def _embedded_name() -> str:
    try:
        module = import_module("ocrx.zoo.embedded")
    except ModuleNotFoundError:
        return ""
    return str(module.DEFAULT)
