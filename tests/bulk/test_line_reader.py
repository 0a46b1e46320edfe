"""The class for frameworks that map over batches."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrx import create_model
from ocrx.bulk import LineReader
from ocrx.config import DecodeOptions
from ocrx.errors import ConfigError


def column(values: list[Any]) -> npt.NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


@pytest.fixture
def files(images: Path) -> list[Path]:
    return sorted(images.rglob("*.*"))


def test_images_in_any_form_give_the_texts_of_predict(files: list[Path], model_folder: Path) -> None:
    expected = list(create_model(model_dir=model_folder).predict(files[:4]))
    forms = [
        str(files[0]),
        files[1].read_bytes(),
        {"bytes": files[2].read_bytes(), "path": None},
        np.asarray(Image.open(files[3])),
    ]
    reader = LineReader(model_folder)
    found = reader({"image": column([*forms, "missing.png", None]), "id": np.arange(6)})
    assert list(found["rec_text"][:4]) == [one.text for one in expected]
    assert np.allclose(found["rec_score"][:4], [one.score for one in expected], atol=1e-4)
    assert list(found["id"]) == list(range(6))
    assert list(found["error"][:4]) == [None] * 4
    assert "missing.png" in found["error"][4]
    assert found["error"][5] == "row 5: no image"
    assert np.isnan(found["confidence"]).all()


def test_batches_change_no_text(files: list[Path], model_folder: Path) -> None:
    reader = LineReader(model_folder, "path")
    paths = column([str(file) for file in files])
    whole = reader({"path": paths})["rec_text"]
    assert [reader({"path": paths[i : i + 1]})["rec_text"][0] for i in range(len(paths))] == list(whole)
    assert len(reader({"path": paths[:0]})["rec_text"]) == 0


def test_options_constrain_the_text(files: list[Path], model_folder: Path) -> None:
    reader = LineReader(model_folder, options=DecodeOptions(allow="ab"))
    texts = reader({"image": column([str(file) for file in files])})["rec_text"]
    assert set("".join(texts)) <= set("ab")


def test_a_missing_column_is_named(model_folder: Path) -> None:
    with pytest.raises(ConfigError, match="column: 'image'; expected one of path, id"):
        LineReader(model_folder)({"path": column([]), "id": column([])})


def test_the_class_can_be_pickled_and_unknown_names_are_errors() -> None:
    import ocrx.bulk

    assert pickle.loads(pickle.dumps(LineReader)) is LineReader
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ocrx.bulk.Nothing


@pytest.mark.slow
def test_ray_data_maps_it(files: list[Path], model_folder: Path) -> None:
    data = pytest.importorskip("ray.data")
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        rows = data.from_items([{"image": str(file)} for file in files])
        read = rows.map_batches(LineReader, fn_constructor_kwargs={"model": model_folder}, batch_size=4, concurrency=2)
        found = {row["image"]: row["rec_text"] for row in read.take_all()}
    finally:
        ray.shutdown()
    assert found == {one.input_path: one.text for one in create_model(model_dir=model_folder).predict(files)}
