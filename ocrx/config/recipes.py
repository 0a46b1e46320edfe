"""Recipes: the configurations that ship with ocrx, found by their names."""

from __future__ import annotations

from pathlib import Path

from ocrx.config.yaml_text import read_yaml
from ocrx.errors import ConfigError
from ocrx.schema import closest


def recipes_dir() -> Path:
    """Find the folder of the recipes.

    Returns:
        The one inside the installed package, or beside the package in a checkout.
    """
    package = Path(__file__).parents[1]
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def recipe_names() -> list[str]:
    """List the recipes.

    Returns:
        Their names, sorted.
    """
    return sorted(path.stem for path in recipes_dir().glob("*.yaml"))


def recipe_path(name: str) -> Path | None:
    """Find a recipe.

    Args:
        name: Its name.

    Returns:
        Its file, or None if there is no such recipe.
    """
    path = recipes_dir() / f"{name}.yaml"
    return path if "/" not in name and path.is_file() else None


def find_config(source: str) -> Path:
    """Find the file that ``-c`` means.

    Args:
        source: Path of a YAML file, or name of a recipe.

    Returns:
        The file.

    Raises:
        ConfigError: If there is neither; a mistyped recipe gets a suggestion.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or path.exists():
        if not path.is_file():
            hint = closest(path.stem, recipe_names()) if path.parent == Path() else None
            raise ConfigError(f"{source}: no such config file", hint=hint)
        return path
    recipe = recipe_path(source)
    if recipe is None:
        hint = closest(source, recipe_names()) or "recipes are named as the models that `ocrx models` lists"
        raise ConfigError(f"{source}: neither a file nor a recipe", hint=hint)
    return recipe


def model_named_by(source: str) -> str | None:
    """Read which model a YAML file or recipe sets itself.

    Args:
        source: Path of a YAML file, or name of a recipe.

    Returns:
        Its ``Global.model``, or None if it sets none.

    Raises:
        ConfigError: If the file is missing or cannot be read.
    """
    name = (read_yaml(find_config(source)).get("Global") or {}).get("model")
    return None if name is None else str(name)
