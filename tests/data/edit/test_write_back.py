from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.pages import LINES, SIZE, corners, write_page
from support.review import accept

from ocrx.config import load_config
from ocrx.data.edit.convert import convert_dataset
from ocrx.data.edit.write_back import write_back
from ocrx.errors import DataError
from ocrx.modes import check_dataset
from ocrx.review.decision_request import DecisionRequest
from ocrx.review.session import ReviewSession

FIRST, SECOND, THIRD = LINES


def write_ppocrlabel(pages: Path) -> None:
    boxes = write_page(pages / "page.png")
    rows = [{"transcription": text, "points": corners(box), "difficult": False} for text, box in boxes.items()]
    rows.insert(1, {"transcription": "###", "points": [[0, 0], [9, 0], [9, 9], [0, 9]], "difficult": True})
    content = "page.png\t" + json.dumps(rows) + "\n" + "other.png\t[]\n"
    (pages / "Label.txt").write_text(content, encoding="utf-8")


def write_label_studio(pages: Path) -> None:
    boxes = write_page(pages / "page.png")
    results: list[dict[str, Any]] = []
    for number, (text, (left, top, right, bottom)) in enumerate(boxes.items()):
        width, height = SIZE
        box = {
            "x": 100 * left / width, "y": 100 * top / height,
            "width": 100 * (right - left) / width, "height": 100 * (bottom - top) / height,
        }  # fmt: skip
        shared = {"id": f"r{number}", "original_width": width, "original_height": height}
        results.append({**shared, "type": "rectangle", "value": box})
        results.append({**shared, "type": "textarea", "value": {**box, "text": [text]}, "score": 0.25})
    task = {"id": 7, "data": {"ocr": "/data/upload/12345678-page.png"}, "annotations": [{"result": results}]}
    (pages / "export.json").write_text(json.dumps([task]), encoding="utf-8")


WRITERS = {"ppocrlabel": ("Label.txt", write_ppocrlabel), "labelstudio": ("export.json", write_label_studio)}


@pytest.fixture(params=sorted(WRITERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pages(kind: str, tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    WRITERS[kind][1](folder)
    return folder


@pytest.fixture
def lines(kind: str, pages: Path, tmp_path: Path) -> Path:
    return convert_dataset(pages, "paddlex", source=kind, output=tmp_path / "lines").folder


def texts(pages: Path, kind: str, again: Path) -> list[str]:
    """The texts that a second conversion finds."""
    folder = convert_dataset(pages, "paddlex", source=kind, output=again).folder
    return [row.partition("\t")[2] for row in (folder / "train.txt").read_text(encoding="utf-8").splitlines()]


def test_corrections_of_a_review_come_back(kind: str, pages: Path, lines: Path, tmp_path: Path) -> None:
    before = (pages / WRITERS[kind][0]).read_text(encoding="utf-8")
    session = ReviewSession(lines)
    keys = [line.key for line in session.folder.lines]
    accept(session, keys[0], "Žluťoučký")
    session.decide(DecisionRequest(keys[1], "unreadable", "", 0, 0, "me"))
    accept(session, keys[2], THIRD)
    session.finish()
    session.close()

    report = write_back(lines, pages)
    assert (report.changed, report.unreadable, report.left_out) == (1, 1, ())
    name = WRITERS[kind][0]
    assert dict(report.backups) == {name: f"{name}.bak"}
    assert (pages / f"{name}.bak").read_text(encoding="utf-8") == before
    assert texts(pages, kind, tmp_path / "again") == ["Žluťoučký", THIRD]
    assert write_back(lines, pages).changed == 0, "what was written is not written again"


def test_all_but_the_texts_stays(kind: str, pages: Path, lines: Path) -> None:
    name = WRITERS[kind][0]
    before = (pages / name).read_text(encoding="utf-8")
    list_file = lines / "train.txt"
    list_file.write_text(list_file.read_text(encoding="utf-8").replace(SECOND, "2nd"), encoding="utf-8")
    write_back(lines, pages)
    after = (pages / name).read_text(encoding="utf-8")
    if kind == "ppocrlabel":
        assert after.splitlines()[1] == before.splitlines()[1]
        first, second = (json.loads(text.splitlines()[0].partition("\t")[2]) for text in (before, after))
    else:
        first, second = json.loads(before), json.loads(after)
    assert json.dumps(first).replace(f'"{SECOND}"', '"2nd"') == json.dumps(second)


def test_a_text_changed_there_meanwhile_is_left_alone(kind: str, pages: Path, lines: Path) -> None:
    name = WRITERS[kind][0]
    (pages / name).write_text((pages / name).read_text("utf-8").replace(FIRST, "theirs"), encoding="utf-8")
    list_file = lines / "train.txt"
    list_file.write_text(list_file.read_text("utf-8").replace(FIRST, "ours").replace(SECOND, "2nd"), encoding="utf-8")
    report = write_back(lines, pages)
    assert report.changed == 1
    assert [one.reason for one in report.left_out] == ["its text was changed to 'theirs' in the annotations"]
    assert "theirs" in (pages / name).read_text("utf-8")


def test_a_region_that_is_gone_is_listed(kind: str, pages: Path, lines: Path) -> None:
    name, empty = WRITERS[kind][0], {"ppocrlabel": "page.png\t[]\n", "labelstudio": "[]"}
    (pages / name).write_text(empty[kind], encoding="utf-8")
    list_file = lines / "train.txt"
    list_file.write_text(list_file.read_text("utf-8").replace(FIRST, "ours"), encoding="utf-8")
    report = write_back(lines, pages)
    assert (report.changed, [one.reason for one in report.left_out]) == (0, ["the region no longer exists"])
    assert not (pages / f"{name}.bak").exists()


def test_the_command_says_what_it_did(kind: str, pages: Path, lines: Path, tmp_path: Path) -> None:
    list_file = lines / "train.txt"
    list_file.write_text(list_file.read_text("utf-8").replace(FIRST, "ours"), encoding="utf-8")
    options = {
        "Global.dataset_dir": str(lines),
        "Global.output": str(tmp_path / "out"),
        "CheckDataset.write_back": str(pages),
    }
    report = check_dataset.run(load_config(None, [], options))
    assert report.actions[0].startswith("wrote back 1 texts and marked 0 regions as unreadable in ")


@pytest.mark.parametrize("damage", ["none", "text", "outside"])
def test_lines_that_were_not_cut_are_named(tmp_path: Path, damage: str) -> None:
    lines = tmp_path / "lines"
    (lines / "source").mkdir(parents=True)
    rows = {"text": '{"image": "a"}\n', "outside": '{"image": "a", "source": "../x.json: task 1", "text": "t"}\n'}
    if damage in rows:
        (lines / "source" / "regions.jsonl").write_text(rows[damage])
    with pytest.raises(DataError, match=r"regions\.jsonl"):
        write_back(lines, tmp_path)
