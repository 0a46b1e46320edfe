"""What the modes give back: frozen dataclasses with ``to_dict``, and ``<mode>_result.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ocrx.errors import OcrxError
from ocrx.files import read_json, write_json
from ocrx.process import is_main_process

Severity = Literal["error", "warning", "info"]
Progress = Callable[[int, int], None]
"""Called by long work with (done, total); total 0 means unknown. Core functions never print."""

FINDING_CODES = (
    "blank-line", "bom", "columns", "crlf", "detection-label", "dict-blank", "dict-duplicate", "dict-empty",
    "dict-multi", "dict-unused", "duplicate", "encoding", "few-samples", "image-animated", "image-aspect",
    "image-blank", "image-bomb", "image-empty", "image-missing", "image-rotated", "image-tiny",
    "image-truncated", "image-unreadable", "image-upscaled", "label-charset", "label-conflict", "label-control",
    "label-crowded", "label-damaged", "label-direction", "label-empty", "label-format", "label-markup",
    "label-mixed-scripts", "label-nfc", "label-private-use", "label-spaces", "label-too-long",
    "label-unassigned", "leak", "leak-near", "letter-case", "list-empty", "list-missing", "no-final-newline",
    "not-divided", "outside-folder", "val-unseen",
)  # fmt: skip
"""Every code that a check of a dataset may report; `Train.ignore_checks` takes these."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding about a dataset. ``where`` is one string: ``train.txt:17``; about two lines, both."""

    severity: Severity
    code: str
    where: str
    message: str
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the finding as plain values.

        Returns:
            Its fields.
        """
        # Several times as fast as dataclasses.asdict, for what there may be millions of.
        return {name: getattr(self, name) for name in self.__slots__}


def write_result(output: Path, mode: str, fields: Mapping[str, Any]) -> None:
    """``<output>/<mode>_result.json`` of a mode that is done, unless a field says otherwise (PaddleX's contract)."""
    write_json(output / f"{mode}_result.json", {"done_flag": True, **fields})


def write_failure(output: Path, mode: str, error: BaseException) -> None:
    """``<output>/<mode>_result.json`` of a mode that failed: ``done_flag`` false, ``err_type``, ``err_msg``.

    Not in place of what tells of a training: that one removes it when it goes on, so another was refused beside it.
    """
    if not is_main_process() or (mode == "train" and _tells_of_work(output / "train_result.json")):
        return
    fields = {"done_flag": False, "err_type": type(error).__name__, "err_msg": str(error)}
    write_json(output / f"{mode}_result.json", fields)


def _tells_of_work(path: Path) -> bool:
    """Whether a result file is there that is not of a failure."""
    try:
        found = read_json(path)
    except OcrxError:
        return False
    return isinstance(found, dict) and "err_type" not in found
