from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.review.decisions import ConflictError, Decisions, LineState
from ocrx.review.journal import Journal
from ocrx.review.lines import Line

Open = Callable[[Path], Decisions]


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Decisions]]:
    """Opens the decisions of a folder; the journals are closed after the test."""
    journals: list[Journal] = []

    def open_folder(folder: Path) -> Decisions:
        journals.append(Journal(folder / "journal.jsonl", transcription=False))
        return Decisions(journals[-1])

    yield open_folder
    for journal in journals:
        journal.close()


def accepted(text: str, label: str = "old") -> LineState:
    return LineState(status="accepted", text=text, label=label)


def line(key: str, label: str) -> Line:
    return Line(key, Sample(Path(key), label, "train.txt:1"), "train")


def test_a_decision_on_an_older_revision_is_a_conflict_and_changes_nothing(opened: Open, tmp_path: Path) -> None:
    decisions = opened(tmp_path)
    decisions.decide("a", accepted("one"), "me", 0)
    size = decisions.journal.path.stat().st_size
    with pytest.raises(ConflictError, match="changed in another window"):
        decisions.decide("a", accepted("two"), "you", 0)
    assert decisions.state("a").text == "one"
    assert decisions.journal.path.stat().st_size == size


def test_undo_goes_back_to_the_beginning_and_over_a_restart(opened: Open, tmp_path: Path) -> None:
    decisions = opened(tmp_path)
    for number in range(50):
        decisions.decide("a", accepted(f"text {number}"), "me", number)
    decisions.journal.close()

    decisions = opened(tmp_path)
    for number in range(48, -1, -1):
        assert decisions.undo("me") == "a"
        assert decisions.state("a").text == f"text {number}"
    assert decisions.undo("me") == "a"
    assert decisions.state("a").status == "open"
    assert decisions.undo("me") is None
    assert decisions.state("a").revision == 100, "every change, also undo, makes older views conflict"


def test_undo_takes_back_what_the_same_reviewer_did(opened: Open, tmp_path: Path) -> None:
    decisions = opened(tmp_path)
    decisions.decide("a", accepted("mine"), "me", 0)
    decisions.decide("b", accepted("yours"), "you", 0)
    assert decisions.undo("me") == "a"
    assert decisions.state("b").text == "yours"


def test_undo_of_a_line_that_somebody_else_decided_again_is_a_conflict(opened: Open, tmp_path: Path) -> None:
    decisions = opened(tmp_path)
    decisions.decide("a", accepted("mine"), "me", 0)
    decisions.decide("a", accepted("yours"), "you", 1)
    with pytest.raises(ConflictError):
        decisions.undo("me")
    assert decisions.state("a").text == "yours"


def test_a_label_changed_by_another_program_is_noticed(opened: Open, tmp_path: Path) -> None:
    decisions = opened(tmp_path)
    decisions.decide("a", accepted("new", label="old"), "me", 0)
    assert not decisions.is_changed_outside(line("a", "old"))
    assert not decisions.is_changed_outside(line("a", "new"))
    assert decisions.is_changed_outside(line("a", "third"))
    assert decisions.target(line("a", "third")) == "third"
    assert decisions.target(line("a", "old")) == "new"


def test_a_decision_undone_after_finish_brings_the_first_label_back(opened: Open, tmp_path: Path) -> None:
    decisions = opened(tmp_path)
    decisions.decide("a", accepted("new", label="old"), "me", 0)
    decisions.record_finish({"train.txt": "digest"})
    decisions.undo("me")
    assert decisions.target(line("a", "new")) == "old"
    assert decisions.target(line("a", "third")) == "third"


@pytest.mark.parametrize("state", [LineState("unreadable"), LineState("accepted", "x", turns=1, image="abc")])
def test_what_finish_did_to_files_is_not_undone(opened: Open, tmp_path: Path, state: LineState) -> None:
    decisions = opened(tmp_path)
    decisions.decide("a", state, "me", 0)
    decisions.record_finish({})
    with pytest.raises(ConflictError, match=r"\.bak"):
        decisions.undo("me")


@pytest.mark.parametrize(
    "entry",
    ['{"n": 1}', '{"undo": 1, "by": "me"}', '{"line": "a"}', '{"line": "a", "by": "me", "n": 1, "status": "x"}'],
)
def test_an_entry_that_makes_no_sense_is_named(opened: Open, tmp_path: Path, entry: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"ocrx_review": 1, "transcription": false}\n' + entry + "\n")
    if entry == '{"n": 1}':
        opened(tmp_path)  # of a kind that is not known yet
        return
    with pytest.raises(DataError, match=r"journal\.jsonl:2"):
        opened(tmp_path)


GOOD = {
    "n": 1, "at": 1.5, "by": "me", "line": "a", "status": "accepted", "text": "x", "label": "y", "turns": 0,
    "image": "", "revision": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in GOOD if name != "at"),
        *((name, ["list"]) for name in ("by", "label", "image", "revision", "line")),
        *(("n", number) for number in (1.5, "1", float("inf"), True)),
        *(("turns", number) for number in (-1, 4, 10**30, 1.5)),
        ("revision", -1),
        ("status", "done"),
    ],
)
def test_a_value_of_another_type_is_named_before_it_is_used(
    opened: Open, tmp_path: Path, name: str, value: object
) -> None:
    entries = [{"ocrx_review": 1, "transcription": False}, GOOD, {**GOOD, "n": 2, "revision": 2, name: value}]
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with pytest.raises(DataError, match=r"journal\.jsonl:3: not an entry"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"n": 1, "finish": {"train.txt": 5}},
        {"n": 1, "finish": "train.txt"},
        {"n": "1", "finish": {}},
        {"n": 1, "model": ["x"]},
        {"n": None, "model": "x"},
        {"n": 1, "by": [], "undo": 1},
    ],
)
def test_other_entries_with_values_of_another_type_are_named(opened: Open, tmp_path: Path, entry: object) -> None:
    head = '{"ocrx_review": 1, "transcription": false}'
    (tmp_path / "journal.jsonl").write_text(f"{head}\n{json.dumps(entry)}\n")
    with pytest.raises(DataError, match=r"journal\.jsonl:2: not an entry"):
        opened(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(steps=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["me", "you"]), st.booleans()), max_size=25))
def test_a_replay_gives_the_same_states(
    opened: Open, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    decisions = opened(folder)
    for number, (key, by, undo) in enumerate(steps):
        try:
            if undo:
                decisions.undo(by)
            else:
                decisions.decide(key, accepted(f"{number}"), by, decisions.state(key).revision)
        except ConflictError:
            continue
    states = {key: decisions.state(key) for key in "ab"}
    decisions.journal.close()
    again = opened(folder)
    assert {key: again.state(key) for key in "ab"} == states
    again.journal.close()
