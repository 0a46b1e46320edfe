from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.data.loading.augment import STEPS, Augmentation, Step, augment
from ocrx.data.loading.augment import geometric as shape
from ocrx.data.loading.augment import photometric as look
from ocrx.data.loading.augment.concat import choose_partners, join_pixels, joined_width
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

LINE = draw_line("Hamburg 1234")
NAMES = [step.__name__ for _, step in STEPS]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(np.float64)


def many(step: Step, strength: float = 1.0) -> list[np.ndarray]:
    return [pixels(step(LINE, np.random.default_rng(seed), strength)) for seed in range(40)]


def centre(values: np.ndarray) -> tuple[float, float]:
    """The middle of the ink: x and y."""
    ink = 255 - values
    rows, columns = np.indices(ink.shape)
    return float((ink * columns).sum() / ink.sum()), float((ink * rows).sum() / ink.sum())


@pytest.mark.parametrize("size", [(32, 100), (48, 60, 3), (32, 5), (8, 400)])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_augmentation_keeps_the_form_of_a_line(size: tuple[int, ...], strength: float) -> None:
    line = np.full(size, 230, dtype=np.uint8)
    line[2 : size[0] - 2, 1:-1] = 30
    for seed in range(60):
        changed = augment(line, np.random.default_rng(seed), strength, max_width=size[1] + 10)
        assert changed.dtype == np.uint8 and changed.shape[0] == size[0] and changed.shape[2:] == size[2:]
        assert 1 <= changed.shape[1] <= size[1] + 10
        assert int(changed.max()) - int(changed.min()) > 60, "the ink is still there"
    if strength == 0:
        assert changed is line


def test_the_generator_decides_alone() -> None:
    line = np.asarray(LINE)
    first, second, other = (augment(line, np.random.default_rng(seed), 1.0, 900) for seed in (5, 5, 6))
    assert np.array_equal(first, second) and not np.array_equal(first, other)
    assert np.array_equal(line, np.asarray(draw_line("Hamburg 1234"))), "the stored line is left as it was"


@pytest.mark.parametrize("number", range(len(STEPS)), ids=NAMES)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_augmentation_keeps_size_and_mode_and_grows_with_strength(number: int, mode: str) -> None:
    step, line = STEPS[number][1], LINE.convert(mode)
    change = {}
    for strength in (0.1, 1.0):
        results = [step(line, np.random.default_rng(seed), strength) for seed in range(30)]
        assert {(image.size, image.mode) for image in results} == {(line.size, mode)}
        change[strength] = np.mean([np.abs(pixels(image) - pixels(line)).mean() for image in results])
    assert change[1.0] > 0.5
    if NAMES[number] not in ("strokes", "jpeg"):
        assert change[0.1] < 0.7 * change[1.0], "these two are on or off"


def test_shapes_move_the_ink_little() -> None:
    x, y = centre(pixels(LINE))
    for step in (shape.crop_rows, shape.perspective, shape.elastic):
        moved = [centre(values) for values in many(step)]
        assert all(abs(there - x) < 5 and abs(above - y) < 4 for there, above in moved)
        assert len({round(above, 3) for _, above in moved}) > 30, "each time another way"


def test_elastic_bends_a_straight_line() -> None:
    bar = Image.new("L", (200, 32), 255)
    bar.paste(0, (0, 15, 200, 17))
    bent = [pixels(shape.elastic(bar, np.random.default_rng(seed), 1.0))[:, 8:-8] for seed in range(20)]
    heights = [np.ptp(np.argmin(values, axis=0)) for values in bent]
    assert min(heights) >= 1 and max(heights) <= 8 and np.mean(heights) > 1.5
    tinted = Image.new("RGB", (90, 32), (250, 230, 20))
    assert shape.elastic(tinted, np.random.default_rng(0), 1.0).getcolors() == [(90 * 32, (250, 230, 20))], "no seam"


def test_rows_are_lost_at_both_ends() -> None:
    striped = Image.new("L", (50, 32), 255)
    striped.paste(0, (0, 0, 50, 3))
    striped.paste(0, (0, 29, 50, 32))
    ends = np.array(
        [
            [rows[0, 0], rows[-1, 0]]
            for rows in map(pixels, (shape.crop_rows(striped, np.random.default_rng(seed), 1.0) for seed in range(40)))
        ]
    )
    assert (ends > 200).any(axis=0).all(), "both stripes are cut off in some versions"
    assert (ends < 50).any(axis=0).all(), "and left in others"


def test_strokes_become_thicker_and_thinner() -> None:
    ink = [255 - values.mean() for values in many(look.strokes)]
    plain = 255 - pixels(LINE).mean()
    assert min(ink) < 0.9 * plain and max(ink) > 1.1 * plain


def test_print_styles_change_what_they_describe() -> None:
    plain = pixels(LINE)
    edges = np.abs(np.diff(plain, axis=1)).mean()
    for step in (look.blur, look.resolution):
        assert np.mean([np.abs(np.diff(values, axis=1)).mean() for values in many(step)]) < 0.8 * edges
    ranges = [np.ptp(values) for values in many(look.contrast)]
    assert min(ranges) < 200 and max(ranges) <= 255
    grey = Image.new("L", (100, 32), 128)
    assert 9 < np.std(pixels(look.noise(grey, np.random.default_rng(0), 1.0))) < 15
    blocks = pixels(look.jpeg(LINE, np.random.default_rng(0), 1.0))
    assert 0.5 < np.abs(blocks - plain).mean() < 30


def test_a_flip_is_its_own_opposite() -> None:
    line = np.asarray(LINE)
    assert np.array_equal(shape.flip_vertical(shape.flip_vertical(line)), line)
    assert np.array_equal(shape.flip_vertical(line)[0], line[-1])


def test_joined_pixels_keep_both_lines() -> None:
    first, second = np.full((32, 40), 200, np.uint8), np.full((32, 30), 100, np.uint8)
    for seed in range(20):
        joined = join_pixels(first, second, np.random.default_rng(seed))
        assert 78 <= joined.shape[1] <= joined_width(40, 30, 32) and joined.dtype == np.uint8
        assert np.array_equal(joined[:, :40], first) and np.array_equal(joined[:, -30:], second)
        assert np.all(np.diff(joined[0].astype(int)) <= 0), "the gap runs from one paper to the other"
    coloured = join_pixels(np.zeros((32, 9, 3), np.uint8), np.zeros((32, 5, 3), np.uint8), np.random.default_rng(0))
    assert coloured.shape[2] == 3


def partners(widths: list[int], lengths: list[int], share: float, **image: int) -> dict[int, int]:
    spec = ModelSpec("lcnetv4", {}, ("a", " "), ImageSpec(**image), FrameSpec(((3, 2, 1), (3, 2, 1))))  # type: ignore[arg-type]
    targets = [np.arange(length) for length in lengths]
    return choose_partners(widths, targets, spec, share, (1, 2))


def test_partners_are_a_share_and_a_pure_function() -> None:
    widths, lengths = [100] * 1000, [3] * 1000
    chosen = partners(widths, lengths, 0.3)
    assert 250 < len(chosen) < 350 and chosen == partners(widths, lengths, 0.3)
    assert len(set(chosen.values())) > 200, "not always the same one"
    assert partners(widths, lengths, 0.0) == {}


def test_partners_fit_the_image_and_its_frames() -> None:
    assert partners([320] * 50, [3] * 50, 1.0, max_width=640) == {}, "the gap does not fit"
    assert len(partners([312] * 50, [3] * 50, 1.0, max_width=640)) == 50
    assert partners([64] * 50, [19] * 50, 1.0) == {}, "160 pixels give 40 frames"
    assert len(partners([64] * 50, [18] * 50, 1.0)) == 50
    mixed = partners([100, 600] * 50, [3] * 100, 1.0, max_width=640)
    assert mixed and all(first % 2 == 0 and second % 2 == 0 for first, second in mixed.items())


def test_reading_does_not_load_torchvision() -> None:
    program = (
        "import sys, ocrx.data.loading.augment, ocrx.data.loading.augment.concat;"
        "assert not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)


def bar(width: int = 64) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """White with a black bar over the whole width, rows 14 to 17 of 32."""
    pixels = np.full((32, width), 255, dtype=np.uint8)
    pixels[14:18] = 0
    return pixels


def rows_of_the_bar(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[float, float]:
    """Centre of the dark rows near the left and the right end."""
    dark = 255.0 - pixels
    ends = (dark[:, 8], dark[:, -9])
    return tuple(float((end * np.arange(32)).sum() / end.sum()) for end in ends)  # type: ignore[return-value]  # two


@pytest.mark.parametrize("name", ["rotation", "shift", "scale"])
def test_rotation_shift_and_scale_are_set_one_by_one(name: str) -> None:
    limit = {"rotation": 10.0, "shift": 0.2, "scale": 0.3}[name]
    augmentation = Augmentation(0.0, **{name: limit})
    changed = [augment(bar(), np.random.default_rng(seed), augmentation, 200) for seed in range(200)]
    tilts = [abs(left - right) for left, right in map(rows_of_the_bar, changed)]
    shifts = [abs((left + right) / 2 - 15.5) for left, right in map(rows_of_the_bar, changed)]
    widths = [pixels.shape[1] / 64 for pixels in changed]
    steepest = np.tan(np.deg2rad(10)) * 48
    expected = {"rotation": (steepest, 0.0, 1.0), "shift": (0.0, 6.4, 1.0), "scale": (0.0, 0.0, 1.3)}[name]
    for found, most in zip((max(tilts), max(shifts), max(widths)), expected, strict=True):
        assert found == pytest.approx(most, rel=0.1, abs=0.6)


def test_no_strength_and_no_limit_leave_a_line_as_it_is() -> None:
    assert np.array_equal(augment(bar(), np.random.default_rng(0), Augmentation(0.0), 200), bar())
