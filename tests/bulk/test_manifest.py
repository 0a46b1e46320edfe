"""What an input means, and its rows in shards."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.bulk import write_manifest

from ocrx.bulk.manifest import Manifest, find_source, index_source
from ocrx.bulk.rows import Row
from ocrx.errors import ConfigError, DataError


def manifest(
    given: Path | str, tmp_path: Path, size: int = 3, image: str | None = None, ids: str | None = None
) -> Manifest:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return index_source(find_source(str(given), image, ids, scratch), size)


def rows(found: Manifest) -> list[Row]:
    return [row for shard in range(found.shards) for row in found.read(shard)]


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def write_csv(folder: Path) -> Path:
    text = 'image,id,note\na.png,x,"two\nlines"\n"b, c.png",y,ä\n\n/abs/d.png,z,\n' + "e.png,w,\n"
    path = folder / "lines.csv"
    path.write_text("\ufeff" + text, encoding="utf-8")
    return path


def write_jsonl(folder: Path) -> Path:
    records = [
        {"image": "a.png", "id": "x", "note": "two\nlines"},
        {"image": "b, c.png", "id": "y", "note": "ä"},
        {"image": "/abs/d.png", "id": "z", "note": ""},
        {"image": "e.png", "id": "w", "note": ""},
    ]
    path = folder / "lines.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records[:2]) + "\n\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records[2:])
    return path


def write_parquet(folder: Path) -> Path:
    path = folder / "lines.parquet"
    table = pa.table(
        {
            "image": ["a.png", "b, c.png", "/abs/d.png", "e.png"],
            "id": ["x", "y", "z", "w"],
            "note": ["two\nlines", "ä", "", ""],
        }
    )
    pq.write_table(table, path, row_group_size=3)
    return path


@pytest.mark.parametrize("write", [write_csv, write_jsonl, write_parquet])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_the_rows_of_a_manifest_are_those_of_its_shards(
    write: Callable[[Path], Path], size: int, tmp_path: Path
) -> None:
    found = manifest(write(tmp_path), tmp_path, size)
    expected = [
        Row("x", "a.png", f"{tmp_path}/a.png", ("two\nlines",)),
        Row("y", "b, c.png", f"{tmp_path}/b, c.png", ("ä",)),
        Row("z", "/abs/d.png", "/abs/d.png", ("",)),
        Row("w", "e.png", f"{tmp_path}/e.png", ("",)),
    ]
    assert rows(found) == expected
    assert found.columns.names == ("note",)
    assert [found.size(shard) for shard in range(found.shards)] == [
        len(list(found.read(s))) for s in range(found.shards)
    ]
    assert list(found.read(0, 0, 1)) == expected[:1]


def test_without_an_id_column_a_row_has_its_number_and_a_path_may_repeat(tmp_path: Path) -> None:
    path = tmp_path / "names.list"
    path.write_text("a.png\tlabel\nb.png\r\n\na.png\n")
    found = manifest(f"@{path}", tmp_path, 2)
    assert [(row.id, row.name) for row in rows(found)] == [("0", "a.png"), ("1", "b.png"), ("2", "a.png")]


def test_several_files_are_one_manifest(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text("path\n" + "".join(f"{number}-{row}.png\n" for row in range(4)))
    found = manifest(tmp_path / "*.csv", tmp_path, 5)
    assert [row.name for row in rows(found)] == [f"{number}-{row}.png" for number in range(3) for row in range(4)]
    assert [row.id for row in found.read(1, 2)] == ["7", "8", "9"]


def test_a_folder_gives_its_images_in_the_order_of_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "scans"
    touch(*(folder / name for name in ("b.png", "a/z.JPG", "a/y.png", ".hidden/x.png", ".x.png", "notes.txt")))
    monkeypatch.chdir(tmp_path)
    assert [(row.name, row.image) for row in rows(manifest("scans", tmp_path))] == [
        ("scans/a/y.png", str(folder / "a/y.png")),
        ("scans/a/z.JPG", str(folder / "a/z.JPG")),
        ("scans/b.png", str(folder / "b.png")),
    ]
    assert [row.name for row in rows(manifest("scans/**/*.png", tmp_path))] == ["scans/a/y.png", "scans/b.png"]


def test_names_in_another_encoding_are_read_and_shown_with_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    touch(folder / os.fsdecode(b"\xe4.png"))
    row = rows(manifest(folder, tmp_path))[0]
    assert row.name is not None
    assert row.name.endswith("\\udce4.png")
    assert Path(str(row.image)).exists()


def write_tar(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_tar_shards_hold_samples_of_an_image_and_texts(size: int, form: int, tmp_path: Path) -> None:
    long = "d/" + "x" * 150
    write_tar(tmp_path / "0.tar", {"a.png": b"A", "a.txt": b"one", "b.seg.npy": b"?", "b.JPG": b"B"}, form)
    write_tar(tmp_path / "1.tar", {f"{long}.png": b"L", f"{long}.json": "ä".encode(), "n.txt": b"none"}, form)
    found = manifest(tmp_path / "*.tar", tmp_path, size)
    assert found.columns.names == ("__key__", "txt", "json")
    assert rows(found) == [
        Row("0", "a.png", b"A", ("a", "one", None)),
        Row("1", "b.JPG", b"B", ("b", None, None)),
        Row("2", f"{long}.png", b"L", (long, None, "ä")),
        Row("3", None, None, ("n", "none", None)),
    ]
    assert [row.id for row in rows(manifest(tmp_path / "*.tar", tmp_path, size, ids="__key__"))] == [
        "a",
        "b",
        long,
        "n",
    ]


def test_parquet_images_may_be_bytes_and_columns_keep_their_types(tmp_path: Path) -> None:
    image = [{"bytes": b"A", "path": "a.png"}, {"bytes": None, "path": "b.png"}, None]
    table = pa.table({"image": image, "size": pa.array([1, 2, None], pa.int16()), "score": [0.5, 1.0, 2.0]})
    pq.write_table(table, tmp_path / "lines.parquet")
    found = manifest(tmp_path / "lines.parquet", tmp_path)
    assert rows(found) == [
        Row("0", "a.png", b"A", (1, 0.5)),
        Row("1", "b.png", f"{tmp_path}/b.png", (2, 1.0)),
        Row("2", None, None, (None, 2.0)),
    ]
    assert found.columns.names == ("size", "score")


def test_json_columns_are_found_in_all_lines_with_the_kind_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    records = [
        {"path": "a", "n": 1, "x": 1},
        {"path": "b", "n": 2.5, "x": [1]},
        {"path": "c", "late": True, "big": 2**70},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    columns = manifest(path, tmp_path).columns
    assert dict(zip(columns.names, columns.kinds, strict=True)) == {
        "n": "float",
        "x": "json",
        "late": "bool",
        "big": "json",
    }


def test_a_column_with_the_name_of_a_result_is_carried_under_another(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text("path,rec_text,id\na.png,old,7\n")
    found = manifest(path, tmp_path, ids="")
    assert found.columns.names == ("manifest_rec_text", "manifest_id")
    assert rows(found) == [Row("0", "a.png", f"{tmp_path}/a.png", ("old", "7"))]


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    def digest(given: Path) -> str:
        return find_source(str(given), None, None, tmp_path).digest()

    first = write_manifest(tmp_path / "a.csv", 10)
    assert (
        digest(first)
        == digest(write_manifest(tmp_path / "b.csv", 10))
        != digest(write_manifest(tmp_path / "c.csv", 11))
    )
    one, two = ({"a.png": b"A"}, {"a.png": b"AB"})
    assert digest(write_tar(tmp_path / "a.tar", one)) != digest(write_tar(tmp_path / "b.tar", two))


def test_repeated_ids_are_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text("path,id\n" + "".join(f"{n}.png,{n % 7 if n < 9 else n}\n" for n in range(20)))
    with pytest.raises(DataError, match=r"column 'id' repeats 2 ids: '0' in rows 0, 7; '1' in rows 1, 8") as caught:
        manifest(path, tmp_path)
    assert "--id-column" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "no such file"),
        ("empty.csv", "", "empty; expected a header"),
        ("header.csv", "path,id\n", "no rows"),
        ("twice.csv", "path,path\na,b\n", "a different name each"),
        ("short.csv", "path,x\na\n", r"short.csv:2: 1 fields; expected 2"),
        ("quote.csv", 'path\n"a\n', "not valid CSV"),
        ("noid.csv", "path,id\na,1\nb,\n", "row 1 has no 'id'"),
        ("columns.csv", "x,y\n1,2\n", "no column image or img .* with the images; it has x, y"),
        ("bad.jsonl", '{"path": "a"}\n{"path"\n', "bad.jsonl:2: not valid JSON"),
        ("list.jsonl", '{"path": "a"}\n[]\n', "expected a JSON object"),
        ("bad.parquet", "PAR1 and no more", "damaged or truncated Parquet"),
        ("bad.tar", "x" * 2000, "damaged or truncated tar"),
        ("latin.csv", b"path\n\xe4.png\n", "not UTF-8"),
        ("folder", None, "no such folder"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(
    name: str, content: str | bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((DataError, ConfigError), match=message) as caught:
        manifest(path, tmp_path)
    assert name in str(caught.value)


def test_truncated_files_are_found(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged or truncated Parquet"):
        manifest(tmp_path / "cut.parquet", tmp_path)

    whole = write_tar(tmp_path / "whole.tar", {"a.png": b"A" * 600, "b.png": b"B" * 600}).read_bytes()
    for length in (700, 1600, 2 * 1536):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        with pytest.raises(DataError, match="truncated tar"):
            manifest(tmp_path / "cut.tar", tmp_path)


def test_files_of_one_manifest_have_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "0.csv").write_text("path,x\na,1\n")
    (tmp_path / "1.csv").write_text("path,y\na,1\n")
    with pytest.raises(ConfigError, match=r"columns path, y; expected those of .*0\.csv: path, x"):
        manifest(tmp_path / "*.csv", tmp_path)
    (tmp_path / "2.jsonl").write_text('{"path": "a"}\n')
    with pytest.raises(DataError, match="one kind"):
        manifest(tmp_path / "*[0-9].*", tmp_path)
    with pytest.raises(ConfigError, match="no column 'z' with the ids"):
        manifest(tmp_path / "0.csv", tmp_path, ids="z")


def test_a_manifest_that_shrank_is_noticed(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "lines.csv", 6)
    found = manifest(path, tmp_path)
    write_manifest(path, 4)
    with pytest.raises(DataError, match="ends before row 4; it was changed"):
        list(found.read(1))


def test_a_tar_sample_with_two_files_of_one_name_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "lines.tar", "w") as archive:
        for content in (b"A", b"B"):
            member = tarfile.TarInfo("d/a.png")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match=r"lines.tar: d/a.png is there twice"):
        manifest(tmp_path / "lines.tar", tmp_path)


def test_a_tar_sample_with_two_images_is_named(tmp_path: Path) -> None:
    write_tar(tmp_path / "lines.tar", {"d/a.png": b"A", "d/a.txt": b"t", "d/a.seg.png": b"?", "d/a.jpg": b"B"})
    with pytest.raises(DataError, match=r"lines.tar: d/a.png and d/a.jpg are images of one sample") as caught:
        manifest(tmp_path / "lines.tar", tmp_path)
    assert "up to the first dot" in str(caught.value.hint)


def test_images_of_unexpected_types_are_rows_too(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    images = [{"path": 5}, {"path": "a.png", "bytes": "text"}, {"bytes": 7}, {}]
    path.write_text("".join(json.dumps({"image": image}) + "\n" for image in images))
    assert [(row.name, row.image) for row in rows(manifest(path, tmp_path))] == [
        ("5", f"{tmp_path}/5"),
        ("a.png", f"{tmp_path}/a.png"),
        (None, None),
        (None, None),
    ]
