"""``ocrx predict`` as a user meets it: outputs, exit codes, messages."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.cli.app import main
from ocrx.config import config_from_options
from ocrx.errors import DataError
from ocrx.modes import predict


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["predict", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_tsv_in_a_pipe_and_the_model_on_stderr(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path
) -> None:
    code, out, err = run(capsys, images, "--model", model_folder)
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows[:2]] == [str(images / "00.png"), str(images / "01.jpg")]
    assert len(rows) == 10 and all(len(row) == 3 and 0 < float(row[2]) <= 1 for row in rows)
    assert str(model_folder) in err and "onnx" in err and "10 read" in err


def test_json_lines_hold_failures_and_the_exit_code_is_1(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path
) -> None:
    (images / "broken.jpg").write_bytes((images / "01.jpg").read_bytes()[:300])
    code, out, err = run(capsys, images / "00.png", images / "broken.jpg", "none.png", "-m", model_folder, "--jsonl")
    assert code == 1
    records = [json.loads(line) for line in out.splitlines()]
    assert [set(r) for r in records[:1]] == [
        {"input_path", "page_index", "rec_text", "rec_score", "confidence", "warning"}
    ]
    assert "damaged" in records[1]["error"] and records[2]["error"] == "none.png: no such file"
    assert "broken.jpg" in err and "error: none.png: no such file" in err and "2 failed" in err


@pytest.mark.parametrize("form", [["--jsonl"], ["--json"], ["--csv"], ["--details"]], ids=lambda form: form[0])
def test_a_model_without_calibration_is_named_once_where_confidence_is_shown(
    form: list[str], capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path
) -> None:
    _, _, err = run(capsys, images, "--model", model_folder, *form)
    notice = f"`ocrx evaluate DATASET --model {model_folder} --calibrate` fits one"
    assert err.replace("\n", " ").count(notice) == 1
    assert "calibration" not in run(capsys, images, "--model", model_folder)[2], "TSV shows no confidence"
    assert "calibration" not in run(capsys, images, "--lang", "en", *form)[2], "this one has a calibration"


def test_one_json_document_and_csv(capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path) -> None:
    code, out, _ = run(capsys, images / "00.png", "none.png", "-m", model_folder, "--json", "--details")
    first, second = json.loads(out)
    assert code == 1 and len(first["char_scores"]) == len(first["char_spans"]) == len(first["rec_text"])
    assert second["error"]
    code, out, _ = run(capsys, images / "00.png", "none.png", "-m", model_folder, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0]["rec_text"] == first["rec_text"] and rows[1]["error"] == "none.png: no such file"
    code, _, err = run(capsys, images / "00.png", "-m", model_folder, "--csv", "--json")
    assert code == 2 and "expected one of them" in err


def test_lines_below_a_score_are_omitted_and_counted(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path
) -> None:
    code, out, err = run(capsys, images, "-m", model_folder, "--min-score", "1.0")
    assert code == 0 and out == ""
    assert "10 below 1 left out" in err


def test_files_and_pictures_are_saved_for_each_line(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, tmp_path: Path
) -> None:
    (images / "deep" / "00.png").write_bytes((images / "02.png").read_bytes())
    code, _, _ = run(capsys, images, "none.png", "-m", model_folder, "--save-dir", tmp_path / "out")
    assert code == 1
    assert len(list((tmp_path / "out").glob("*.json"))) == 12
    assert len(list((tmp_path / "out").glob("*.png"))) == 11


def test_a_pdf_is_opened_once_and_each_page_rendered_once_for_its_text_and_once_for_its_picture(
    capsys: pytest.CaptureFixture[str], model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    pages = [draw_line(f"page {number}").convert("RGB") for number in range(4)]
    pages[0].save(tmp_path / "a.pdf", save_all=True, append_images=pages[1:])
    opened, rendered = [], []
    open_document, render = pypdfium2.PdfDocument.__init__, pypdfium2.PdfPage.render

    def counted_open(self: object, *arguments: object, **options: object) -> None:
        opened.append(self)
        open_document(self, *arguments, **options)

    def counted_render(self: object, *arguments: object, **options: object) -> object:
        rendered.append(self)
        return render(self, *arguments, **options)

    monkeypatch.setattr(pypdfium2.PdfDocument, "__init__", counted_open)
    monkeypatch.setattr(pypdfium2.PdfPage, "render", counted_render)
    code, out, _ = run(capsys, tmp_path / "a.pdf", "-m", model_folder, "--save-dir", tmp_path / "out")
    assert code == 0 and len(out.splitlines()) == 4 and len(list((tmp_path / "out").glob("*.png"))) == 4
    assert len(opened) == 1 and len(rendered) <= 2 * 4


@pytest.mark.parametrize("name", ["out.png", "out.json", "res.2024"])
def test_a_save_dir_is_a_folder_whatever_its_name(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, tmp_path: Path, name: str
) -> None:
    code, _, _ = run(
        capsys, images / "00.png", images / "02.png", "none.png", "-m", model_folder, "--save-dir", tmp_path / name
    )
    assert code == 1
    saved = ["00_res.json", "00_res.png", "02_res.json", "02_res.png", "none_res.json"]
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == saved


def test_a_save_dir_that_is_a_file_is_an_error_before_anything_is_read(
    model_folder: Path, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.png").write_text("mine")
    options = {"Predict.model_dir": str(model_folder), "Predict.save_dir": str(tmp_path / "out.png")}
    with pytest.raises(DataError, match=r"out\.png: no folder can be made \(File exists\)"):
        predict.run(config_from_options(options), str(images))
    assert (tmp_path / "out.png").read_text() == "mine"


def test_omitted_lines_are_not_saved(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, tmp_path: Path
) -> None:
    options = ["-m", model_folder, "--save-dir", tmp_path / "out", "--min-score", "1.0"]
    run(capsys, images, "none.png", *options)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["none_res.json"]


@pytest.mark.parametrize("form", ["--json", "--jsonl", "--csv", None])
def test_a_file_name_of_any_bytes_stops_nothing(
    capfdbinary: pytest.CaptureFixture[bytes], model_folder: Path, images: Path, tmp_path: Path, form: str | None
) -> None:
    odd = Path(os.fsdecode(bytes(images) + b"/caf\xe9.png"))
    odd.write_bytes((images / "00.png").read_bytes())
    arguments = [str(odd), str(images / "00.png"), "-m", str(model_folder), "--save-dir", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-m", "ocrx", "predict", *arguments, *filter(None, [form])], check=True)
    out = capfdbinary.readouterr().out
    assert len(list((tmp_path / "out").iterdir())) == 4
    if form in ("--json", "--jsonl"):
        records = json.loads(out) if form == "--json" else [json.loads(line) for line in out.splitlines()]
        assert records[0]["input_path"] == str(odd)
    else:
        assert bytes(odd) in out and b"00.png" in out


def test_pages_cause_a_warning_and_are_cut_on_request(
    capsys: pytest.CaptureFixture[str], model_folder: Path, tmp_path: Path
) -> None:
    page = Image.new("L", (400, 240), 255)
    for row, word in enumerate(["first line", "second line"]):
        page.paste(draw_line(word, height=40), (20, 30 + 90 * row))
    page.save(tmp_path / "page.png")
    code, out, err = run(capsys, tmp_path / "page.png", "-m", model_folder)
    assert code == 0 and len(out.splitlines()) == 1
    assert "page.png: looks like 2 lines" in err and "--lines detect" in err
    code, out, err = run(capsys, tmp_path / "page.png", "-m", model_folder, "--split-lines")
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        f"{tmp_path / 'page.png'}#line=1",
        f"{tmp_path / 'page.png'}#line=2",
    ]
    assert "looks like" not in err
    code, out, err = run(capsys, tmp_path / "page.png", "-m", model_folder, "--lines", "split", "--format", "text")
    assert code == 0 and len(out.splitlines()) == 2
    code, out, err = run(
        *(capsys, tmp_path / "page.png", tmp_path / "page.png", "-m", model_folder),
        *("--lines", "split", "--format", "text", "--min-score", "1"),
    )
    assert (code, out) == (0, "\f"), "two pages without lines"
    assert "4 below 1 left out" in err


@pytest.mark.parametrize("lines", ["one", "detect"])
def test_the_former_name_of_split_is_not_silently_dropped(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, lines: str
) -> None:
    code, _, err = run(capsys, images / "00.png", "-m", model_folder, "--split-lines", "--lines", lines)
    assert code == 2 and f"--split-lines and --lines {lines}: expected one of them" in err


def test_an_image_on_stdin(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO((images / "00.png").read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin())
    code, out, _ = run(capsys, "-", "-m", model_folder)
    _, expected, _ = run(capsys, images / "00.png", "-m", model_folder)
    assert code == 0 and out.split("\t")[1:] == expected.split("\t")[1:]
    assert out.startswith("-\t")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "nothing to read"),
        (["x.png", "--backend", "tensorflow"], 2, "expected one of auto"),
        (["x.png", "--batch-size", "0"], 2, "batch-size"),
        (["x.png", "--device", "gpu:77"], 1, "gpu:77"),
        (["x.png"], 1, "x.png: no such file"),
        ([""], 1, "an empty path"),
        (["x.png", "-o", "Predict.nothing=1"], 2, "Predict.nothing"),
    ],
)
def test_mistakes_have_an_exit_code_and_words(
    capsys: pytest.CaptureFixture[str], model_folder: Path, arguments: list[str], code: int, message: str
) -> None:
    found, out, err = run(capsys, *arguments, "-m", model_folder)
    assert found == code
    assert message in err and "Traceback" not in err
    assert out == ""


def test_a_missing_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "x.png", "-m", tmp_path / "none")
    assert code == 1 and "no such model folder" in err
    (tmp_path / "model.onnx").write_text("text")
    code, _, err = run(capsys, "x.png", "-m", tmp_path / "model.onnx")
    assert code == 1 and "not an ocrx model" in err


def test_a_model_that_cannot_be_intended(capsys: pytest.CaptureFixture[str], images: Path) -> None:
    code, _, err = run(capsys, images / "00.png", "-m", "")
    assert code == 2 and "Predict.model_dir: an empty name" in err


def test_an_image_too_large_is_refused_by_one_error(
    capsys: pytest.CaptureFixture[str], model_folder: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    Image.new("1", (10_000, 9_500)).save(tmp_path / "large.png")
    code, _, err = run(capsys, tmp_path / "large.png", "-m", model_folder)
    assert code == 1 and "10000x9500 pixels, more than 89,000,000 are refused" in err
    assert not [warning for warning in recwarn if "exceeds limit" in str(warning.message)]


def test_a_name_of_an_embedded_model(capsys: pytest.CaptureFixture[str], images: Path) -> None:
    code, _, err = run(capsys, images / "00.png", "-m", "printed_en")
    assert code == 0 and "(printed_en)" in err


def test_paddlex_form(capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path) -> None:
    options = [
        "Global.mode=predict",
        f"Predict.model_dir={model_folder}",
        f"Predict.input={images}",
        "Predict.batch_size=1",
    ]
    code = main(["run", *(part for option in options for part in ("-o", option))])
    assert code == 0
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_mode_predict_prints_and_saves_as_paddlex_does(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, tmp_path: Path
) -> None:
    settings = {
        "Global.mode": "predict",
        "Global.output": tmp_path / "output",
        "Predict.model_dir": model_folder,
        "Predict.input": images / "00.png",
    }
    code = main(["run", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))])
    out = capsys.readouterr().out
    assert code == 0 and out.startswith("{'res': {'input_path': ") and out.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["00_res.json", "00_res.png"]


def test_a_list_of_names_comes_from_stdin(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{images / '00.png'}\nnone.png\n".encode())))
    code, out, err = run(capsys, "@-", "-m", model_folder)
    assert code == 1 and out.startswith(f"{images / '00.png'}\t") and "none.png: no such file" in err


def test_an_empty_list_is_an_error_that_says_so(
    capsys: pytest.CaptureFixture[str], model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").touch()
    code, out, err = run(capsys, f"@{tmp_path / 'list.txt'}", "--jsonl", "-m", model_folder)
    assert (code, out) == (1, "") and "error: nothing to read" in err


def test_a_terminal_shows_confidence_and_details(
    capsys: pytest.CaptureFixture[str], model_folder: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, _ = run(capsys, images / "00.png", "-m", model_folder)
    head, row = out.splitlines()
    assert head.split() == ["score", "confidence", "text", "image"] and row.split()[1] == "-"
    _, out, _ = run(capsys, images / "00.png", "-m", model_folder, "--details")
    assert len(out.splitlines()) > 2


def test_pages_are_detected_and_written_in_every_form(
    capsys: pytest.CaptureFixture[str], model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("rapidocr")
    page = Image.new("L", (700, 240), 255)
    for row, text in enumerate(["The first line of a page", "and a second that is longer"]):
        page.paste(draw_line(text, height=40), (20, 30 + 90 * row))
    page.save(tmp_path / "page.png")
    arguments = (tmp_path / "page.png", "-m", model_folder, "--lines", "detect")

    code, out, err = run(capsys, *arguments, "--format", "page-json", "--save-dir", tmp_path / "out")
    (fields,) = json.loads(out)
    assert code == 0 and len(fields["rec_texts"]) == len(fields["dt_polys"]) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["page_res.json", "page_res.png"]

    code, out, err = run(capsys, *arguments, "--jsonl")
    assert [json.loads(line)["line_index"] for line in out.splitlines()] == [0, 1]
    code, out, err = run(capsys, *arguments, "--format", "text", "--jsonl")
    assert code == 2 and "--format text and --jsonl" in err
    code, out, err = run(capsys, *arguments, "--format", "xml")
    assert code == 2 and "'xml'; expected one of tsv, csv, jsonl, json, text, page-json, hocr" in err


def test_the_forms_of_the_command_are_those_of_the_writers() -> None:
    from ocrx.cli.prediction import FORMS
    from ocrx.inference.writers import FORMATS

    assert tuple(FORMATS) == FORMS
