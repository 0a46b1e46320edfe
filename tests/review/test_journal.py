from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.errors import DataError
from ocrx.review.journal import Journal


def opened(path: Path) -> Journal:
    return Journal(path / "review" / "journal.jsonl", transcription=True)


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(3):
        journal.append({"n": number, "text": "žluťoučký\u2028"})
    journal.close()

    again = Journal(journal.path, transcription=False)
    assert [entry["n"] for entry in again.entries] == [0, 1, 2]
    assert again.entries[0]["text"] == "žluťoučký\u2028"
    assert again.transcription, "the journal knows how the review began"
    again.close()


def test_each_entry_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append({"n": 1})
    assert journal.path.read_bytes().endswith(b'{"n": 1}\n')
    journal.close()


@pytest.mark.parametrize("torn", [b'{"n": 2, "te', b"\xff", b'{"n": 2}'])
def test_a_torn_last_line_is_cut_off_and_the_journal_goes_on(tmp_path: Path, torn: bytes) -> None:
    journal = opened(tmp_path)
    journal.append({"n": 1})
    journal.close()
    with journal.path.open("ab") as file:
        file.write(torn)

    again = opened(tmp_path)
    assert again.entries == [{"n": 1}]
    again.append({"n": 2})
    again.close()
    last = opened(tmp_path)
    assert last.entries == [{"n": 1}, {"n": 2}]
    last.close()


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path)
    journal.append({"n": 1})
    before = journal.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ocrx.review.journal.os.fsync", full)
        with pytest.raises(DataError, match="No space left"):
            journal.append({"n": 2})
    assert journal.path.read_bytes() == before
    journal.append({"n": 3})
    journal.close()
    again = opened(tmp_path)
    assert again.entries == [{"n": 1}, {"n": 3}]
    again.close()


def test_what_a_full_disk_refused_is_not_written_later(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    journal = opened(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 10, hard))
    try:
        with pytest.raises(DataError, match="cannot be written"):
            journal.append({"n": 2, "text": "a long line"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    journal.append({"n": 3})
    assert journal.path.read_bytes().splitlines()[1:] == [b'{"n": 3}'], "as a kill at this moment would leave it"
    journal.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"ocrx_review": 1}\n[1]\n', ":2: damaged"),
        (b'{"ocrx_review": 1}\n{"n": \n', ":2: damaged"),
        (b'{"ocrx_review": 99}\n', "not a journal that this version"),
        (b'{"n": 1}\n', "not a journal that this version"),
    ],
)
def test_a_damaged_journal_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        Journal(path, transcription=False)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        Journal(tmp_path / "file" / "journal.jsonl", transcription=False)
