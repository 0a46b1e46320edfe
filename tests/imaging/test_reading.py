"""Image files of every mode, orientation and state of repair."""

from __future__ import annotations

import ast
import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageOps, features
from support.images import gradient

from ocrx.errors import DataError
from ocrx.imaging import reading
from ocrx.imaging.reading import FrameReader, apply_exif_orientation, read_image

PACKAGE = Path(__file__).parents[2] / "ocrx"


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]  # Pillow's options vary by format
    return path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_becomes_grey_or_colour(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.asarray(gradient()).astype(np.uint16) * 257) if mode == "I;16" else gradient(mode)
    # Pillow before 13 does not read the uncompressed YCbCr that it writes.
    compression = "jpeg" if mode == "YCbCr" else None
    path = save(tmp_path / "x.tif", image, compression=compression)
    read = read_image(path)
    assert read.mode in ("L", "RGB") and read.size == (60, 20)
    if mode not in ("1", "P"):
        difference = np.abs(np.asarray(read.convert("L"), dtype=int) - np.asarray(gradient(), dtype=int))
        assert difference.max() <= 6


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
    assert np.array_equal(np.asarray(apply_exif_orientation(image)), np.asarray(ImageOps.exif_transpose(image)))


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


@pytest.mark.parametrize(
    ("kind", "largest"),
    [(np.float32, 1.0), (np.float32, 255.0), (np.uint16, 1023), (np.uint16, 4095), (np.int32, 65535)],
)
def test_integer_types_of_any_width_give_the_same_image(kind: type, largest: float, tmp_path: Path) -> None:
    values = (np.asarray(gradient()) / 255 * largest).astype(kind)
    read = read_image(save(tmp_path / "x.tif", Image.fromarray(values)))
    assert np.abs(np.asarray(read, dtype=int) - np.asarray(gradient(), dtype=int)).max() <= 1


@pytest.mark.parametrize("value", [-1.0, 1e6, float("nan")])
def test_invalid_pixels_are_named(value: float, tmp_path: Path) -> None:
    path = save(tmp_path / "x.tif", Image.fromarray(np.full((4, 4), value, dtype=np.float32)))
    with pytest.raises(DataError, match=r"x\.tif with values from"):
        read_image(path)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n0 0 9 9 rectfill\nshowpage\n%%EOF\n"


def test_a_format_that_starts_another_program_is_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **options: pytest.fail("Ghostscript was started"))
    path = tmp_path / "line.png"
    path.write_bytes(POSTSCRIPT)
    for read in (read_image, FrameReader):
        with pytest.raises(DataError, match=r"line\.png: not an image in a known format"):
            read(path)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pillow_is_told_which_formats_to_try(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open"):
            assert any(keyword.arg == "formats" for keyword in node.keywords), f"line {node.lineno}"


@pytest.mark.parametrize("raised", [RuntimeError("decoder failed"), MemoryError(), AssertionError(), RecursionError()])
def test_whatever_a_decoder_raises_is_the_error_of_the_image(
    raised: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "x.png", gradient())

    def fail(image: Image.Image) -> None:
        raise raised

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(DataError, match=r"x\.png: damaged image \(.+\)"):
        read_image(path)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_a_damaged_avif_is_named(tmp_path: Path) -> None:
    whole = save(tmp_path / "x.avif", gradient("RGB")).read_bytes()
    assert read_image(whole).size == (60, 20)
    damaged = 0
    for place in range(0, len(whole), 7):
        try:
            read_image(whole[:place] + bytes(value ^ 0xFF for value in whole[place : place + 8]) + whole[place + 8 :])
        except DataError:
            damaged += 1
    assert damaged > 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        for read in (read_image, FrameReader):
            with pytest.raises(DataError, match=f"{path.name}: not a regular file"):
                read(path)
    monkeypatch.setattr(reading, "MAX_IMAGE_BYTES", 100)
    with pytest.raises(DataError, match=r"x\.png: larger than 100 bytes"):
        read_image(save(tmp_path / "x.png", gradient()))


def frames(path: Path, count: int) -> Path:
    """A TIFF whose frames have widths of their own, grey and coloured by turns."""
    images = [gradient("L" if number % 2 else "RGB").resize((40 + number, 20)) for number in range(count)]
    images[0].save(path, save_all=True, append_images=images[1:], compression="tiff_lzw")
    return path


def test_frames_are_read_in_any_order_and_by_many_threads(tmp_path: Path) -> None:
    path = frames(tmp_path / "x.tif", 30)
    reader = FrameReader(path)
    assert reader.count == 30
    order = [*range(29, -1, -1), *range(30)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(reader.read, order))
    for number, image in zip(order, found, strict=True):
        assert image.size == (40 + number, 20)
        assert image.tobytes() == read_image(path, frame=number).tobytes()


def test_a_file_is_opened_once_for_all_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = frames(tmp_path / "x.tif", 50), []
    read = reading.read_bytes
    monkeypatch.setattr(reading, "read_bytes", lambda *given, **more: opened.append(given) or read(*given, **more))
    reader = FrameReader(path)
    for number in range(50):
        reader.read(number)
    assert len(opened) == 2, "once to count, once to read"
    for number in range(50):
        reader.read(number)
    assert len(opened) == 3


def test_frames_are_counted_up_to_a_limit_and_measured_undecoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = frames(tmp_path / "x.tif", 12)
    assert [FrameReader(path, most=most).count for most in (1, 2, 11, 12, 13, None)] == [1, 2, 11, 12, 12, 12]
    reader = FrameReader(path)
    monkeypatch.setattr(reading, "_frame", lambda *_: pytest.fail("decoded"))
    assert [reader.size(number) for number in (11, 0, 5)] == [(51, 20), (40, 20), (45, 20)]


def test_a_file_of_empty_frames_is_not_counted_to_its_end(tmp_path: Path) -> None:
    path = frames(tmp_path / "x.tif", 2)
    content = bytearray(path.read_bytes())
    with Image.open(path) as image:
        image.seek(1)
        last = image._frame_pos[1]  # type: ignore[attr-defined]
    entries = int.from_bytes(content[last : last + 2], "little")
    directory = bytes(content[last : last + 2 + 12 * entries])
    place = last + 2 + 12 * entries
    for _ in range(20_000):  # the same frame again and again
        content[place : place + 4] = len(content).to_bytes(4, "little")
        place = len(content) + len(directory)
        content += directory + bytes(4)
    assert FrameReader(bytes(content), "x.tif", most=257).count == 257


def test_a_damaged_frame_costs_no_other(tmp_path: Path) -> None:
    path = frames(tmp_path / "x.tif", 5)
    with Image.open(path) as image:
        image.seek(2)
        start = image.tag_v2[273][0]
    content = bytearray(path.read_bytes())
    content[start : start + 60] = b"\xff" * 60
    reader = FrameReader(bytes(content), "x.tif")
    with pytest.raises(DataError, match=r"x\.tif: damaged image"):
        reader.read(2)
    assert [reader.read(number).width for number in (3, 1, 0, 4)] == [43, 41, 40, 44]
