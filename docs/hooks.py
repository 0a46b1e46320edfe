"""Pages that the build generates: the command line reference, the configuration reference, and files of the project.

MkDocs calls ``on_files``; nothing is written into the tree.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ocrx.cli.app import app
from ocrx.config import Config
from ocrx.models import MODELS

ROOT = Path(__file__).parents[1]
# Files of the project that are pages of the site as well.
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
_TYPES = {str: "text", int: "integer", float: "number", bool: "true or false", dict: "keys and values"}
_HEAD = "| key | values | default | meaning |\n|---|---|---|---|"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site.

    Args:
        files: The files of ``docs/``.
        config: The configuration of the site.

    Returns:
        The files with the generated ones.
    """
    generated = {
        "reference/cli.md": command_line_reference(),
        "reference/config.md": configuration_reference(),
        **{page: _page(ROOT / source) for page, source in PAGES.items()},
    }
    for name, content in generated.items():
        files.append(File.generated(config, name, content=content))

    for path in sorted((ROOT / "benchmarks").rglob("*")):
        if path.suffix == ".md":
            files.append(File.generated(config, f"benchmarks/{path.name}", content=_page(path)))
        elif path.suffix == ".png":
            target = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, target, content=path.read_bytes()))
    return files


def _page(path: Path) -> str:
    """A file of the project as a page: links to other files of the project become plain text."""
    text = path.read_text(encoding="utf-8")

    def link(match: re.Match[str]) -> str:
        label, target = match.groups()
        here = (path.parent / target.partition("#")[0]).resolve()
        known = target.startswith(("http", "#")) or here.parent.name in ("benchmarks", "curves")
        return match.group(0) if known and here.suffix in (".md", ".png", "") else label

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, text)


def command_line_reference() -> str:
    """Describe every command and option from the Typer application itself.

    Returns:
        A Markdown page.
    """
    parts = ["# Command line\n", "Every command takes `-h` and `--help`.\n"]
    group = typer.main.get_command(app)
    for name, command in sorted(_commands(group)):
        parts.append(f"## `ocrx {name}`\n")
        parts.append(f"{(command.help or '').strip()}\n")
        parts.append(_arguments(command))
        parts.append(_options(command))
        lines = [line for line in (command.epilog or "").split("\n\n")[1:] if line]
        if lines:
            parts.append("```sh\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(part for part in parts if part)


def _commands(group: Any, prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _commands(command, f"{prefix}{name} ")
        elif not command.hidden:
            found.append((f"{prefix}{name}", command))
    return found


def _arguments(command: Any) -> str:
    rows = [
        f"- `{option.name.upper()}`: {option.help or ''}"
        for option in command.params
        if option.param_type_name == "argument"
    ]
    return "\n".join(rows) + "\n" if rows else ""


def _options(command: Any) -> str:
    rows = ["| option | group | meaning |", "|---|---|---|"]
    for option in command.params:
        if option.param_type_name == "argument" or getattr(option, "hidden", False):
            continue
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        panel = getattr(option, "rich_help_panel", None) or ""
        rows.append(f"| {names} | {panel} | {(option.help or '').replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n" if len(rows) > 2 else ""


def configuration_reference() -> str:
    """List every key of the configuration with its type and default.

    Returns:
        A Markdown page.
    """
    parts = [
        "# Configuration\n",
        "Sections and keys of a YAML file and of `-o Section.key=value`. Defaults in code come first, then the"
        " model's recipe, the YAML file, and `-o`.\n",
    ]
    for section in dataclasses.fields(Config):
        value = section.default_factory() if callable(section.default_factory) else None
        if value is None or not dataclasses.is_dataclass(value):
            continue
        parts.append(f"## {section.name}\n")
        parts.append(f"{(type(value).__doc__ or '').strip().splitlines()[0]}\n")
        parts.append(_HEAD)
        parts += _keys(value, "")
        parts.append("")
        if section.name == "Model":
            parts += _architectures()
    return "\n".join(parts)


def _architectures() -> list[str]:
    """The parameters of every architecture, which are the keys of ``Model.params``."""
    parts = []
    for name, architecture in MODELS.items():
        parts.append(f"### `{name}`: Model.params\n")
        parts.append(_HEAD)
        parts += _keys(architecture.params(), "")
        parts.append("")
    return parts


def _keys(value: Any, prefix: str) -> list[str]:
    meanings, hints = _attributes(type(value)), typing.get_type_hints(type(value), include_extras=True)
    rows = []
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        if dataclasses.is_dataclass(inner):
            rows += _keys(inner, f"{prefix}{field.name}.")
            continue
        cells = (
            f"`{prefix}{field.name}`",
            _expected(hints[field.name]),
            f"`{_yaml(inner)}`",
            meanings.get(field.name, ""),
        )
        rows.append("| " + " | ".join(cell.replace("|", chr(92) + "|").replace("``", "`") for cell in cells) + " |")
    return rows


def _yaml(value: Any) -> str:
    """A default as it is written in YAML."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value) or "''"


def _expected(hint: Any) -> str:
    """A type annotation in words, with its range or choices: ``integer, 1 to 64, or null``."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = [_expected(part) for part in typing.get_args(hint) if part is not type(None)]
        return ", ".join(parts) + (", or null" if type(None) in typing.get_args(hint) else "")
    if typing.get_origin(hint) is typing.Annotated:
        kind, *rules = typing.get_args(hint)
        words = ", ".join(map(str, rules))
        return words if kind is str and words.startswith("one of") else f"{_expected(kind)}, {words}"
    if typing.get_origin(hint) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(hint)))}"
    if typing.get_origin(hint) is tuple:
        return f"list; each: {_expected(typing.get_args(hint)[0])}"
    kind = typing.get_origin(hint) or hint
    return _TYPES.get(kind, str(getattr(kind, "__name__", kind)))


def _attributes(kind: type) -> dict[str, str]:
    """What the docstring of a dataclass says about its fields."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")[2]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        entry = re.match(r"    (\w+): (.*)", line)
        if entry:
            name = entry.group(1)
            found[name] = entry.group(2)
        elif name and line.startswith("      "):
            found[name] += " " + line.strip()
    return found
