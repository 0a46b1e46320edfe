from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.errors import DataError
from ocrx.inference.results import Prediction
from ocrx.inference.writers import json_document, json_lines

READ = Prediction(
    text="né",
    score=0.75,
    min_score=0.5,
    char_scores=(1.0, 0.5),
    char_spans=((2.0, 10.0), (10.0, 20.0)),
    input_path="a/x.png",
    source=lambda: draw_line("né"),
)


def test_paddlex_contract(capsys: pytest.CaptureFixture[str]) -> None:
    paddlex = {"input_path": "a/x.png", "page_index": None, "rec_text": "né", "rec_score": 0.75}
    assert READ.json == {"res": {**paddlex, "confidence": None, "warning": None}}
    assert READ.str == str(READ.json)
    READ.print()
    assert json.loads(capsys.readouterr().out) == READ.json
    READ.print(format_json=False)
    assert capsys.readouterr().out == READ.str + "\n"
    READ.print(json_format=False)
    assert capsys.readouterr().out == READ.str + "\n"
    READ.print(indent=2, ensure_ascii=True)
    assert '\n  "res"' in (out := capsys.readouterr().out) and "n\\u00e9" in out


def test_the_picture_holds_the_line_and_more() -> None:
    picture = READ.img["res"]
    assert picture.mode == "RGB" and picture.height > 64
    assert len(picture.getcolors(100000) or []) > 2


def test_a_picture_draws_other_scripts() -> None:
    pictures = [
        Prediction(text, 1.0, 1.0, (1.0,), ((0, 9),), source=lambda: draw_line("x")).img["res"].tobytes()
        for text in ("Ж", "Ω", "\uffff")
    ]
    assert len(set(pictures)) == 3


def test_a_turned_line_is_drawn_and_opened_as_it_was_read() -> None:
    standing = replace(READ, source=lambda: draw_line("né").transpose(Image.Transpose.ROTATE_270), turned=True)
    assert standing.open().tobytes() == READ.open().tobytes()
    assert standing.img["res"].tobytes() == READ.img["res"].tobytes()
    assert standing.to_dict(details=True) == {**READ.to_dict(details=True), "turned": True}


def test_failures_say_so_and_have_no_picture() -> None:
    failed = Prediction(input_path="x.png", error="x.png: no such file")
    assert failed.json["res"]["error"] == "x.png: no such file"
    with pytest.raises(DataError):
        _ = failed.img


def test_a_file_may_be_named(tmp_path: Path) -> None:
    assert READ.save_to_json(tmp_path / "deep" / "r.json") == tmp_path / "deep" / "r.json"
    assert json.loads((tmp_path / "deep" / "r.json").read_text(encoding="utf-8"))["char_scores"] == [1.0, 0.5]
    READ.save_to_img(tmp_path / "r.jpg")
    with Image.open(tmp_path / "r.jpg") as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize("method", ["save_to_json", "save_to_img"])
def test_names_in_a_folder_never_overwrite_each_other(tmp_path: Path, method: str) -> None:
    def read(name: str | None, page: int | None = None, line: int | None = None) -> Prediction:
        return Prediction("t", 1.0, 1.0, (1.0,), ((0, 9),), name, page, line_index=line, source=lambda: draw_line("t"))

    inputs = [
        read("a/x.png"),
        read("b/x.png"),
        read("a/x.jpg"),
        read("d.pdf", 0),
        read("d.pdf", 1),
        read("d.pdf", 1, 0),
    ]
    inputs += [read(None), read(None), read("/"), read("y" * 300 + ".png")]
    paths = [getattr(one, method)(tmp_path) for one in inputs]
    assert len(set(paths)) == len(inputs)
    assert paths[0].stem == "x_res"
    # The same inputs again: the same files, but for pictures without a name, which nothing can tell apart.
    again = [getattr(one, method)(tmp_path) for one in inputs]
    assert [p for p, one in zip(again, inputs, strict=True) if one.input_path] == [
        p for p, one in zip(paths, inputs, strict=True) if one.input_path
    ]
    assert not {p for p, one in zip(again, inputs, strict=True) if not one.input_path} & set(paths)


def test_an_image_that_was_there_before_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x_res.json").write_text("mine")
    READ.save_to_json(tmp_path)
    assert (tmp_path / "x_res.json").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_result_is_a_mapping_as_paddlex_has_it() -> None:
    assert READ["rec_text"] == "né" and READ.get("nothing") is None
    assert dict(READ) == READ.json["res"] and list(READ.keys()) == list(READ.json["res"])
    assert {**READ}["rec_score"] == 0.75
    with pytest.raises(KeyError):
        READ["text"]
    other = replace(READ, text="x")
    assert replace(READ) == READ != other and len({READ, replace(READ), other}) == 2


@pytest.mark.parametrize(
    ("method", "name", "kind"),
    [
        ("save_to_img", "res.2024", "folder"),
        ("save_to_img", "q.json", "folder"),
        ("save_to_img", "q.PNG", "file"),
        ("save_to_json", "res.2024", "folder"),
        ("save_to_json", "q.png", "folder"),
        ("save_to_json", "q.JSON", "file"),
    ],
)
def test_only_a_suffix_of_what_is_written_makes_a_file_name(tmp_path: Path, method: str, name: str, kind: str) -> None:
    first, second = (getattr(replace(READ, input_path=f"{stem}.png"), method)(tmp_path / name) for stem in "ab")
    assert (tmp_path / name).is_dir() == (kind == "folder")
    assert (first == second == tmp_path / name) == (kind == "file")


def test_an_existing_folder_is_a_folder_whatever_its_name(tmp_path: Path) -> None:
    for name in ("x.png", "x.json"):
        (tmp_path / name).mkdir()
        assert READ.save_to_img(tmp_path / name) == tmp_path / name / "x_res.png"
        assert READ.save_to_json(tmp_path / name) == tmp_path / name / "x_res.json"


def test_a_name_that_is_not_unicode_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = replace(READ, input_path=os.fsdecode(b"caf\xe9.png"))
    stored = odd.save_to_json(tmp_path)
    assert odd.save_to_json(tmp_path) == stored and odd.save_to_img(tmp_path).is_file()
    assert stored.read_bytes().isascii() and json.loads(stored.read_bytes()) == odd.to_dict(details=True)
    odd.print()
    for text in (capsys.readouterr().out, *json_lines([odd]), "".join(json_document([odd]))):
        assert text.isascii() and "caf\\udce9.png" in text and "n\\u00e9" in text
    assert "né" in next(json_lines([READ]))


def test_everything_is_saved_into_a_folder(tmp_path: Path) -> None:
    READ.save_all(tmp_path / "out")
    Prediction(input_path="y.png", error="y.png: no such file").save_all(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["x_res.json", "x_res.png", "y_res.json"]


def test_the_input_image_is_bgr_as_in_paddlex() -> None:
    red = Image.new("RGB", (4, 3), (200, 10, 20))
    pixels = replace(READ, source=lambda: red).input_img
    assert pixels.shape == (3, 4, 3) and pixels[0, 0].tolist() == [20, 10, 200]
