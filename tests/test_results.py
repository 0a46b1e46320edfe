"""Finding codes, result files, and JSON that any reader can load."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ocrx.results import FINDING_CODES

DATA = Path(__file__).parents[1] / "ocrx" / "data"


def test_every_code_that_a_check_reports_is_listed() -> None:
    """Codes are string constants of the checks: the second argument of an ``Issue``, or behind a severity."""
    texts: set[str] = set()
    reported: set[str] = set()
    for path in DATA.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            values = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
            constants = [value.value for value in values if isinstance(value, ast.Constant)]
            if constants[:1] and constants[0] in ("error", "warning", "info") and len(constants) > 1:
                reported.add(str(constants[1]))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                reported |= {
                    text for text in map(ast.unparse, node.args[:1]) for text in re.findall(r"'([^']+)'", text)
                }
    assert reported - {"warning", "info"} <= set(FINDING_CODES)
    assert set(FINDING_CODES) <= texts
    assert list(FINDING_CODES) == sorted(FINDING_CODES)
