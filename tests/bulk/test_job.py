"""A job and its place: begun once, continued by the same command, never mixed with another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bulk import Echo, make_job, write_manifest

from ocrx.bulk.job import Job
from ocrx.bulk.parts import PartSums, Summary
from ocrx.bulk.schedule import Task
from ocrx.bulk.work import Setup, carry_out
from ocrx.errors import ConfigError, DataError


def read(job: Job, shards: range | list[int], reader: Echo | None = None) -> PartSums:
    sums = PartSums()
    for shard in shards:
        sums.add(shard, carry_out(Setup(job, Echo), reader or Echo(), Task(shard)))
    return sums


def ignore(done: int, total: int) -> None:
    """Progress that nobody sees."""


def test_a_job_is_continued_without_another_run_through_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_manifest(tmp_path / "lines.csv", 35)
    first = make_job(source, tmp_path / "out")
    monkeypatch.setattr("ocrx.bulk.job.index_source", lambda *_: pytest.fail("run through again"))
    again = make_job(source, tmp_path / "out")
    assert again.fingerprint == first.fingerprint
    assert [list(again.manifest.read(shard)) for shard in range(4)] == [list(first.manifest.read(s)) for s in range(4)]
    assert again.manifest.columns == first.manifest.columns


def test_a_folder_is_continued_with_the_list_in_the_place_of_the_job(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(b"x")
    job = make_job(folder, tmp_path / "out")
    assert make_job(folder, tmp_path / "out").fingerprint == job.fingerprint
    assert [Path(str(row.image)) for row in job.manifest.read(0)] == sorted(folder.iterdir())
    (folder / "new.png").write_bytes(b"x")
    with pytest.raises(DataError, match="holds another job; different: manifest"):
        make_job(folder, tmp_path / "out")


def test_another_job_is_refused_with_what_differs(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 35)
    make_job(source, tmp_path / "out", reading={"model": "a", "decode": {}})
    with pytest.raises(DataError) as caught:
        make_job(source, tmp_path / "out", reading={"model": "b", "decode": {"pattern": "x"}}, shard_size=5)
    message = caught.value.message
    assert "shard_size (10 there, 5 here)" in message
    assert 'model ("a" there, "b" here)' in message
    assert 'decode ({} there, {"pattern": "x"} here)' in message
    assert "manifest (" not in message
    with pytest.raises(DataError, match="format"):
        make_job(source, tmp_path / "out", reading={"model": "a", "decode": {}}, form="csv")


def test_parts_without_a_job_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.parquet").write_bytes(b"of something else")
    with pytest.raises(DataError, match=r"holds part-00000.parquet but no _job.json"):
        make_job(write_manifest(tmp_path / "lines.csv", 3), tmp_path / "out")
    with pytest.raises(ConfigError, match="format: 'xml'"):
        make_job(tmp_path / "lines.csv", tmp_path / "out", form="xml")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file"):
        make_job(tmp_path / "lines.csv", tmp_path / "file")


def test_partial_files_are_removed_at_the_next_start(tmp_path: Path) -> None:
    import os

    source = write_manifest(tmp_path / "lines.csv", 3)
    make_job(source, tmp_path / "out")
    old, other = tmp_path / "out" / ".partial-00000000-1-a", tmp_path / "out" / ".partial-00000000-1-b"
    for path in (old, other):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    make_job(source, tmp_path / "out")
    assert not old.exists()
    assert other.exists()  # another machine may be writing it


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_shards_of_all_processes_are_all_shards(count: int, tmp_path: Path) -> None:
    job = make_job(write_manifest(tmp_path / "lines.csv", 35), tmp_path / "out")
    shards = [shard for index in range(count) for shard in job.own_shards(index, count)]
    assert shards == list(range(4))


def test_success_is_written_by_whoever_finds_all_parts(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 35)
    job = make_job(source, tmp_path / "out")
    first, second = job.own_shards(0, 2), job.own_shards(1, 2)
    one = read(job, first)
    assert job.finish(first, one) is None
    two = read(job, second)
    total = job.finish(second, two)
    assert total == one.total + two.total
    found = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    assert found == {"rows": 35, "errors": 0, "digest": f"{total.digest:032x}", "job": job.fingerprint}

    alone = make_job(source, tmp_path / "alone", shard_size=7, form="jsonl")
    assert read(alone, range(5)).total == total


def test_a_survey_finds_missing_damaged_and_failed_parts(tmp_path: Path) -> None:
    job = make_job(write_manifest(tmp_path / "lines.csv", 50), tmp_path / "out")
    failing = Echo(frozenset({"lines/11.png"}))
    summaries = [carry_out(Setup(job, Echo), failing, Task(shard)) for shard in range(4)]
    damaged = tmp_path / "out" / job.parts.name(2)
    damaged.write_bytes(damaged.read_bytes()[:-3])
    seen: list[tuple[int, int]] = []
    survey = job.survey(range(5), lambda done, total: seen.append((done, total)))
    assert survey.missing == [2, 4]
    assert survey.sums.failed == {1: summaries[1]}
    assert survey.sums.clean == summaries[0] + summaries[3]
    assert survey.sums.total == summaries[0] + summaries[1] + summaries[3]
    assert seen[-1] == (30, 50)
    assert not damaged.exists()


def test_a_job_with_a_missing_part_does_not_claim_to_be_complete(tmp_path: Path) -> None:
    job = make_job(write_manifest(tmp_path / "lines.csv", 35), tmp_path / "out")
    shards = job.own_shards()
    job.finish(shards, read(job, shards))
    success = tmp_path / "out" / "_SUCCESS"
    assert job.survey(shards, ignore).missing == []
    assert success.exists()
    (tmp_path / "out" / job.parts.name(1)).write_bytes(b"damaged")
    assert job.survey(shards, ignore).missing == [1]
    assert not success.exists()


@pytest.fixture
def retried(tmp_path: Path) -> tuple[Job, PartSums, Callable[[], None]]:
    """A job that was read with two errors, its sums, and what another process does: it reads one of the lines again."""
    job = make_job(write_manifest(tmp_path / "lines.csv", 35), tmp_path / "out")
    sums = read(job, job.own_shards(), Echo(frozenset({"lines/3.png", "lines/17.png"})))

    def read_again() -> None:
        again = PartSums(sums.clean, dict(sums.failed))
        again.add(1, carry_out(Setup(job, Echo, retry=True), Echo(), Task(1)))
        total = job.finish(job.own_shards(), again)
        assert total is not None
        assert total.errors == 1

    return job, sums, read_again


def success(job: Job) -> Summary:
    return Summary.from_dict(json.loads(job.storage.read("_SUCCESS") or b""))


def test_sums_are_those_of_the_parts_that_another_process_has_replaced(
    retried: tuple[Job, PartSums, Callable[[], None]],
) -> None:
    job, sums, read_again = retried
    read_again()
    total = job.finish(job.own_shards(), sums)
    assert total == success(job) == job.survey(job.own_shards(), ignore).sums.total
    assert total.errors == 1
    assert sums.total.errors == 2


def test_a_part_that_is_replaced_while_the_sums_are_written_counts(
    retried: tuple[Job, PartSums, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, sums, read_again = retried
    overwrite = job.storage.overwrite

    def late(name: str, content: bytes) -> None:
        """Writes once the other process has read its line again and has written its sums."""
        monkeypatch.setattr(job.storage, "overwrite", overwrite)
        read_again()
        overwrite(name, content)

    monkeypatch.setattr(job.storage, "overwrite", late)
    total = job.finish(job.own_shards(), sums)
    assert total == success(job)
    assert total.errors == 1


def test_a_retry_that_dies_leaves_no_sums_of_the_part_before(retried: tuple[Job, PartSums, Callable[[], None]]) -> None:
    job, sums, _ = retried
    job.finish(job.own_shards(), sums)
    assert carry_out(Setup(job, Echo, retry=True), Echo(), Task(1)).errors == 0
    assert job.storage.read("_SUCCESS") is None


def test_a_part_that_disappears_leaves_no_sums(
    retried: tuple[Job, PartSums, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, sums, _ = retried
    overwrite = job.storage.overwrite

    def loses(name: str, content: bytes) -> None:
        job.storage.remove(job.parts.name(1))
        overwrite(name, content)

    monkeypatch.setattr(job.storage, "overwrite", loses)
    assert job.finish(job.own_shards(), sums) is None
    assert job.storage.read("_SUCCESS") is None
