"""The architecture, checked by reading the imports of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ocrx"
# A part may import from its own layer and from those above it in this list.
LAYERS = [
    {"errors", "version", "arrays", "files", "process", "schema"},
    {"model_spec", "model_folder", "results", "config", "text", "imaging"},
    {"ctc", "decoding", "models", "data"},
    {"backends"},
    {"export"},
    {"zoo", "synth", "pages"},
    {"inference"},
    {"evaluation"},
    {"training", "serving", "review", "bulk"},
    {"modes"},
    {"cli", "__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
MODULES = sorted(PACKAGE.rglob("*.py"))
TORCH_FREE = {
    "errors",
    "version",
    "arrays",
    "files",
    "process",
    "schema",
    "model_spec",
    "model_folder",
    "results",
    "config",
    "text",
    "imaging",
    "decoding",
    "cli",
}
ONLY_HERE = {"rich": "cli", "typer": "cli", "omegaconf": "config"}


def part(path: Path) -> str:
    """The first name below ``ocrx`` of a module."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path, *, run_time_only: bool = True) -> Iterator[tuple[str, int]]:
    """Names of imported modules and their lines; those under TYPE_CHECKING are not loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if run_time_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = part(path)
    if own == "__init__":
        return
    for name, line in imports(path):
        names = name.split(".")
        if names[0] != "ocrx" or len(names) < 2 or names[1] not in RANK:
            continue
        where = f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        assert RANK[names[1]] <= RANK[own], where
        if own == "modes" and names[1] == "modes":
            pytest.fail(f"{where}: modes do not import each other")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_names_stay_in_their_module(path: Path) -> None:
    for name, line in imports(path, run_time_only=False):
        if name.startswith("ocrx."):
            private = [part for part in name.split(".") if part.startswith("_") and not part.endswith("__")]
            assert not private, f"{path.name}:{line} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_and_edge_packages_stay_where_they_belong(path: Path) -> None:
    for name, line in imports(path):
        package = name.split(".")[0]
        assert package != "click", f"{path.name}:{line}: typer brings its own"
        if package in ONLY_HERE:
            assert part(path) == ONLY_HERE[package], f"{path.name}:{line} imports {name}"
        if part(path) in TORCH_FREE:
            assert package not in ("torch", "torchvision"), f"{path.name}:{line} imports {name}"


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) == "data"], ids=lambda path: path.name)
def test_parts_of_data_build_on_formats_alone(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[1]
    for name, line in imports(path):
        names = name.split(".")
        if names[:2] == ["ocrx", "data"] and len(names) > 2 and names[2] in ("formats", "checks", "edit", "loading"):
            assert names[2] in ("formats", own), f"{path.relative_to(PACKAGE)}:{line} imports {name}"


def test_every_module_is_ranked() -> None:
    parts = {part(path) for path in MODULES} - {"__init__"}
    assert parts <= set(RANK)
