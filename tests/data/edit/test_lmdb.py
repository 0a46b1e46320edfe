from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from ocrx.data.edit.lmdb import read_lmdb, write_lmdb
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError

pytest.importorskip("lmdb")


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Forty lines, images in three formats."""
    made = []
    for i in range(40):
        path = tmp_path / f"{i}.{('png', 'jpg', 'bmp')[i % 3]}"
        Image.effect_noise((200, 32), 60).save(path)
        made.append(Sample(path, f"text é {i}", f"train.txt:{i + 1}"))
    return made


def test_images_and_texts_come_back(samples: list[Sample], tmp_path: Path) -> None:
    write_lmdb(tmp_path / "db" / "train", samples[:30])
    write_lmdb(tmp_path / "db" / "test", samples[30:])
    assert read_lmdb(tmp_path / "db", tmp_path / "out") == (30, 10)
    dataset = read_dataset(tmp_path / "out")
    assert [sample.text for sample in dataset.samples] == [sample.text for sample in samples]
    for found, original in zip(dataset.samples, samples, strict=True):
        assert found.image.read_bytes() == original.image.read_bytes()
        assert found.image.suffix == original.image.suffix


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95])
def test_a_truncated_database_is_an_error_and_not_the_end_of_the_process(
    samples: list[Sample], tmp_path: Path, share: float
) -> None:
    write_lmdb(tmp_path / "db", samples)
    file = tmp_path / "db" / "data.mdb"
    os.truncate(file, int(file.stat().st_size * share))
    with pytest.raises(DataError, match="db: damaged database"):
        read_lmdb(tmp_path / "db", tmp_path / "out")
    assert not (tmp_path / "out" / "train.txt").exists()


def test_other_databases_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no LMDB database"):
        read_lmdb(tmp_path, tmp_path / "out")
    (tmp_path / "data.mdb").write_bytes(b"something else" * 1000)
    with pytest.raises(DataError, match="damaged database"):
        read_lmdb(tmp_path, tmp_path / "out")


def test_an_image_that_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"train.txt:1: .*not a regular file"):
        write_lmdb(tmp_path / "db", [Sample(tmp_path / "a.png", "x", "train.txt:1")])
    with pytest.raises(DataError, match=r"train.txt:1: .*no such file"):
        write_lmdb(tmp_path / "db", [Sample(tmp_path / "b.png", "x", "train.txt:1")])
