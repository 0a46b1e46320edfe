"""What modes return: findings, progress, and the file ``<mode>_result.json``."""

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
"""Called by long-running functions with (done, total); a total of 0 means unknown."""

LOCK_FILE = "train.lock"
"""Held in the output folder while a training runs there."""

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
    """One finding about a dataset.

    Attributes:
        severity: ``error`` stops a training unless ``Train.ignore_checks`` names the code.
        code: One of ``FINDING_CODES``.
        where: Its place, such as ``train.txt:17``; both places for a finding about two lines.
        message: What was found.
        hint: What to do about it.
    """

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
    """Write ``<output>/<mode>_result.json`` for a mode that has finished, as PaddleX does.

    Args:
        output: Folder of the results.
        mode: Name of the mode.
        fields: What the file holds beside ``done_flag``, which is true unless it is among them.
    """
    write_json(output / f"{mode}_result.json", {"done_flag": True, **fields})


def write_failure(output: Path, mode: str, error: BaseException) -> None:
    """Write ``<output>/<mode>_result.json`` for a mode that failed: ``done_flag`` false, ``err_type`` and ``err_msg``.

    The result of a finished training is kept: a training that starts deletes it, so where it still exists, a second
    training was refused, for example because the output folder is not empty. Nothing is written while another
    training runs in the folder.

    Args:
        output: Folder of the results.
        mode: Name of the mode.
        error: Why it failed.
    """
    busy = (output / LOCK_FILE).exists() or _is_success(output / "train_result.json")
    if not is_main_process() or (mode == "train" and busy):
        return
    fields = {"done_flag": False, "err_type": _public_type(error).__name__, "err_msg": str(error)}
    write_json(output / f"{mode}_result.json", fields)


def _public_type(error: BaseException) -> type[BaseException]:
    """The class of ``ocrx.errors`` that an error belongs to: programs compare its name."""
    return next((kind for kind in type(error).__mro__ if kind.__module__ == OcrxError.__module__), type(error))


def _is_success(path: Path) -> bool:
    """Whether a result file exists and records no failure."""
    try:
        found = read_json(path)
    except OcrxError:
        return False
    return isinstance(found, dict) and "err_type" not in found
