from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.augment import Augmentation
from ocrx.data.loading.loader import Lines, LineSource, LoaderOptions
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.text.charset import Charset
from ocrx.training.augmentation_preview import write_augmentation_preview


def source(folder: Path, strength: float, order: str = "L") -> LineSource:
    samples = read_dataset(folder).train
    charset = Charset.from_texts(sample.text for sample in samples).characters
    spec = ModelSpec("lcnetv4", {}, charset, ImageSpec(order=order), FrameSpec(((3, 2, 1), (3, 2, 1))))
    return LineSource(
        Lines(samples, spec),
        LoaderOptions(
            batch_size=4, max_pixels=10**6, seed=3, augmentation=Augmentation(strength), workers=0, concat=0.5
        ),
    )


def cells(path: Path, lines: LineSource) -> list[np.ndarray]:
    """The six pictures of the first line, each cut to the line's own width."""
    sheet = np.asarray(Image.open(path))
    width = lines.lines.widths[0]
    step = (sheet.shape[1] - 8) // 6
    return [sheet[28:60, 8 + column * step : 8 + column * step + width] for column in range(6)]


def test_the_sheet_shows_the_lines_as_training_sees_them(line_folder: Path, tmp_path: Path) -> None:
    lines = source(line_folder, 1.0, "BGR")
    write_augmentation_preview(lines, tmp_path / "a.png")
    write_augmentation_preview(source(line_folder, 1.0, "BGR"), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    stored, first, *rest = cells(tmp_path / "a.png", lines)
    assert np.array_equal(stored, lines.lines.pixels(0)[:, :, ::-1])
    seen = lines.varied(0, 0, -1, lines.lines.buckets[0])[:, :, ::-1]
    shared = min(seen.shape[1], first.shape[1])
    assert np.array_equal(first[:, :shared], seen[:, :shared])
    assert any(not np.array_equal(first, other) for other in rest)


def test_strength_zero_shows_the_line_six_times(line_folder: Path, tmp_path: Path) -> None:
    lines = source(line_folder, 0.0)
    write_augmentation_preview(lines, tmp_path / "a.png")
    stored, *rest = cells(tmp_path / "a.png", lines)
    assert all(np.array_equal(stored, other) for other in rest)


def test_labels_of_any_script_and_few_lines_are_drawn(tmp_path: Path) -> None:
    Image.new("RGB", (900, 40), "red").save(tmp_path / "a.png")
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).write_text("a.png\tČeština ſ 京\n", encoding="utf-8")
    lines = source(tmp_path, 0.5)
    write_augmentation_preview(lines, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width < 2600, "a wide line is cut"
