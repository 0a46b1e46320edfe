from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError
from ocrx.review.decision_request import DecisionRequest
from ocrx.review.label_files import write_decisions
from ocrx.review.lines import find_labels, read_folder
from ocrx.review.session import ReviewSession

Root = Callable[[dict[str, str]], Path]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A folder with these label files and the images a.png, b.png and c.png."""

    def make(files: dict[str, str]) -> Path:
        for name in "abc":
            draw_line(name).save(tmp_path / f"{name}.png")
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content.encode())
        return tmp_path

    return make


def decide(root: Path, **texts: str | None) -> dict[str, str]:
    """Decide lines by the stem of their image, finish, and return the label files."""
    session = ReviewSession(root)
    for stem, text in texts.items():
        key = f"{stem}.png"
        status = "unreadable" if text is None else "accepted"
        seen = session.view(key)["revision"]
        session.decide(DecisionRequest(key, status, text or "", 0, seen, "me"))
    session.finish()
    session.close()
    return {path.name: path.read_bytes().decode() for path in root.glob("*") if path.suffix not in (".png", "")}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("label.txt", "a.png\tone\nb.png\ttwo\nc.png\tthree\n", "a.png\tONE\nc.png\tthree\n"),
        ("label.txt", "\ufeffa.png\tone\r\nb.png\ttwo\r\n\r\nc.png\tthree", "\ufeffa.png\tONE\r\n\r\nc.png\tthree"),
        (
            "lines.csv",
            'file_name,text\na.png,one\nb.png,"t""w,o"\nc.png,three\n',
            "file_name,text\na.png,ONE\nc.png,three\n",
        ),
        (
            "lines.csv",
            'id;text;img\n1;"one\nmore";a.png\n2;two;b.png\n3;"th;ree";c.png',
            'id;text;img\n1;ONE;a.png\n3;"th;ree";c.png',
        ),
        (
            "lines.csv",
            'note,file_name,text\n"n\no",a.png,one\nn,b.png,two\n"n\r\no",c.png,three\n',
            'note,file_name,text\n"n\no",a.png,ONE\n"n\r\no",c.png,three\n',
        ),
        (
            "lines.tsv",
            'file_name\ttext\na.png\t"one\nb.png\ttwo\nc.png\tthree\n',
            "file_name\ttext\na.png\tONE\nc.png\tthree\n",
        ),
        (
            "metadata.jsonl",
            '{"file_name": "a.png", "text": "one", "x": 1}\n\n{"img": "b.png", "label": "two"}\n'
            '{"file_name":"c.png","text":"é"}\n',
            '{"file_name": "a.png", "text": "ONE", "x": 1}\n\n{"file_name":"c.png","text":"é"}\n',
        ),
    ],
    ids=["list", "list-crlf-bom", "csv", "csv-semicolon", "csv-line-ends", "tsv", "jsonl"],
)
def test_only_decided_lines_change(root: Root, name: str, before: str, after: str) -> None:
    folder = root({name: before})
    found = decide(folder, a="ONE", b=None)
    assert found[name] == after
    assert found[f"{name}.bak"] == before
    assert read_dataset(folder).train[0].text == "ONE"
    assert (folder / ".ocrx-review" / "unreadable.txt").read_text(encoding="utf-8").startswith("b.png\t")


def test_pairs(root: Root) -> None:
    folder = root({"a.gt.txt": "one\r\n", "b.gt.txt": "two", "c.gt.txt": "three\n"})
    found = decide(folder, a="ONE", b=None, c="three")
    assert found == {
        "a.gt.txt": "ONE\r\n", "a.gt.txt.bak": "one\r\n", "b.gt.txt.bak": "two", "c.gt.txt": "three\n",
    }  # fmt: skip


def test_both_parts_and_a_line_that_is_listed_twice(root: Root) -> None:
    folder = root({"train.txt": "a.png\tone\na.png\ttwo\n", "val.txt": "c.png\tthree\n"})
    session = ReviewSession(folder)
    session.decide(DecisionRequest("a.png#2", "accepted", "TWO", 0, 0, "me"))
    session.decide(DecisionRequest("c.png", "accepted", "THREE", 0, 0, "me"))
    session.finish()
    session.close()
    assert (folder / "train.txt").read_text() == "a.png\tone\na.png\tTWO\n"
    assert (folder / "val.txt").read_text() == "c.png\tTHREE\n"


def test_images_without_labels_get_a_label_file_that_grows(root: Root) -> None:
    folder = root({})
    assert decide(folder, b="two")["label.txt"] == "b.png\ttwo\n"
    found = decide(folder, a="one", c=None)
    assert found["label.txt"] == "b.png\ttwo\na.png\tone\n"
    assert "label.txt.bak" not in found, "what the review wrote itself needs no copy"


def test_a_second_finish_keeps_the_first_original(root: Root) -> None:
    folder = root({"label.txt": "a.png\tone\nb.png\ttwo\n"})
    decide(folder, a="ONE")
    found = decide(folder, b="TWO")
    assert found == {"label.txt": "a.png\tONE\nb.png\tTWO\n", "label.txt.bak": "a.png\tone\nb.png\ttwo\n"}


def test_what_another_program_wrote_meanwhile_is_left_alone(root: Root) -> None:
    folder = root({"label.txt": "a.png\tone\nb.png\ttwo\n"})
    session = ReviewSession(folder)
    session.decide(DecisionRequest("a.png", "accepted", "ONE", 0, 0, "me"))
    session.decide(DecisionRequest("b.png", "accepted", "TWO", 0, 0, "me"))
    (folder / "label.txt").write_text("c.png\tnew\nb.png\ttwo\na.png\tuno\n")
    report = session.finish()
    assert report.outside == ("label.txt:3",)
    assert (folder / "label.txt").read_text() == "c.png\tnew\nb.png\tTWO\na.png\tuno\n"
    assert session.view("a.png")["outside"]
    assert session.view("a.png")["mine"] == "ONE"
    assert session.status(session.line("a.png")) == "open"
    session.close()


def test_nothing_is_written_without_a_change(root: Root) -> None:
    folder = root({"label.txt": "a.png\tone\n"})
    assert decide(folder, a="one") == {"label.txt": "a.png\tone\n"}


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_turned_image_is_written_once_and_its_original_kept(tmp_path: Path, suffix: str) -> None:
    image = draw_line("upside").transpose(Image.Transpose.ROTATE_90)
    path = tmp_path / f"a{suffix}"
    image.save(path)
    (tmp_path / "label.txt").write_text(f"a{suffix}\tupside\n")
    original = path.read_bytes()

    session = ReviewSession(tmp_path)
    session.decide(DecisionRequest(path.name, "accepted", "upside", 1, 0, "me"))
    assert session.view(path.name)["turns"] == 1
    assert session.finish().turned == 1
    assert session.finish().turned == 0
    assert session.view(path.name)["turns"] == 0
    session.close()
    with Image.open(path) as turned:
        assert turned.size == draw_line("upside").size
    assert path.with_name(f"a{suffix}.bak").read_bytes() == original

    session = ReviewSession(tmp_path)
    assert session.finish().turned == 0
    session.close()


def test_a_file_that_is_not_utf8_is_named(root: Root) -> None:
    folder = root({})
    (folder / "label.txt").write_bytes(b"a.png\tStra\xdfe\nb.png\ttwo\n")
    session = ReviewSession(folder)
    session.decide(DecisionRequest("b.png", "accepted", "TWO", 0, 0, "me"))
    with pytest.raises(DataError, match=r"label\.txt: not UTF-8"):
        session.finish()
    session.close()


def test_a_disk_that_cannot_be_written_is_named(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = root({"label.txt": "a.png\tone\n"})
    session = ReviewSession(folder)
    session.decide(DecisionRequest("a.png", "accepted", "ONE", 0, 0, "me"))

    def refuse(*arguments: object) -> None:
        raise OSError(30, "Read-only file system", str(folder / "label.txt"))

    monkeypatch.setattr("ocrx.review.label_files.replace_files", refuse)
    with pytest.raises(DataError, match="Read-only file system"):
        write_decisions(
            read_folder(folder, find_labels(folder), transcription=False),
            [session.line("a.png")],
            session.decisions,
            folder,
        )
    session.close()


def test_what_is_no_regular_file_is_never_hashed(root: Root) -> None:
    folder = root({"label.txt": "a.png\tone\npipe.png\ttwo\nzero.png\tthree\n"})
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    session = ReviewSession(folder)
    for key in ("pipe.png", "zero.png"):
        state = session.decide(DecisionRequest(key, "accepted", "x", 1, 0, "me"))
        assert state.image == "" and session.view(key)["status"] == "accepted"
    report = session.finish()
    session.close()
    assert report.changed == 2 and report.turned == 0
