from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrx.data.checks.image_scan import FACTS, scan_images
from ocrx.imaging.reading import MAX_IMAGE_BYTES


def _line(text: str) -> Image.Image:
    image = Image.new("L", (14 * len(text) + 10, 32), 250)
    ImageDraw.Draw(image).text((5, 2), text, fill=10, font=ImageFont.load_default(size=24))
    return image


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = []
    for i in range(300):
        path = tmp_path / f"{i:03}.png"
        _line(f"{i * 7919 % 1000:03}").save(path)
        paths.append(path)
    return paths


def test_sizes_and_oddities(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    _line("abc").convert("RGB").save(tmp_path / "turned.jpg", exif=exif)
    frames = [Image.new("L", (20, 10), tone) for tone in (0, 255)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    Image.new("RGB", (30, 12), "white").save(tmp_path / "blank.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "folder.png").mkdir()
    whole = io.BytesIO()
    _line("abcdefgh").save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:-200])
    Image.new("1", (10_000, 9_000)).save(tmp_path / "bomb.png")
    names = [
        "turned.jpg",
        "moving.gif",
        "blank.png",
        "empty.png",
        "text.png",
        "folder.png",
        "cut.jpg",
        "bomb.png",
        "no",
    ]
    scan = scan_images([tmp_path / name for name in names], cache=tmp_path / "cache.npy")
    rows = dict(zip(names, scan.row_of.tolist(), strict=True))
    facts = {name: scan.facts[row] for name, row in rows.items()}
    assert {name: scan.problems[row].code for name, row in rows.items() if row in scan.problems} == {
        "empty.png": "image-empty",
        "text.png": "image-unreadable",
        "folder.png": "image-unreadable",
        "cut.jpg": "image-truncated",
        "bomb.png": "image-bomb",
        "no": "image-missing",
    }
    assert (facts["turned.jpg"]["width"], facts["turned.jpg"]["height"]) == (32, 52)
    assert facts["turned.jpg"]["orientation"] == 6
    assert facts["moving.gif"]["frames"] == 2
    assert facts["blank.png"]["blank"]
    assert not facts["turned.jpg"]["blank"]
    again = scan_images([tmp_path / name for name in names], cache=tmp_path / "cache.npy")
    assert again.decoded == 4  # files that cannot be read are opened again
    assert again.problems == scan.problems


def test_the_cache_spares_a_second_scan_and_notices_changes(images: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "out" / "cache.npy"
    first = scan_images(images, cache=cache)
    second = scan_images(images[:200], cache=cache)
    assert (first.decoded, second.decoded) == (300, 0)
    assert np.array_equal(second.facts[second.row_of], first.facts[first.row_of[:200]])
    _line("changed").save(images[3])
    os.utime(images[4], ns=(1, 1))
    third = scan_images(images, cache=cache)
    assert third.decoded == 2  # the 100 that were not asked for the second time are still known
    assert third.facts["width"][third.row_of[3]] == 108
    cache.write_bytes(b"not a cache")
    assert scan_images(images, cache=cache).decoded == 300


def test_processes_find_the_same(images: list[Path]) -> None:
    seen: list[tuple[int, int]] = []
    alone = scan_images(images, workers=0)
    together = scan_images(images, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert np.array_equal(alone.facts, together.facts)
    assert seen[-1] == (300, 300)


def test_a_file_listed_twice_is_one_row(images: list[Path]) -> None:
    other_way = images[0].parent / "x" / ".." / images[0].name
    scan = scan_images([images[0], images[1], images[0], other_way])
    assert scan.row_of[0] == scan.row_of[2] == scan.row_of[3] != scan.row_of[1]
    assert scan.decoded == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, workers: int) -> None:
    """A FIFO would block, and /dev/zero has no end."""
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    _line("abc").save(tmp_path / "good.png")
    paths = [Path("/dev/zero"), *(tmp_path / f"{name}.png" for name in ("fifo", "zero", "folder", "good"))]
    scan = scan_images(paths, workers=workers)
    found = [scan.problems.get(row) for row in scan.row_of.tolist()]
    assert [problem and problem.code for problem in found] == ["image-unreadable"] * 4 + [None]
    assert [problem and problem.message for problem in found[:3]] == ["not a regular file"] * 3
    assert scan.decoded == 1


def test_a_huge_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.touch()
    os.truncate(path, MAX_IMAGE_BYTES + 1)  # takes no room on the disk
    scan = scan_images([path])
    assert (scan.problems[0].code, scan.decoded) == ("image-bomb", 0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_damaged_cache_is_rewritten(images: list[Path], tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "cache.npy"
    cache.write_bytes(content)
    assert scan_images(images[:3], cache=cache).decoded == 3
    assert scan_images(images[:3], cache=cache).decoded == 0


def test_a_cache_of_another_kind_is_not_used(images: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache.npy"
    for table in (np.zeros(5), np.zeros((2, 2), dtype=FACTS)):
        np.save(cache, table)
        assert scan_images(images[:3], cache=cache).decoded == 3
    with cache.open("wb") as file:
        np.savez(file, facts=np.zeros(3, dtype=FACTS))
    assert scan_images(images[:3], cache=cache).decoded == 3
