from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lines import draw_line
from support.review import StubReader, accept, write_lines

from ocrx.data.formats.layouts import JOURNAL_FILE, REVIEW_DIR
from ocrx.errors import DataError
from ocrx.files import write_json
from ocrx.review import line_order
from ocrx.review.decision_request import DecisionRequest
from ocrx.review.line_order import Filter
from ocrx.review.session import ReviewSession

OPEN = Filter()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "data", ["one", "two  ", "three", "four"], ["five", "six"])


@pytest.fixture
def session(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReviewSession]:
    monkeypatch.setattr(line_order, "_REORDER_S", -1.0)
    opened = ReviewSession(root)
    yield opened
    opened.close()


def shown(session: ReviewSession, wanted: Filter = OPEN, tab: str = "t") -> list[str]:
    found: list[str] = []
    line = session.navigation.following(tab, None, wanted)
    while line is not None:
        found.append(line["key"])
        line = session.navigation.following(tab, line["key"], wanted)
    return found


def test_the_first_line_does_not_wait_for_the_ranking(session: ReviewSession) -> None:
    reader = StubReader({})
    reader.gate.clear()
    session.start_ranking(lambda: reader)
    line = session.navigation.following("t", None, OPEN)
    assert line is not None
    assert (line["error"], line["reading"]) == (None, None)
    assert not session.progress()["ranking_done"]
    reader.gate.set()


def test_lines_come_by_the_score_of_the_model_then_by_findings(session: ReviewSession) -> None:
    session.start_ranking(lambda: StubReader({"02.png": "tree", "05.png": "sex"}, {"02.png": 0.6, "05.png": 0.95}))
    assert session.wait_for_ranking(30)
    found = shown(session)
    assert found[:2] == ["05.png", "02.png"]
    assert sorted(found) == [f"{i:02}.png" for i in range(6)]
    view = session.view("05.png")
    assert (view["reading"], view["label"], view["error"], view["part"]) == ("sex", "six", 0.95, "val")
    assert "label-spaces" in [finding["code"] for finding in session.view("01.png")["findings"]]
    assert session.progress()["findings"]["label-spaces"] == 1


def test_filters(session: ReviewSession) -> None:
    session.start_ranking(lambda: StubReader({"02.png": "tree", "05.png": "sex"}))
    assert session.wait_for_ranking(30)
    accept(session, "00.png", "one")
    accept(session, "03.png", "FOUR")
    session.decide(DecisionRequest("04.png", "unreadable", "", 0, 0, "me"))
    session.decide(DecisionRequest("05.png", "skipped", "", 0, 0, "me"))
    assert shown(session, Filter(status="accepted"), "a") == ["00.png", "03.png"]
    assert shown(session, Filter(status="corrected"), "b") == ["03.png"]
    assert shown(session, Filter(status="unreadable"), "c") == ["04.png"]
    assert shown(session, Filter(status="all", part="val"), "d") == ["05.png", "04.png"]
    assert shown(session, Filter(finding="label-spaces"), "e") == ["01.png"]
    assert shown(session, Filter(status="all", min_error=0.5), "f") == ["02.png", "05.png"]
    assert shown(session, Filter(status="all", text="TREE"), "g") == ["02.png"]
    assert shown(session, OPEN, "h")[-1] == "05.png", "what was skipped comes again at the end"


def test_a_refused_text_changes_nothing(session: ReviewSession) -> None:
    with pytest.raises(DataError):
        accept(session, "00.png", "a\tb")
    assert session.progress()["accepted"] == 0


def test_progress_counts_and_survives_a_restart(root: Path) -> None:
    session = ReviewSession(root)
    accept(session, "00.png", "uno")
    accept(session, "02.png", "three")
    session.decide(DecisionRequest("03.png", "unreadable", "", 0, 0, "me"))
    before = session.progress()
    session.close()
    assert (root / "train.txt").read_text().startswith("00.png\tone\n"), "nothing is written before Finish"

    session = ReviewSession(root)
    after = session.progress()
    session.close()
    names = ("lines", "open", "accepted", "corrected", "unreadable", "skipped")
    assert [after[name] for name in names] == [before[name] for name in names] == [6, 3, 2, 1, 1, 0]
    assert before["per_hour"] > 0


def test_search_finds_a_place_first_then_texts_and_readings(session: ReviewSession) -> None:
    session.start_ranking(lambda: StubReader({"02.png": "tree"}))
    assert session.wait_for_ranking(30)
    assert session.search("train.txt:3")[0]["key"] == "02.png"
    assert session.search("03.PNG")[0]["key"] == "03.png"
    assert [found["key"] for found in session.search("TREE")] == ["02.png"]
    assert session.search("nothing like this") == session.search(" ") == []
    assert session.navigation.jump("t", "03.png", OPEN)["label"] == "four"


def test_label_files_changed_outside_are_read_again(session: ReviewSession, root: Path) -> None:
    accept(session, "00.png", "uno")
    (root / "train.txt").write_text("00.png\teins\n01.png\tzwei\n", encoding="utf-8")
    progress = session.progress()
    assert progress["changed_outside"] == ["train.txt"]
    assert progress["lines"] == 4
    assert session.view("01.png")["label"] == "zwei"
    view = session.view("00.png")
    assert (view["outside"], view["label"], view["mine"], view["status"]) == (True, "eins", "uno", "open")

    accept(session, "00.png", "uno")
    session.finish()
    assert (root / "train.txt").read_text() == "00.png\tuno\n01.png\tzwei\n"
    assert session.progress()["changed_outside"] == []


def test_a_missing_image_is_a_finding(session: ReviewSession, root: Path) -> None:
    (root / "04.png").unlink()
    session.start_ranking(lambda: StubReader({}))
    assert session.wait_for_ranking(30)
    assert shown(session)[0] == "04.png"
    assert "image-unreadable" in [finding["code"] for finding in session.view("04.png")["findings"]]
    with pytest.raises(DataError, match=r"04\.png: no such file"):
        session.image("04.png", 0)


def test_a_model_that_cannot_be_opened_does_not_end_the_review(session: ReviewSession) -> None:
    def broken() -> StubReader:
        raise DataError("no model")

    session.start_ranking(broken)
    assert session.wait_for_ranking(30)
    assert session.progress()["ranking_failed"] == "no model"
    assert session.navigation.following("t", None, OPEN) is not None
    assert session.read("00.png", 0)["text"] is None


def test_another_model_ranks_what_is_open(session: ReviewSession) -> None:
    session.start_ranking(lambda: StubReader({"00.png": "uno"}))
    assert session.wait_for_ranking(30)
    accept(session, "00.png", "uno")
    session.use_reader(StubReader({"03.png": "vier"}))
    assert session.wait_for_ranking(30)
    assert shown(session)[0] == "03.png"
    assert session.view("00.png")["error"] is None
    assert session.progress()["model"] == "stub"


def test_a_folder_of_images_is_transcribed_with_what_the_model_reads(tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png", ".hidden/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        draw_line(name).save(tmp_path / name)
    session = ReviewSession(tmp_path)
    session.start_ranking(
        lambda: StubReader({"a.png": "sure", "sub/b.png": "unsure"}, {"a.png": 0.1, "sub/b.png": 0.8})
    )
    assert session.wait_for_ranking(30)
    assert session.view("sub/b.png")["text"] == "unsure"
    assert shown(session) == ["sub/b.png", "a.png"]
    accept(session, "sub/b.png", "sure")
    session.finish()
    session.close()
    assert (tmp_path / "label.txt").read_text() == "sub/b.png\tsure\n"

    session = ReviewSession(tmp_path)
    assert session.progress()["lines"] == 2, "the review goes on with images that have no label yet"
    assert shown(session) == ["a.png"]
    session.close()


def test_right_to_left(tmp_path: Path) -> None:
    root = write_lines(
        tmp_path / "data", ["\u0645\u0631\u062d\u0628\u0627", "\u0633\u0644\u0627\u0645", "12", "abc"], ["\u0644\u0627"]
    )
    session = ReviewSession(root)
    found = [session.view(f"{i:02}.png")["direction"] for i in range(4)]
    session.close()
    assert found == ["rtl", "rtl", "rtl", "ltr"]


@pytest.mark.parametrize("what", ["missing", "empty", "no-lines"])
def test_nothing_to_review_is_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "data"
    if what != "missing":
        path.mkdir()
    if what == "no-lines":
        (path / "label.txt").write_text("")
    with pytest.raises(DataError, match="data"):
        ReviewSession(path)


def test_a_disk_without_write_access_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *arguments: object, **more: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match=f"{REVIEW_DIR}: cannot be written"):
        ReviewSession(root)


def test_a_confirmed_line_that_another_program_took_out_is_reported(session: ReviewSession, root: Path) -> None:
    accept(session, "00.png", "uno")
    accept(session, "02.png", "tres")
    session.decide(DecisionRequest("03.png", "unreadable", "", 0, 0, "me"))
    (root / "train.txt").write_text("01.png\ttwo\n02.png\tthree\n03.png\tfour\n", encoding="utf-8")
    report = session.finish()
    assert report.outside == ("train.txt:1",)
    assert (root / "train.txt").read_text(encoding="utf-8") == "01.png\ttwo\n02.png\ttres\n"


def test_label_files_that_another_process_is_writing_are_left_to_it(session: ReviewSession, root: Path) -> None:
    """A Finish in another process, between its journal and its last file."""
    (root / "train.txt.new").write_text("00.png\tuno\n", encoding="utf-8")
    write_json(root / JOURNAL_FILE, {"put": ["train.txt"], "remove": [], "record": None})
    with pytest.raises(DataError, match="being reviewed by another process"):
        ReviewSession(root)
    assert (root / "train.txt.new").is_file()

    session.close()
    again = ReviewSession(root)
    assert (again.view("00.png")["label"], again.progress()["lines"]) == ("uno", 3)
    again.close()


def test_a_label_file_that_is_removed_is_noticed(session: ReviewSession, root: Path) -> None:
    assert session.progress()["lines"] == 6
    (root / "val.txt").unlink()
    found = session.progress()
    assert (found["lines"], found["changed_outside"]) == (4, ["val.txt"])


def test_a_trained_model_is_found_where_the_dataset_was_moved(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    session = ReviewSession(Path(root.name))
    assert session.trained_model is None
    session.use_reader(StubReader({}), trained=session.state_dir / "training" / "run_001")
    session.close()

    monkeypatch.chdir(root)
    moved = root.rename(root.parent / "moved")
    again = ReviewSession(moved)
    assert again.trained_model == moved / REVIEW_DIR / "training" / "run_001"
    again.close()
