"""Fixtures shared by all tests: drawn lines of text, and the real lines where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

# Tiny networks on several threads wait for each other more than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from PIL import Image, ImageDraw, ImageFont

# A busy machine is no failure.
hypothesis.settings.register_profile("ocrx", deadline=None)
hypothesis.settings.load_profile("ocrx")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason="the real labelled lines (../shared/data) are not here")
    for item in items:
        if "shared" in item.keywords and not SHARED_DATA.is_dir():
            item.add_marker(missing)


@pytest.fixture
def shared_data() -> Path:
    """Folder of the real labelled lines; tests that use it carry the marker ``shared``."""
    return SHARED_DATA


def draw_line(text: str, height: int = 32, margin: int = 4) -> Image.Image:
    """A clean black-on-white line with Pillow's built-in font."""
    font = ImageFont.load_default(size=height - 2 * margin)
    left, top, right, bottom = font.getbbox(text or " ")
    image = Image.new("L", (int(right - left) + 2 * margin, height), 255)
    ImageDraw.Draw(image).text((margin - left, (height - (bottom - top)) / 2 - top), text, fill=0, font=font)
    return image


def make_line_folder(root: Path) -> Path:
    """A small dataset in PaddleX's layout: 8 training lines, 4 validation lines, no dict.txt."""
    folder = root / "lines"
    (folder / "images").mkdir(parents=True)
    words = ["one", "two 22", "three", "four 4", "five", "six", "seven 7", "eight", "nine", "ten", "two", "one 1"]
    for i, word in enumerate(words):
        draw_line(word).save(folder / "images" / f"{i:02}.png")
    rows = [f"images/{i:02}.png\t{word}\n" for i, word in enumerate(words)]
    (folder / "train.txt").write_text("".join(rows[:8]), encoding="utf-8")
    (folder / "val.txt").write_text("".join(rows[8:]), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model folder with random weights, exported to ONNX; its texts depend on the image."""
    from random_net import random_model

    from ocrx.inference.export import export_model
    from ocrx.models.store import save_model

    folder = tmp_path_factory.mktemp("models") / "random"
    folder.mkdir()
    model, spec = random_model()
    save_model(model, spec, folder)
    export_model(model, spec, folder / "inference")
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of ten drawn lines of several widths, PNG and JPEG, one in a subfolder."""
    from random_net import WORDS

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
