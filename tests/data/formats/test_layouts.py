from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.formats.layouts import read_dataset, read_dict, read_list
from ocrx.data.formats.text_file import read_text
from ocrx.errors import DataError


def _codes(issues: object) -> list[tuple[str, str]]:
    return [(issue.code, issue.where) for issue in issues]  # type: ignore[attr-defined]  # any iterable of issues


def test_paddlex_layout(line_folder: Path) -> None:
    dataset = read_dataset(line_folder)
    assert (dataset.layout, len(dataset.train), len(dataset.val), dataset.issues) == ("paddlex", 8, 4, ())
    assert dataset.train[1].text == "two 22"
    assert dataset.train[1].image == line_folder / "images" / "01.png"
    assert dataset.train[1].source == "train.txt:2"
    assert dataset.charset is None


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_bom_and_line_ends_do_not_change_the_text(tmp_path: Path, bom: bytes, end: bytes) -> None:
    (tmp_path / "label.txt").write_bytes(bom + "a.png\t é x \u2028y".encode() + end + b"b.png\t " + end)
    dataset = read_dataset(tmp_path)
    assert [s.text for s in dataset.train] == [" é x \u2028y", " "]
    assert dataset.train[0].image == tmp_path / "a.png"
    expected = [("bom", "label.txt:1")] * bool(bom) + [("crlf", "label.txt:1")] * (end == b"\r\n")
    assert _codes(dataset.issues) == expected


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"])), min_size=1))
def test_any_label_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("any") / "label.txt"
    path.write_text("".join(f"x.png\t{text}\n" for text in texts), encoding="utf-8", newline="\n")
    if b"\x00" * (path.stat().st_size // 5) in path.read_bytes():
        return  # text full of NUL is taken for UTF-16
    samples, _ = read_list(path, path.parent)
    assert [sample.text for sample in samples] == texts
    assert [sample.source for sample in samples] == [f"label.txt:{i}" for i in range(1, len(texts) + 1)]


def test_bad_lines_are_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(b"a.png hello\nb.png\tone\ttwo\n\n\tx\nc.png\t\xc3\xa9\nd.png\t\xe9\nlast.png\tz")
    samples, issues = read_list(path, tmp_path)
    assert [(s.text, s.source) for s in samples] == [
        ("one\ttwo", "train.txt:2"),
        ("é", "train.txt:5"),
        ("z", "train.txt:7"),
    ]
    assert sorted(_codes(issues)) == [
        ("blank-line", "train.txt:3"),
        ("columns", "train.txt:1"),
        ("columns", "train.txt:2"),
        ("columns", "train.txt:4"),
        ("encoding", "train.txt:6"),
        ("no-final-newline", "train.txt:7"),
    ]


@pytest.mark.parametrize(
    ("codec", "text", "guess"),
    [
        ("gbk", "皖A12345 你好世界", "GBK"),
        ("utf-16", "grüße", "UTF-16"),
        ("utf-16-le", "plain words", "UTF-16"),
        ("utf-16-be", "plain words", "UTF-16"),
        ("latin-1", "café déjà vu à Genève", "Latin-1"),
    ],
)
def test_other_encodings_are_recognised_and_still_read(tmp_path: Path, codec: str, text: str, guess: str) -> None:
    (tmp_path / "label.txt").write_bytes(f"a.png\tplain\nb.png\t{text}\n".encode(codec))
    dataset = read_dataset(tmp_path)
    (issue,) = dataset.issues
    assert (issue.severity, issue.code) == ("error", "encoding")
    assert guess in issue.message
    assert issue.where == ("label.txt:1" if guess == "UTF-16" else "label.txt:2")
    assert [s.text for s in dataset.train] == ["plain", text]


def test_missing_things_are_errors_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder") as info:
        read_dataset(tmp_path / "nowhere")
    assert info.value.hint
    with pytest.raises(DataError, match="no label file"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_list(tmp_path / "x.txt", tmp_path)
    (tmp_path / "train.txt").write_text("a.png\tx\n")
    dataset = read_dataset(tmp_path)
    assert _codes(dataset.issues) == [("list-missing", "val.txt")]
    (tmp_path / "train.txt").unlink()
    (tmp_path / "data.mdb").write_bytes(b"")
    with pytest.raises(DataError, match="LMDB") as info:
        read_dataset(tmp_path)
    assert "--convert-to" in (info.value.hint or "")


def test_one_list_can_be_named(line_folder: Path) -> None:
    dataset = read_dataset(line_folder / "val.txt")
    assert (dataset.layout, len(dataset.train), dataset.root) == ("list", 4, line_folder)
    assert dataset.train[0].source == "val.txt:1"


def test_pairs_with_and_without_parts(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.bin.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.gt.txt").write_text("one")
    (tmp_path / "b.gt.txt").write_text("two\n")
    (tmp_path / "c.gt.txt").write_text("")
    (tmp_path / "d.gt.txt").write_text("four\nfive\n")
    dataset = read_dataset(tmp_path)
    assert [(s.image.name, s.text, s.source) for s in dataset.train] == [
        ("a.png", "one", "a.gt.txt:1"),
        ("b.JPG", "two", "b.gt.txt:1"),
        ("c.bin.png", "", "c.gt.txt:1"),
    ]
    assert _codes(dataset.issues) == [("columns", "d.gt.txt")]
    for part in ("train", "test"):
        (tmp_path / "parts" / part).mkdir(parents=True)
        (tmp_path / "parts" / part / "x.gt.txt").write_text(part)
    dataset = read_dataset(tmp_path / "parts")
    assert [s.text for s in dataset.train] == ["train"]
    assert [(s.text, s.source) for s in dataset.val] == [("test", "test/x.gt.txt:1")]


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('id,File_Name,text\n1,a.png,"one, ""two"""\n2,b.png, x \n3,c.png\n')
    (tmp_path / "test.csv").write_text("filename;label\na.png;x,y\n")
    dataset = read_dataset(tmp_path)
    assert [(s.text, s.source) for s in dataset.train] == [('one, "two"', "train.csv:2"), (" x ", "train.csv:3")]
    assert [(s.text, s.source) for s in dataset.val] == [("x,y", "test.csv:2")]
    assert _codes(dataset.issues) == [("columns", "train.csv:4")]
    (tmp_path / "one.tsv").write_text('path\ttranscription\na.png\t"q" \n')
    assert [s.text for s in read_dataset(tmp_path / "one.tsv").train] == ['"q" ']
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column named file_name"):
        read_dataset(tmp_path / "bad.csv")


def test_a_quote_that_is_never_closed_is_a_finding(tmp_path: Path) -> None:
    rows = "".join(f"{i}.png,text {i}\n" for i in range(12_000))
    (tmp_path / "train.csv").write_text(f'file_name,text\na.png,one\nb.png,"two\n{rows}')
    dataset = read_dataset(tmp_path)
    assert [s.text for s in dataset.train] == ["one"]
    assert ("columns", "train.csv:3") in _codes(dataset.issues)


def test_jsonl(tmp_path: Path) -> None:
    for part, text in (("train", "é \t x"), ("validation", "v")):
        (tmp_path / part).mkdir()
        row = json.dumps({"file_name": "a.png", "text": text})
        (tmp_path / part / "metadata.jsonl").write_text(row + '\nnot json\n{"file_name": 3}\n')
    dataset = read_dataset(tmp_path)
    assert [(s.image, s.text) for s in dataset.train] == [(tmp_path / "train" / "a.png", "é \t x")]
    assert [s.source for s in dataset.val] == ["validation/metadata.jsonl:1"]
    assert _codes(dataset.issues)[:2] == [("columns", f"train/metadata.jsonl:{n}") for n in (2, 3)]


def test_jsonl_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "\\ud83d"}\n')
    dataset = read_dataset(tmp_path)
    assert (dataset.train, _codes(dataset.issues)) == ((), [("columns", "metadata.jsonl:1")])


def test_dict_problems_are_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_bytes(b"a\n\nb\na\nch\n")
    charset, issues = read_dict(tmp_path)
    assert charset is not None
    assert charset.characters == ("a", "b", "ch", " ")
    assert _codes(issues) == [
        ("dict-blank", "dict.txt:2"),
        ("dict-duplicate", "dict.txt:1, dict.txt:4"),
        ("dict-multi", "dict.txt:5"),
    ]
    (tmp_path / "dict.txt").write_bytes(b"")
    assert read_dict(tmp_path)[0] is None
    assert _codes(read_dict(tmp_path)[1]) == [("dict-empty", "dict.txt")]


def test_lines_end_with_lf_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("a\x0bb\x85c\u2028d\r\re\n\nf".encode())
    assert list(read_text(path, "x.txt").lines()) == [(1, "a\x0bb\x85c\u2028d\r\re"), (2, ""), (3, "f")]


@pytest.mark.shared
def test_real_sets_read_without_issues(shared_data: Path) -> None:
    folders = sorted(path for path in shared_data.iterdir() if path.is_dir())
    assert len(folders) >= 15
    for folder in folders:
        dataset = read_dataset(folder)
        assert dataset.samples
        # One set is for measuring only: it has no training lines.
        assert {issue.code for issue in dataset.issues} <= ({"list-missing"} if folder.name == "print_multi" else set())
