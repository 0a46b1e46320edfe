"""Fine-tunes the model on confirmed lines, in a separate process, while the review continues.

The process is ``ocrx train -c``, with the network and image size of the model in use. The result replaces that model
only if it is better on the validation lines.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ocrx.data.formats.dictionary import read_dict
from ocrx.errors import DataError, OcrxError
from ocrx.files import read_json, to_json, write_file
from ocrx.model_folder import find_model_folder, read_spec
from ocrx.review.lines import Line, count_characters, list_lines
from ocrx.text.charset import Charset

TRAINING_DIR = "training"
MIN_LINES = 10
"""Fewer confirmed lines are not worth a training."""

_VAL_SHARE = 5
"""If the dataset is not split, every fifth confirmed line is used for validation instead of training."""
_LOG_LINES = 12
_LOG_BYTES = 32_000
_LEFT_OUT = "left out: "
_STOP_S = 60.0

State = Literal["idle", "running", "better", "not better", "stopped", "failed"]


@dataclass(frozen=True)
class TrainingLines:
    """The lines of a fine-tuning.

    Attributes:
        train: Confirmed lines to train on.
        val: Validation lines.
        texts: Their texts by key.
    """

    train: Sequence[Line]
    val: Sequence[Line]
    texts: Mapping[str, str]


def choose_lines(confirmed: Sequence[Line], texts: Mapping[str, str], unchecked_val: Sequence[Line]) -> TrainingLines:
    """Split the confirmed lines into training and validation lines.

    Args:
        confirmed: The lines with a confirmed text.
        texts: Their texts by key.
        unchecked_val: Further validation lines, with their present labels.

    Returns:
        The lines; if the dataset is not split, every fifth line, by the hash of its name, is for validation.

    Raises:
        DataError: If there are too few lines.
    """
    divided = any(line.part == "val" for line in (*confirmed, *unchecked_val))
    if divided:
        train = [line for line in confirmed if line.part == "train"]
        val = [*(line for line in confirmed if line.part == "val"), *unchecked_val]
    else:
        train = [line for line in confirmed if not _measures(line)]
        val = [line for line in confirmed if _measures(line)]

    if len(train) < MIN_LINES or not val:
        missing = MIN_LINES - len(train)
        what = f"{missing} more training lines" if missing > 0 else "some more lines"
        raise DataError(f"{len(train)} training lines are confirmed", hint=f"confirm {what} before you train")
    return TrainingLines(train, val, {**{line.key: line.sample.text for line in unchecked_val}, **texts})


class FineTuning:
    """The fine-tuning of one review; at most one runs at a time.

    Attributes:
        state: State of the most recent one.
        message: The state in words.
    """

    def __init__(self, state_dir: Path, on_better: Callable[[Path], None]) -> None:
        """Prepare.

        Args:
            state_dir: Folder of the review's own files.
            on_better: Called with the folder of the new model if it is better than its predecessor.
        """
        self.state: State = "idle"
        self.message = ""
        self._folder = state_dir / TRAINING_DIR
        self._on_better = on_better
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._log: Path | None = None

    def start(self, lines: TrainingLines, root: Path, model: Path, device: str, minutes: float) -> None:
        """Start a training.

        Args:
            lines: The training and validation lines.
            root: Folder of the dataset, for its dict.txt.
            model: The model in use.
            device: Device of the configuration.
            minutes: Time limit.

        Raises:
            DataError: If one is running already, or its files cannot be written.
            ModelError: If the model has no description.
        """
        with self._lock:
            if self.state == "running":
                raise DataError("a training is running already", hint="wait for it, or stop it")
            run = self._folder / f"run_{self._next_number():03}"
            try:
                command = write_training(run, lines, root, model, device, minutes)
                self._log = run / "process.log"
                with self._log.open("wb") as log:
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                    )
            except OSError as problem:
                raise DataError(f"{run}: cannot train ({problem.strerror or problem})") from None

            self.state, self.message = "running", f"training on {len(lines.train)} lines"
            self._thread = threading.Thread(
                target=self._wait, args=(self._process, run), name="ocrx-fine-tuning", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop a running training and discard it; if it has just ended, wait until its model is in use."""
        process, thread = self._process, self._thread
        if process is None or thread is None:
            return

        if process.poll() is None:
            self.state = "stopped"
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        thread.join()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the training has ended and its model is in use.

        Args:
            timeout: Maximum time to wait in seconds.
        """
        if self._thread is not None:
            self._thread.join(timeout)

    def to_dict(self) -> dict[str, Any]:
        """Describe the training for the page.

        Returns:
            State, message and the last lines of the log.
        """
        return {"state": self.state, "message": self.message, "log": _read_log(self._log)[-_LOG_LINES:]}

    def _next_number(self) -> int:
        numbers = [int(path.name[4:]) for path in self._folder.glob("run_*") if path.name[4:].isdecimal()]
        return max(numbers, default=0) + 1

    def _wait(self, process: subprocess.Popen[bytes], run: Path) -> None:
        code = process.wait()
        if self.state == "stopped":
            self.message = "the training was stopped; the model stays as it was"
            return

        if code != 0:
            lines = _read_log(self._log) or [f"exit code {code}"]
            reason = next((line for line in lines if line.startswith("error:")), lines[-1])
            self.state, self.message = "failed", reason
            return

        try:
            self._use(run / "output")
        except OcrxError as problem:
            self.state, self.message = "failed", problem.message
        except Exception as problem:  # a back end may raise anything; the review continues
            self.state, self.message = "failed", f"the new model cannot be used: {type(problem).__name__}: {problem}"

    def _use(self, output: Path) -> None:
        result = read_json(output / "train_result.json")
        score = f"{100 * float(result['best_accuracy']):.1f} % of the validation lines are read exactly"
        left_out = "".join(f"; {line}" for line in _read_log(self._log) if line.startswith(_LEFT_OUT))
        if int(result["best_epoch"]) == 0:
            message = f"no epoch was better; the model stays as it was: {score}{left_out}"
            self.state, self.message = "not better", message
            return
        self._on_better(output / "best_accuracy")
        self.state, self.message = "better", f"the new model reads from now on: {score}{left_out}"


def write_training(run: Path, lines: TrainingLines, root: Path, model: Path, device: str, minutes: float) -> list[str]:
    """Write lists, charset and configuration of a training.

    Args:
        run: A new folder for them.
        lines: What to train on.
        root: Folder of the dataset, for its dict.txt.
        model: The model to start from.
        device: Device of the configuration.
        minutes: Time limit.

    Returns:
        The command that trains; it leaves its result in ``run/output``.

    Raises:
        OSError: The folder exists, or cannot be written.
        ModelError: The model has no description.
    """
    from ocrx.data.checks.run import UNTRAINABLE  # loads much that the first line of a review does not need

    data = run / "data"
    data.mkdir(parents=True)
    for part, chosen in (("train", lines.train), ("val", lines.val)):
        write_file(data / f"{part}.txt", list_lines(chosen, dict(lines.texts), data))

    folder = find_model_folder(model)
    spec = read_spec(folder)
    known, (own, _) = Charset.from_spec(spec), read_dict(root)
    used = count_characters([*lines.train, *lines.val]).keys() | {c for text in lines.texts.values() for c in text}
    new = sorted(({*own} if own else set()) - set(known) | set(known.missing("".join(sorted(used)))))
    Charset((*known.characters, *new)).save(run / "charset.txt")

    # JSON is YAML, too. One label that is too long for its image must not stop the others.
    settings: dict[str, dict[str, object]] = {
        "Global": {"model": "fine_tune", "charset": str(run / "charset.txt"), "device": device},
        "Model": {"architecture": spec.architecture, "params": dict(spec.params)},
        "Image": asdict(spec.image),
        "Train": {
            "pretrain_weight_path": str(folder),
            "max_minutes": minutes,
            "ignore_checks": sorted(UNTRAINABLE),
        },
    }
    write_file(run / "config.yaml", to_json(settings, indent=2) + "\n")
    return [
        *(sys.executable, "-m", "ocrx", "train", str(data)),
        *("-c", str(run / "config.yaml"), "--output", str(run / "output")),
    ]


def _measures(line: Line) -> bool:
    return (
        int.from_bytes(hashlib.sha256(line.key.encode("utf-8", "surrogateescape")).digest()[:4], "big") % _VAL_SHARE
        == 0
    )


def _read_log(path: Path | None) -> list[str]:
    """Read the lines of a log; of a long one those at the beginning and the end."""
    if path is None or not path.is_file():
        return []
    with path.open("rb") as file:
        content = file.read(_LOG_BYTES)
        file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - _LOG_BYTES))
        content += file.read()
    return [line for line in content.decode("utf-8", errors="replace").splitlines() if line.strip()]
