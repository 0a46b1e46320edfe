"""``ocrx bulk`` with a model: the same texts as ``predict``, and nothing lost on the way."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.bulk import result_rows
from support.lines import draw_line

from ocrx import create_model
from ocrx.bulk.cluster import Placement
from ocrx.bulk.schedule import Schedule
from ocrx.bulk.work import Setup
from ocrx.config import Config, config_from_options
from ocrx.errors import ConfigError, DataError, ModelError
from ocrx.modes.bulk import BulkOptions, BulkReport, run, status


def go(config: Config, options: BulkOptions) -> BulkReport:
    return run(config, options, lambda done, total: None, lambda line: None)


@pytest.fixture
def config(model_folder: Path) -> Config:
    return config_from_options({"Predict.model_dir": str(model_folder)})


@pytest.fixture
def options(images: Path, tmp_path: Path) -> BulkOptions:
    return BulkOptions(str(images), str(tmp_path / "out"), workers=2, shard_size=4)


def test_texts_are_those_of_predict(
    config: Config, options: BulkOptions, images: Path, model_folder: Path, tmp_path: Path
) -> None:
    (images / "damaged.png").write_bytes(b"\x89PNG")
    report = go(config, options)
    rows = {row["input_path"]: row for row in result_rows(tmp_path / "out")}
    expected = list(create_model(model_dir=model_folder).predict(str(images)))
    assert len(rows) == len(expected) == report.own.rows == report.read
    for prediction in expected:
        row = rows[prediction.input_path]
        assert row["rec_text"] == prediction.text
        assert row["rec_score"] == round(prediction.score, 4)
        assert row["warning"] == prediction.warning
        assert row["error"] == prediction.error
    assert report.own.errors == 1
    assert report.total == report.own


def test_a_finished_job_reads_nothing_again(config: Config, options: BulkOptions) -> None:
    first = go(config, options)
    again = go(config, options)
    assert (again.read, again.total) == (0, first.total)


def test_processes_of_an_array_give_the_result_of_one(config: Config, options: BulkOptions, tmp_path: Path) -> None:
    alone = go(config, options)
    output = str(tmp_path / "array")
    half = go(config, replace(options, output=output, shard=(0, 2), form="jsonl", shard_size=3))
    assert half.total is None
    rest = go(config, replace(options, output=output, shard=(1, 2), form="jsonl", shard_size=3))
    assert rest.total == alone.total == half.own + rest.own


def test_failed_lines_are_read_again(config: Config, options: BulkOptions, images: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{path.relative_to(tmp_path)}\n" for path in images.rglob("*.*")) + "images/late.png\n")
    options = replace(options, source=f"@{names}")
    assert go(config, options).own.errors == 1
    draw_line("late").save(images / "late.png")
    assert (go(config, options).own.errors, go(config, options).read) == (1, 0)
    report = go(config, replace(options, retry_errors=True))
    assert report.own.errors == 0
    fresh = go(config, replace(options, output=str(tmp_path / "fresh")))
    assert report.total == fresh.total


def test_other_weights_and_other_decoding_are_another_job(
    config: Config, options: BulkOptions, model_folder: Path, tmp_path: Path
) -> None:
    go(config, options)
    with pytest.raises(DataError, match="holds another job; different: decode"):
        go(replace(config, Decode=replace(config.Decode, allow="abc")), options)
    other = tmp_path / "other"
    shutil.copytree(model_folder, other)
    assert go(replace(config, Predict=replace(config.Predict, model_dir=str(other))), options).read == 0
    (other / "model.json").write_text((other / "model.json").read_text() + " ")
    with pytest.raises(DataError, match="different: model"):
        go(replace(config, Predict=replace(config.Predict, model_dir=str(other))), options)

    lexicon = tmp_path / "words.txt"
    for words in ("a\n", "b\n"):
        lexicon.write_text(words)
        decode = replace(config.Decode, lexicon=str(lexicon))
        with pytest.raises(DataError, match="different: decode"):
            go(replace(config, Decode=decode), options)


def test_bytes_and_several_pages(config: Config, options: BulkOptions, images: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(images.rglob("*.*"))[:3]
    draw_line("p1").save(tmp_path / "pages.tif", save_all=True, append_images=[draw_line("p2")])
    contents = [*(path.read_bytes() for path in files), (tmp_path / "pages.tif").read_bytes(), b"", None]
    pq.write_table(pa.table({"image": contents}), tmp_path / "lines.parquet")
    go(config, replace(options, source=str(tmp_path / "lines.parquet")))
    rows = result_rows(tmp_path / "out")
    expected = [p.text for p in create_model(model_dir=config.Predict.model_dir).predict(files)]
    assert [row["rec_text"] for row in rows[:3]] == expected
    assert [row["error"] for row in rows[3:]] == [
        "row 3: several pages; expected one line image",
        "row 4: empty file (0 bytes)",
        "row 5: no image",
    ]


def test_what_has_no_meaning_is_refused_before_anything_is_written(
    config: Config, options: BulkOptions, tmp_path: Path
) -> None:
    for changes, message in (
        ({"shard": (2, 2)}, "shard: 2/2"),
        ({"workers": 0}, "workers: 0"),
        ({"shard_size": 0}, "shard_size: 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            go(config, replace(options, **changes))  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        go(config_from_options({"Predict.model_dir": str(tmp_path / "none")}), options)
    assert not (tmp_path / "out").exists()


def test_ray_gets_actors_of_the_right_size(
    config: Config, options: BulkOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placements: list[Placement] = []

    def note(setup: Setup, schedule: Schedule, done: object, placement: Placement) -> None:
        placements.append(placement)

    monkeypatch.setattr("ocrx.modes.bulk.run_on_ray", note)
    monkeypatch.setattr("ocrx.modes.bulk.check_cluster", lambda address: None)
    assert go(config, replace(options, ray="auto", workers=None)).total is None
    on_gpu = replace(config, Global=replace(config.Global, device="gpu", threads=3))
    go(on_gpu, replace(options, ray="head:1", output=str(tmp_path / "gpu")))
    assert placements == [Placement("auto"), Placement("head:1", 2, 3, 1)]


def test_status_counts_what_is_there(config: Config, options: BulkOptions, images: Path, tmp_path: Path) -> None:
    (images / "damaged.png").write_bytes(b"\x89PNG")
    output = str(tmp_path / "out")
    with pytest.raises(DataError, match="no bulk job"):
        status(output, lambda done, total: None)
    half = go(config, replace(options, shard=(0, 2)))
    found = status(output, lambda done, total: None)
    assert (found.done_rows, found.complete) == (half.own.rows, False)
    go(config, options)
    found = status(output, lambda done, total: None)
    assert (found.done_rows, found.done_shards, found.errors) == (found.rows, found.shards, 1)
    assert found.complete
    assert found.idle_s is not None
    assert found.to_dict()["remaining_s"] in (0.0, None)


def test_sums_do_not_outlast_their_parts(
    config: Config, options: BulkOptions, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (images / "damaged.png").write_bytes(b"\x89PNG")
    go(config, options)
    assert (tmp_path / "out" / "_SUCCESS").exists()

    def killed(setup: Setup, *_: object, **__: object) -> None:
        if setup.retry:
            raise KeyboardInterrupt

    monkeypatch.setattr("ocrx.modes.bulk.run_locally", killed)
    with pytest.raises(KeyboardInterrupt):
        go(config, replace(options, retry_errors=True))
    assert not (tmp_path / "out" / "_SUCCESS").exists()
