"""Fixtures shared by all tests: drawn lines of text, and the real lines where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Tiny networks on several threads wait for each other more than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from support.lines import draw_line, make_line_folder
from support.planted import Planted, write_clean, write_planted

# A busy machine is no failure.
hypothesis.settings.register_profile("ocrx", deadline=None)
hypothesis.settings.load_profile("ocrx")

# No test reads the user's cache or the web; those of the downloads serve themselves.
os.environ["OCRX_OFFLINE"] = "1"

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason="the real labelled lines (../shared/data) are not here")
    for item in items:
        if "shared" in item.keywords and not SHARED_DATA.is_dir():
            item.add_marker(missing)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache of models, and one of facts about this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCRX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home_cache")))
        yield


@pytest.fixture
def shared_data() -> Path:
    """Folder of the real labelled lines; tests that use it carry the marker ``shared``."""
    return SHARED_DATA


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model folder with random weights, exported to ONNX; its texts depend on the image."""
    from support.random_net import random_model

    from ocrx.export.graph import export_model
    from ocrx.models.model_io import save_model

    folder = tmp_path_factory.mktemp("models") / "random"
    folder.mkdir()
    model, spec = random_model()
    save_model(model, spec, folder)
    export_model(model, spec, folder / "inference")
    return folder


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset without findings; tests that change it copy it first."""
    return write_clean(tmp_path_factory.mktemp("check") / "clean")


@pytest.fixture(scope="session")
def planted(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A dataset with every problem that the checks know."""
    return write_planted(clean, tmp_path_factory.mktemp("planted") / "bad")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of ten drawn lines of several widths, PNG and JPEG, one in a subfolder."""
    from support.random_net import WORDS

    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    for number, word in enumerate(WORDS):
        line = draw_line(word, height=24 + 4 * (number % 4))
        line.save(folder / f"{number:02}.{'jpg' if number % 3 == 1 else 'png'}")
    draw_line("last").save(folder / "deep" / "z.PNG")
    return folder


@pytest.fixture
def line_folder(tmp_path: Path) -> Path:
    """``make_line_folder`` in a folder of the test's own."""
    return make_line_folder(tmp_path)
