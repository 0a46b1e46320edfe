"""Every public function says what it takes and gives back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ocrx"
MODULES = sorted(PACKAGE.rglob("*.py"))


def public_functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of a module and methods of its public classes; properties and overloads are not asked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")]
    for node in (node for body in bodies for node in body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if path.parent.name == "cli" and is_command(node):
            continue
        decorators = " ".join(ast.unparse(one) for one in node.decorator_list)
        if not any(word in decorators for word in ("property", "overload", ".setter", ".command")):
            yield node


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A command's options say in their help what they mean."""
    hints = [ast.unparse(arg.annotation) for arg in node.args.args if arg.annotation]
    return any(hint.startswith("Annotated[") or hint.endswith(("Option", "Overrides")) for hint in hints)


def missing(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    text = ast.get_docstring(node) or ""
    parameters = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    parameters = [name for name in parameters if name not in ("self", "cls")]
    returns = ast.unparse(node.returns) if node.returns else "None"
    lacks = [] if text else ["docstring"]
    if parameters:
        section = text.partition("Args:")[2]
        lacks += [name for name in parameters if f"{name}:" not in section and f"{name} (" not in section]
    if returns not in ("None", "NoReturn") and "Returns:" not in text and "Yields:" not in text:
        lacks.append("Returns:")
    return lacks


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_document_arguments_and_results(path: Path) -> None:
    found = {
        f"{path.name}:{node.lineno} {node.name}": lacks for node in public_functions(path) if (lacks := missing(node))
    }
    assert not found
