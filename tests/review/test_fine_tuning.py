from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.review import accept, write_lines

from ocrx.config import load_config
from ocrx.data.checks.run import UNTRAINABLE
from ocrx.errors import DataError
from ocrx.inference.opening import Runtime, open_recognizer
from ocrx.inference.recognizer import Recognizer
from ocrx.review import fine_tuning
from ocrx.review.fine_tuning import FineTuning, TrainingLines, choose_lines
from ocrx.review.model_in_use import ModelInUse
from ocrx.review.session import ReviewSession

WORDS = [f"line {i}" for i in range(16)]


def session_of(root: Path, count: int = 16) -> ReviewSession:
    session = ReviewSession(root)
    for i in range(count):
        accept(session, f"{i:02}.png", WORDS[i] if i else "Zürich")
    return session


def test_confirmed_training_lines_are_trained_on_and_all_validation_lines_measure(tmp_path: Path) -> None:
    session = session_of(write_lines(tmp_path / "data", WORDS[:12], WORDS[12:]), 13)
    lines = choose_lines(*session.confirmed(), session.unchecked("val"))
    session.close()
    assert [line.key for line in lines.train] == [f"{i:02}.png" for i in range(12)]
    assert [line.key for line in lines.val] == [f"{i:02}.png" for i in range(12, 16)]
    assert lines.texts["00.png"] == "Zürich"
    assert lines.texts["15.png"] == "line 15"


def test_of_an_undivided_dataset_some_confirmed_lines_measure(tmp_path: Path) -> None:
    root = write_lines(tmp_path / "data", [f"word {i}" for i in range(60)])
    (root / "val.txt").unlink()
    (root / "train.txt").rename(root / "label.txt")
    session = ReviewSession(root)
    for i in range(60):
        accept(session, f"{i:02}.png", f"word {i}")
    lines = choose_lines(*session.confirmed(), session.unchecked("val"))
    again = choose_lines(*session.confirmed(), session.unchecked("val"))
    session.close()
    assert 4 <= len(lines.val) <= 25
    assert len(lines.train) + len(lines.val) == 60
    assert lines == again


def test_too_few_lines_are_refused(tmp_path: Path) -> None:
    session = session_of(write_lines(tmp_path / "data", WORDS[:12], WORDS[12:]), 3)
    with pytest.raises(DataError, match="3 training lines are confirmed") as found:
        choose_lines(*session.confirmed(), session.unchecked("val"))
    session.close()
    assert "7 more" in (found.value.hint or "")


def test_the_command_trains_the_network_that_reads_with_its_characters_and_new_ones(
    tmp_path: Path, model_folder: Path
) -> None:
    root = write_lines(tmp_path / "data", WORDS[:12], WORDS[12:])
    session = session_of(root, 12)
    lines = choose_lines(*session.confirmed(), session.unchecked("val"))
    session.close()
    run = tmp_path / "run"
    command = fine_tuning.write_training(run, lines, root, model_folder, "cpu", 3)
    config = load_config(str(run / "config.yaml"), [], {})
    assert command[:4] == [sys.executable, "-m", "ocrx", "train"]
    assert config.Model.architecture == "lcnetv4"
    assert config.Train.max_minutes == 3
    assert config.Train.pretrain_weight_path == str(model_folder)
    assert set(config.Train.ignore_checks) == UNTRAINABLE
    characters = (run / "charset.txt").read_text(encoding="utf-8").splitlines()
    assert characters[:26] == list("abcdefghijklmnopqrstuvwxyz")
    assert {"Z", "ü", "0"} < set(characters)
    rows = (run / "data" / "train.txt").read_text(encoding="utf-8").splitlines()
    assert rows[0].endswith("00.png\tZürich")
    assert (run / "data" / rows[0].partition("\t")[0]).is_file()


@pytest.fixture
def lines(tmp_path: Path) -> TrainingLines:
    session = session_of(write_lines(tmp_path / "data", WORDS[:12], WORDS[12:]), 12)
    found = choose_lines(*session.confirmed(), session.unchecked("val"))
    session.close()
    return found


def start(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    lines: TrainingLines,
    script: str,
    use: Callable[[], None] = lambda: None,
) -> tuple[FineTuning, list[Path]]:
    """A training whose process runs another script."""

    def prepare(run: Path, *arguments: object) -> list[str]:
        (run / "output").mkdir(parents=True)
        return [sys.executable, "-c", script.replace("OUT", str(run / "output"))]

    monkeypatch.setattr(fine_tuning, "write_training", prepare)
    better: list[Path] = []

    def take(model: Path) -> None:
        use()
        better.append(model)

    training = FineTuning(tmp_path, take)
    training.start(lines, tmp_path, tmp_path, "cpu", 1)
    return training, better


def result(epoch: int) -> str:
    content = json.dumps({"best_epoch": epoch, "best_accuracy": 0.75})
    return f"open('OUT/train_result.json', 'w').write({content!r})"


def test_a_better_model_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines) -> None:
    training, better = start(monkeypatch, tmp_path, lines, result(3))
    training.wait(120)
    assert training.state == "better"
    assert "75.0 %" in training.message
    assert better == [tmp_path / "training" / "run_001" / "output" / "best_accuracy"]


def test_lines_that_cannot_be_trained_on_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines
) -> None:
    told = "left out: 1 training lines that cannot be read or trained on; see `ocrx check-dataset`"
    script = f"print({told!r}); [print('epoch', i, 'x' * 100) for i in range(2000)]; {result(3)}"
    training, _ = start(monkeypatch, tmp_path, lines, script)
    training.wait(120)
    assert training.state == "better"
    assert training.message.endswith(f"read exactly; {told}")
    assert len(training.to_dict()["log"]) == 12
    assert training.to_dict()["log"][-1].startswith("epoch 1999")


def test_a_model_that_is_not_better_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines
) -> None:
    training, better = start(monkeypatch, tmp_path, lines, result(0))
    training.wait(120)
    assert (training.state, better) == ("not better", [])
    training.start(lines, tmp_path, tmp_path, "cpu", 1)
    training.wait(120)
    assert (tmp_path / "training" / "run_002").is_dir()


def test_a_training_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines) -> None:
    script = (
        "import sys; print('start'); print('error: train.txt:1: too long'); [print('  more') for _ in range(20)];"
        " print('hint: cut'); sys.exit(1)"
    )
    training, better = start(monkeypatch, tmp_path, lines, script)
    training.wait(120)
    assert (training.state, training.message) == ("failed", "error: train.txt:1: too long")
    assert training.to_dict()["log"][-1] == "hint: cut"
    assert better == []


def test_only_one_runs_at_a_time_and_it_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines
) -> None:
    training, better = start(monkeypatch, tmp_path, lines, "import time; time.sleep(600)")
    with pytest.raises(DataError, match="running already"):
        training.start(lines, tmp_path, tmp_path, "cpu", 1)
    training.stop()
    assert (training.state, better) == ("stopped", [])
    training.stop()


def test_a_model_that_cannot_be_used_does_not_block_the_next_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines
) -> None:
    def broken() -> None:
        raise RuntimeError("out of memory")

    training, better = start(monkeypatch, tmp_path, lines, result(3), broken)
    training.wait(120)
    assert (training.state, better) == ("failed", [])
    assert "RuntimeError: out of memory" in training.message
    training.start(lines, tmp_path, tmp_path, "cpu", 1)
    training.stop()


def test_a_review_ends_after_a_model_that_is_being_opened_is_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: TrainingLines
) -> None:
    opening = threading.Event()

    def slow() -> None:
        opening.set()
        time.sleep(0.3)

    training, better = start(monkeypatch, tmp_path, lines, result(3), slow)
    assert opening.wait(120)
    training.stop()
    assert (training.state, len(better)) == ("better", 1)


@pytest.mark.slow
def test_the_loop(tmp_path: Path, model_folder: Path) -> None:
    root = write_lines(tmp_path / "data", WORDS[:12], WORDS[12:])
    session = session_of(root, 12)

    def opened(path: Path) -> Recognizer:
        return open_recognizer(path, Runtime("torch", "cpu", 1))

    model = ModelInUse(session, model_folder, opened, "cpu")
    model.train(minutes=0.3)
    assert (root / "train.txt").read_text(encoding="utf-8").startswith("00.png\tZürich\n")
    model.fine_tuning.wait(500)
    assert model.fine_tuning.state in ("better", "not better"), model.fine_tuning.to_dict()
    better = model.fine_tuning.state == "better"
    assert (model.path != model_folder) == better
    for _ in range(100):
        if session.reader is not None:
            break
        time.sleep(0.1)
    assert session.reader is not None
    assert ("ü" in session.reader.recognizer.charset) == better
    session.close()
