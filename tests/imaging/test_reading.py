from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ocrx.errors import DataError
from ocrx.imaging.cleanup import STEP_FUNCTIONS
from ocrx.imaging.reading import prepare, read_image, resize, to_plain, turned, upright
from ocrx.model_spec import STEPS, ImageSpec


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]  # Pillow's options vary by format
    return path


def gradient(mode: str = "L") -> Image.Image:
    values = np.linspace(0, 255, 60 * 20).reshape(20, 60).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_becomes_grey_or_colour(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.asarray(gradient()).astype(np.uint16) * 257) if mode == "I;16" else gradient(mode)
    path = save(tmp_path / "x.tif", image)
    read = read_image(path)
    assert read.mode in ("L", "RGB") and read.size == (60, 20)
    if mode not in ("1", "P"):
        difference = np.abs(np.asarray(read.convert("L"), dtype=int) - np.asarray(gradient(), dtype=int))
        assert difference.max() <= 6


@pytest.mark.parametrize("mode", ["La", "RGBa", "RGBX", "HSV", "I;16B"])
def test_modes_that_only_memory_holds_are_converted_too(mode: str) -> None:
    given = (
        gradient("LA" if mode == "La" else "RGBA").convert(mode) if mode.endswith("a") else Image.new(mode, (60, 20))
    )
    read = to_plain(given)
    assert read.mode in ("L", "RGB") and read.size == (60, 20)
    if mode.endswith("a"):
        difference = np.abs(np.asarray(read.convert("L"), dtype=int) - np.asarray(gradient(), dtype=int))
        assert difference.max() <= 1


def test_transparent_pixels_are_paper() -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert np.asarray(read_image(buffer.getvalue())).min() == 255


def test_exif_orientation_is_respected(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "x.jpg", gradient(), exif=exif)
    assert read_image(path).size == (20, 60)


def test_damaged_exif_entries_do_not_cost_the_turn(tmp_path: Path) -> None:
    """A width in letters: ImageOps.exif_transpose raises struct.error on it."""
    width = struct.pack(">HHI4s", 0x0100, 2, 4, b"abc\0")
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 2) + width + orientation + bytes(4)
    path = save(tmp_path / "x.jpg", gradient(), exif=exif)
    assert read_image(path).size == (20, 60)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_says(orientation: int) -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    image.getexif()[0x0112] = orientation
    assert np.array_equal(np.asarray(upright(image)), np.asarray(ImageOps.exif_transpose(image)))


def bomb() -> bytes:
    """A PNG of 100,000 x 100,000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def png() -> bytes:
    buffer = io.BytesIO()
    gradient().resize((400, 200)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"not an image at all", "not an image"),
        (png()[: len(png()) // 2], "damaged image"),
        (bomb(), "pixels are refused|pixels, more than"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 50, "not an image|damaged"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_image(path)
    assert "broken.png" in caught.value.message


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="a folder"):
        read_image(tmp_path)


def test_preparing_keeps_the_ratio_and_pads_on_the_right() -> None:
    planes, width = prepare(Image.new("L", (100, 50), 255), ImageSpec(height=32, bucket=32, pad=0.0))
    assert planes.shape == (1, 32, 64) and planes.dtype == np.float32 and width == 64
    planes, width = prepare(Image.new("L", (90, 50), 255), ImageSpec(height=32, bucket=32, pad=-0.25))
    assert planes.shape == (1, 32, 64) and width == 58
    assert np.allclose(planes[:, :, :58], 1.0) and np.allclose(planes[:, :, 58:], -0.25)


def test_a_line_too_wide_is_squeezed_to_the_limit() -> None:
    planes, width = prepare(Image.new("L", (30_000, 20), 0), ImageSpec(max_width=640))
    assert planes.shape == (1, 32, 640) and width == 640


def test_one_pixel_can_be_prepared() -> None:
    planes, width = prepare(Image.new("L", (1, 1), 0), ImageSpec())
    assert planes.shape == (1, 32, 32) and width == 32


def test_channel_order() -> None:
    red = Image.new("RGB", (32, 32), (255, 0, 0))
    assert resize(red, ImageSpec(order="RGB"))[0, 0].tolist() == [255, 0, 0]
    assert resize(red, ImageSpec(order="BGR"))[0, 0].tolist() == [0, 0, 255]
    assert resize(red, ImageSpec(order="L")).shape == (32, 32)


def test_mean_and_deviation_per_channel() -> None:
    spec = ImageSpec(order="RGB", mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0))
    planes, _ = prepare(Image.new("RGB", (32, 32), (255, 255, 255)), spec)
    assert np.allclose(planes[:, 0, 0], [1.0, 1.0, 0.0])


def test_bilinear_without_antialiasing_is_opencvs() -> None:
    """OpenCV's INTER_LINEAR samples at (x + 0.5) * scale - 0.5 between two neighbours, edges repeated."""
    row = np.array([[0, 100, 200, 50, 255, 30, 60, 90]], dtype=np.uint8).repeat(8, 0)
    image = Image.fromarray(row).resize((8, 24), Image.Resampling.NEAREST)
    found = resize(image, ImageSpec(height=8, bucket=1, min_width=1, filter="bilinear_point"))[4].astype(float)
    at = np.clip((np.arange(3) + 0.5) * 8 / 3 - 0.5, 0, 7)
    left = np.floor(at).astype(int)
    expected = row[0, left] * (1 - (at - left)) + row[0, np.minimum(left + 1, 7)] * (at - left)
    assert np.abs(found - expected).max() < 1.5


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_step_keeps_the_mode(step: str, mode: str) -> None:
    assert STEP_FUNCTIONS[step](gradient(mode)).mode == mode


def test_steps_do_what_they_say() -> None:
    tall = Image.new("L", (10, 40), 200)
    assert STEP_FUNCTIONS["rotate_tall"](tall).size == (40, 10)
    assert turned(tall, ImageSpec(steps=("otsu", "rotate_tall"))).size == (40, 10)
    assert turned(tall, ImageSpec(steps=("otsu",))) is tall
    dark = Image.new("L", (40, 10), 20)
    assert np.asarray(STEP_FUNCTIONS["polarity"](dark)).min() == 235
    for step in ("otsu", "sauvola"):
        assert set(np.unique(np.asarray(STEP_FUNCTIONS[step](gradient())))) <= {0, 255}
    low = Image.fromarray(np.asarray(gradient()) // 4 + 90)
    assert np.ptp(np.asarray(STEP_FUNCTIONS["contrast"](low)).astype(int)) > 240
    speck = Image.new("L", (9, 9), 255)
    speck.putpixel((4, 4), 0)
    assert np.asarray(STEP_FUNCTIONS["denoise"](speck)).min() == 255
    line = Image.new("L", (300, 60), 255)
    line.paste(0, (10, 28, 290, 32))
    straight = np.asarray(STEP_FUNCTIONS["deskew"](line.rotate(3, fillcolor=255)), dtype=float).mean(1)
    assert straight.min() < 80, "the turned bar stands in one row again"


@pytest.mark.parametrize(
    ("kind", "largest"),
    [(np.float32, 1.0), (np.float32, 255.0), (np.uint16, 1023), (np.uint16, 4095), (np.int32, 65535)],
)
def test_numbers_of_any_width_are_the_same_picture(kind: type, largest: float, tmp_path: Path) -> None:
    values = (np.asarray(gradient()) / 255 * largest).astype(kind)
    read = read_image(save(tmp_path / "x.tif", Image.fromarray(values)))
    assert np.abs(np.asarray(read, dtype=int) - np.asarray(gradient(), dtype=int)).max() <= 1


@pytest.mark.parametrize("value", [-1.0, 1e6, float("nan")])
def test_pixels_that_mean_nothing_are_named(value: float, tmp_path: Path) -> None:
    path = save(tmp_path / "x.tif", Image.fromarray(np.full((4, 4), value, dtype=np.float32)))
    with pytest.raises(DataError, match=r"x\.tif with values from"):
        read_image(path)
