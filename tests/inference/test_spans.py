from __future__ import annotations

import pickle
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrx.arrays import Pixels
from ocrx.inference.spans import ColumnProfile, DeferredSpans, character_spans, frame_spans, word_spans
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

FRAMES = FrameSpec(layers=((4, 4, 0),))
HEIGHT = 32
TEXTS = ["The quick brown fox", "jumps over 12 lazy dogs.", "TOTAL 1,234.50", "illicit; (William)", "Wm. Ilf 1!"]


def render(text: str, tracking: int = 1) -> tuple[Pixels, list[tuple[float, float]]]:
    """Black on white, 32 pixels high, and the left and right edge of each glyph's ink (of a space: of its advance)."""
    font = ImageFont.load_default(size=22)
    assert isinstance(font, ImageFont.FreeTypeFont)
    image, pen, boxes = Image.new("L", (16 * len(text) + 20, HEIGHT), 255), 6, []
    for character in text:
        if character != " ":
            glyph = Image.new("L", image.size, 255)
            ImageDraw.Draw(glyph).text((pen, 26), character, fill=0, font=font, anchor="ls")
            columns = np.flatnonzero(np.asarray(glyph).min(axis=0) < 160)
            boxes.append((float(columns[0]), float(columns[-1] + 1)))
            image = Image.fromarray(np.minimum(np.asarray(image), np.asarray(glyph)))
        advance = round(font.getlength(character)) + tracking
        if character == " ":
            boxes.append((float(pen), float(pen + advance)))
        pen += advance
    return np.asarray(image.crop((0, 0, pen + 6, HEIGHT))), boxes


def peaks(boxes: Sequence[tuple[float, float]], shift: float = 0.0) -> tuple[tuple[int, int], ...]:
    """The frames in which a network would find the glyphs, ``shift`` pixels right of their middle."""
    frames: list[tuple[int, int]] = []
    for left, right in boxes:
        frame = max(0, int(((left + right) / 2 + shift) // FRAMES.stride))
        frame = max(frame, frames[-1][1] + 1) if frames else frame
        frames.append((frame, frame))
    return tuple(frames)


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Intersection over union."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / (max(a[1], b[1]) - min(a[0], b[0]))


def spans_of(pixels: Pixels, text: str, frames: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    profile = ColumnProfile.from_pixels(pixels)
    return list(character_spans(tuple(frames), FRAMES, profile, [c == " " for c in text], pixels.shape[1]))


def enclosed(pixels: Pixels, text: str, boxes: Sequence[tuple[float, float]], shift: float = 0.0) -> float:
    """Share of the glyphs whose span overlaps their box by 0.6 or more."""
    spans = spans_of(pixels, text, peaks(boxes, shift))
    found = [overlap(span, box) for span, box, c in zip(spans, boxes, text, strict=True) if c != " "]
    return float(np.mean(np.array(found) >= 0.6))


@pytest.mark.parametrize("shift", [-4.0, 0.0, 4.0])
@pytest.mark.parametrize("tracking", [0, 1, 3])
def test_spans_enclose_the_glyphs_wherever_the_peaks_lie(shift: float, tracking: int) -> None:
    shares = [enclosed(*_with_text(text, tracking), shift) for text in TEXTS]
    assert min(shares) >= 0.85 and np.mean(shares) >= 0.95, shares


def _with_text(text: str, tracking: int) -> tuple[Pixels, str, list[tuple[float, float]]]:
    pixels, boxes = render(text, tracking)
    return pixels, text, boxes


def test_colour_noise_and_polarity_do_not_matter() -> None:
    text = TEXTS[1]
    pixels, boxes = render(text)
    noise = np.random.default_rng(0).normal(0, 8, pixels.shape)
    noisy = (pixels * 0.6 + 60 + noise).clip(0, 255).astype(np.uint8)
    for line in (255 - pixels, noisy, 255 - noisy, np.stack([pixels, noisy, pixels], axis=2)):
        assert enclosed(line, text, boxes) >= 0.95


def test_an_underline_is_not_taken_for_characters() -> None:
    text = "an underlined line"
    pixels, boxes = render(text, 2)
    underlined = pixels.copy()
    underlined[29:31] = 0
    assert enclosed(underlined, text, boxes) >= 0.9


def test_a_space_reaches_from_ink_to_ink() -> None:
    pixels, boxes = render("a b")
    first, space, last = spans_of(pixels, "a b", peaks(boxes))
    assert space == (first[1], last[0])
    assert space[1] - space[0] > 4


def test_joined_letters_are_cut_where_the_stroke_is_thin() -> None:
    pixels = np.full((HEIGHT, 80), 255, dtype=np.uint8)
    pixels[20:23, 4:76] = 0  # one stroke joins all
    for left, right in ((4, 20), (30, 42), (52, 76)):
        pixels[8:26, left:right] = 0
    spans = spans_of(pixels, "abc", ((2, 2), (8, 8), (15, 15)))
    assert spans[0][0] == 4 and spans[2][1] == 76
    assert 20 <= spans[0][1] <= 30 and 42 <= spans[1][1] <= 52
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_a_line_without_ink_keeps_the_frames() -> None:
    blank = np.full((HEIGHT, 64), 250, dtype=np.uint8)
    assert spans_of(blank, "ab", ((1, 1), (5, 6))) == [(4.0, 8.0), (20.0, 28.0)]
    assert spans_of(blank, "", ()) == []


def test_spans_are_ordered_and_inside_the_image_whatever_the_frames() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        width = int(rng.integers(8, 200))
        pixels = rng.integers(0, 256, (HEIGHT, width), dtype=np.uint8)
        count = int(rng.integers(1, 20))
        frames = np.sort(rng.choice(60, count, replace=False)).tolist()
        text = "".join(rng.choice(list("ab "), count))
        spans = spans_of(pixels, text, [(t, t) for t in frames])
        assert len(spans) == count
        edges = [edge for span in spans for edge in span]
        assert min(edges) >= 0 and max(edges) <= width
        assert all(left <= right for left, right in spans)


def test_words_are_joined_characters() -> None:
    spans = ((0.0, 2.0), (3.0, 5.0), (5.0, 8.0), (8.0, 9.0), (1.0, 2.0))
    assert word_spans(spans, [False, False, True, False, False]) == ((0.0, 5.0), (1.0, 9.0))
    assert word_spans((), []) == ()
    assert word_spans(((0.0, 1.0),), [True]) == ()


def test_deferred_spans_are_found_once_and_equal_their_tuple() -> None:
    calls: list[int] = []

    def find() -> tuple[tuple[float, float], ...]:
        calls.append(1)
        return ((0.0, 1.0), (1.0, 2.0))

    spans = DeferredSpans(find)
    assert not calls
    assert len(spans) == 2 and spans[1] == (1.0, 2.0) and spans[:1] == ((0.0, 1.0),)
    assert spans == ((0.0, 1.0), (1.0, 2.0)) and spans != () and spans == DeferredSpans(find)
    assert hash(spans) == hash(tuple(spans)) and repr(spans) == repr(tuple(spans))
    assert pickle.loads(pickle.dumps(spans)) == tuple(spans)
    assert len(calls) == 2  # one each


def test_frames_are_clipped_to_the_line() -> None:
    assert FRAMES.pixels(0) == (0.0, 4.0)
    assert frame_spans(((0, 0), (2, 4)), FRAMES, 18).tolist() == [[0.0, 4.0], [8.0, 18.0]]


def test_frames_follow_padding_and_valid_convolutions() -> None:
    ((left, right),) = frame_spans(((3, 3),), FrameSpec(layers=((3, 2, 1), (3, 2, 1))), 64).tolist()
    assert (left + right) / 2 == pytest.approx(3 * 4 + 0.5)
    ((left, right),) = frame_spans(((0, 0),), FrameSpec(layers=((3, 1, 0), (3, 2, 0))), 64).tolist()
    assert (left + right) / 2 == pytest.approx(2.5)


def test_a_measured_shift_moves_the_frames_and_survives_json() -> None:
    shifted = FrameSpec(layers=((4, 4, 0),), shift=10.0)
    spec = ModelSpec("any", {}, ("a",), ImageSpec(), shifted)
    assert frame_spans(((1, 1),), spec.frames, 64).tolist() == [[14.0, 18.0]]
    assert ModelSpec.from_json(spec.to_json(), "model.json") == spec
