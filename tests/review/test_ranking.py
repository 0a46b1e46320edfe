from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from support.review import write_lines

from ocrx.inference.opening import Runtime, open_recognizer
from ocrx.review.lines import find_labels, read_folder
from ocrx.review.ranking import Ranking, Reader, Score
from ocrx.review.session import ReviewSession


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "data", ["line 0", "wrong", "line 2"], ["line 3"])


@pytest.fixture(scope="module", params=["onnx", "torch"])
def reader(request: pytest.FixtureRequest, model_folder: Path) -> Reader:
    return Reader(open_recognizer(model_folder, Runtime(request.param, "cpu", 1)), "random")


def test_scores_are_the_log_odds_of_the_label(reader: Reader, root: Path) -> None:
    lines = read_folder(root, find_labels(root), transcription=False).lines
    first = reader.score(lines)
    assert list(first) == [line.key for line in lines]
    texts = {key: score.text for key, score in first.items() if score is not None}

    # Labels that are what the model reads have no errors; those of unknown characters are surely wrong.
    rows = [f"00.png\t{texts['00.png']}\n", "01.png\t中中中\n", f"02.png\t{texts['02.png']}\n"]
    (root / "train.txt").write_text("".join(rows), encoding="utf-8")
    second = reader.score(read_folder(root, find_labels(root), transcription=False).lines)
    assert second["01.png"] is not None
    assert second["01.png"].error > 0.9
    assert second["01.png"].text == texts["01.png"]
    for key in ("00.png", "02.png"):
        assert second[key] is not None
        assert second[key].error < 0.5  # type: ignore[union-attr]


def test_an_image_that_cannot_be_read_has_no_score(reader: Reader, root: Path) -> None:
    (root / "01.png").write_bytes(b"no image")
    assert reader.score(read_folder(root, find_labels(root), transcription=False).lines)["01.png"] is None


def test_a_folder_without_labels_is_scored_by_confidence(reader: Reader, root: Path) -> None:
    for name in ("train.txt", "val.txt"):
        (root / name).unlink()
    found = reader.score(read_folder(root, find_labels(root), transcription=True).lines)
    with Image.open(root / "00.png") as image:
        read = reader.read(image)
    assert found["00.png"] is not None
    assert found["00.png"].text == read.text
    # The kernels of torch for one line and for several round otherwise, on AVX2 by more than 1e-5.
    assert found["00.png"].error == pytest.approx(1 - read.score, abs=1e-4)


def test_the_page_gets_the_spans_of_the_characters(reader: Reader, root: Path) -> None:
    session = ReviewSession(root)
    session.use_reader(reader)
    assert session.wait_for_ranking(120)
    found = session.read("00.png", 0)
    session.close()
    assert "".join(character for character, *_ in found["characters"]) == found["text"]
    assert all(0 <= left <= right <= 1 for _, left, right, _ in found["characters"])


def test_a_ranking_ends_when_it_is_told_to(root: Path, reader: Reader) -> None:
    folder = read_folder(root, find_labels(root), transcription=False)
    found: list[str] = []

    def store(key: str, score: Score) -> None:
        found.append(key)
        ranking._stop.set()

    ranking = Ranking(folder.dataset, store, lambda issues: None)
    reader.chunk, before = 1, reader.chunk
    ranking.start(folder.lines, lambda: reader)
    assert ranking.wait(120)
    reader.chunk = before
    assert found == ["00.png"]
    assert ranking.failed is None


def test_scores_tell_large_log_odds_apart(reader: Reader, root: Path) -> None:
    (root / "train.txt").write_text(f"00.png\t{'中' * 5}\n01.png\t{'中' * 6}\n", encoding="utf-8")
    scores = reader.score(read_folder(root, find_labels(root), transcription=False).lines)
    assert scores["00.png"] is not None
    assert scores["01.png"] is not None
    assert scores["00.png"].error < scores["01.png"].error < 1
