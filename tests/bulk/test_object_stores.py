"""Jobs that read from an object store and write to one, with worker processes and a model."""

from __future__ import annotations

import io
import tarfile
from functools import partial
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.bulk import Deadly, Echo, make_job, write_manifest

from ocrx.bulk.local import run_locally
from ocrx.bulk.parts import PartSums, Summary
from ocrx.bulk.rows import Reading, result_values
from ocrx.bulk.schedule import Schedule, Task
from ocrx.bulk.work import Setup, carry_out
from ocrx.config import config_from_options
from ocrx.errors import DataError
from ocrx.modes.bulk import BulkOptions, BulkReport, run, status


def go(model: Path, options: BulkOptions) -> BulkReport:
    return run(config_from_options({"Predict.model_dir": str(model)}), options, lambda *_: None, lambda _: None)


def test_a_job_on_s3_gives_what_it_gives_on_a_disk(s3: str, images: Path, model_folder: Path, tmp_path: Path) -> None:
    names = [path.relative_to(images).as_posix() for path in sorted(images.rglob("*.*"))] + ["missing.png"]
    pq.write_table(pa.table({"path": names, "page": range(len(names))}), images / "lines.parquet")
    fsspec.filesystem("s3").put(f"{images}/", "results/input/", recursive=True)

    local = BulkOptions(str(images / "lines.parquet"), str(tmp_path / "out"), workers=1, shard_size=4)
    remote = BulkOptions(f"{s3}/input/lines.parquet", f"{s3}/output", workers=2, shard_size=4)
    expected, found = go(model_folder, local), go(model_folder, remote)
    assert found.total is not None
    assert expected.total is not None
    assert (found.total.rows, found.total.errors) == (len(names), 1)
    assert found.total == expected.total
    assert go(model_folder, remote).read == 0
    assert status(f"{s3}/output", lambda *_: None).complete

    with fsspec.open(f"{s3}/output/part-00000.parquet") as file:
        assert pq.read_table(file).column("page").to_pylist() == [0, 1, 2, 3]


def test_folders_lists_and_tar_shards_on_s3(s3: str, tmp_path: Path) -> None:
    system = fsspec.filesystem("s3")
    for name in ("b.png", "a/y.png", "a/.hidden.png", "notes.txt"):
        system.pipe_file(f"results/scans/{name}", b"x")
    system.pipe_file("results/list.txt", b"scans/b.png\nscans/a/y.png\n")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("k.png")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    system.pipe_file("results/shards/0.tar", archive.getvalue())

    def images(given: str, output: str) -> list[object]:
        job = make_job(given, f"{s3}/{output}")
        return [row.image for row in job.manifest.read(0)]

    assert images(f"{s3}/scans", "1") == [f"{s3}/scans/a/y.png", f"{s3}/scans/b.png"]
    assert images(f"{s3}/scans/*.png", "2") == [f"{s3}/scans/b.png"]
    assert images(f"@{s3}/list.txt", "3") == [f"{s3}/scans/b.png", f"{s3}/scans/a/y.png"]
    assert images(f"{s3}/shards/*.tar", "4") == [b"x"]
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        images(f"{s3}/none.csv", "5")


def test_killed_workers_lose_nothing_on_s3(s3: str, tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 40)
    job = make_job(source, f"{s3}/job")
    notes = tmp_path / "notes"
    notes.mkdir()
    reader = partial(Deadly, once=frozenset({"lines/3.png", "lines/27.png"}), notes=notes)
    sums = PartSums()
    run_locally(Setup(job, reader), Schedule(range(4), job.manifest.size), sums.add, 2)
    alone = make_job(source, tmp_path / "alone")
    expected = sum((carry_out(Setup(alone, Echo), Echo(), Task(shard)) for shard in range(4)), Summary())
    assert job.finish(job.own_shards(), sums) == expected


def test_two_writers_of_one_shard_agree_and_a_retry_loses_nothing(s3: str, tmp_path: Path) -> None:
    job = make_job(write_manifest(tmp_path / "lines.csv", 10), f"{s3}/job")
    failing = Echo(frozenset({"lines/3.png"}))
    first = carry_out(Setup(job, Echo), failing, Task(0))
    rows = job.parts.readings(0)
    assert rows is not None
    others = [result_values(row, Reading("other")) for row in job.manifest.read(0)]
    assert job.parts.commit(0, others) == first  # of two writers the second takes what the first has written

    whole = carry_out(Setup(job, Echo, retry=True), Echo(), Task(0))
    assert whole.errors == 0
    assert not job.parts.amend(0, rows[0], others)  # who has seen the old part is refused
    assert job.parts.verify(0, 10) == whole
