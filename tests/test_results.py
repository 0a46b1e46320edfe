"""Finding codes, result files, and JSON that any reader can load."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from ocrx.errors import DataError
from ocrx.results import FINDING_CODES, Issue, write_failure, write_result

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


def _written(folder: Path, mode: str) -> object:
    return json.loads((folder / f"{mode}_result.json").read_text(encoding="utf-8"))


def test_a_finished_mode_says_so(tmp_path: Path) -> None:
    write_result(tmp_path / "new", "evaluate", {"metrics": {"acc": 0.5}})
    assert _written(tmp_path / "new", "evaluate") == {"done_flag": True, "metrics": {"acc": 0.5}}
    write_result(tmp_path, "check_dataset", {"done_flag": False})
    assert _written(tmp_path, "check_dataset") == {"done_flag": False}


def test_a_failure_names_the_error(tmp_path: Path) -> None:
    for _ in range(2):
        write_failure(tmp_path, "train", DataError("train.txt: empty", hint="add lines"))
        assert _written(tmp_path, "train") == {
            "done_flag": False,
            "err_type": "DataError",
            "err_msg": "train.txt: empty",
        }


def test_a_refused_training_keeps_the_result_of_the_finished_one(tmp_path: Path) -> None:
    write_result(tmp_path, "train", {"models": {}})
    write_failure(tmp_path, "train", DataError("the output folder is not empty"))
    assert _written(tmp_path, "train") == {"done_flag": True, "models": {}}
    write_result(tmp_path, "export", {})
    write_failure(tmp_path, "export", DataError("other modes fail in its place"))
    assert _written(tmp_path, "export") != {"done_flag": True}


def test_a_damaged_result_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "train_result.json").write_text("{", encoding="utf-8")
    write_failure(tmp_path, "train", DataError("x"))
    assert isinstance(_written(tmp_path, "train"), dict)


def test_only_the_main_process_writes_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    write_failure(tmp_path, "train", DataError("x"))
    assert not list(tmp_path.iterdir())


def test_a_finding_becomes_plain_values() -> None:
    issue = Issue("error", "leak", "train.txt:1, val.txt:2", "the same image")
    assert issue.to_dict() == {
        "severity": "error",
        "code": "leak",
        "where": "train.txt:1, val.txt:2",
        "message": "the same image",
        "hint": "",
    }
