from __future__ import annotations

import pickle
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from ocrx.errors import DataError
from ocrx.synth.font_files import matplotlib_folder
from ocrx.synth.generator import LineGenerator, SynthConfig, SynthLine

FONTS = (str(matplotlib_folder()),)


def generator(seed: int = 0, **settings: object) -> LineGenerator:
    return LineGenerator(SynthConfig(fonts=FONTS, **settings), seed)  # type: ignore[arg-type]  # a table of fields


def same(one: SynthLine, other: SynthLine) -> bool:
    return np.array_equal(one.image, other.image) and (one.text, one.boxes, one.font) == (
        other.text,
        other.boxes,
        other.font,
    )


def test_a_line_depends_on_seed_and_index_alone() -> None:
    first, second = generator(7), generator(7)
    forwards = [first.line(i) for i in range(30)]
    backwards = [second.line(i) for i in reversed(range(30))][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert len({line.text for line in forwards}) > 25
    assert generator(8).line(0).text != forwards[0].text


def test_lines_without_boxes_are_the_same() -> None:
    made = generator(6)
    for number in range(120):
        line, bare = made.line(number), made.line(number, boxes=False)
        assert np.array_equal(line.image, bare.image) and (line.text, line.font) == (bare.text, bare.font)
        assert len(line.boxes) == len(line.text) and bare.boxes == ()


def test_a_pickled_generator_makes_the_same_lines() -> None:
    made = generator(9)
    before = [made.line(number) for number in range(10)]
    copied = pickle.loads(pickle.dumps(made))
    assert all(same(copied.line(number), line) for number, line in enumerate(before))


def test_lines_are_well_formed() -> None:
    made = generator(1)
    lines = [made.line(i) for i in range(250)]
    for line in lines:
        assert line.image.dtype == np.uint8
        assert line.image.ndim == 2 or line.image.shape[2] == 3
        assert 10 <= line.image.shape[0] <= 64 and line.image.shape[1] >= 4
        assert len(line.boxes) == len(line.text)
        assert unicodedata.is_normalized("NFC", line.text) and line.font
        assert line.image.std() > 3, f"{line.text!r} cannot be seen"
    assert {line.image.ndim for line in lines} == {2, 3}


def test_boxes_lie_in_the_crop_from_left_to_right() -> None:
    made = generator(2)
    for line in (made.line(i) for i in range(150)):
        height, width = line.image.shape[:2]
        centres = [(a + c) / 2 for a, _, c, _ in line.boxes]
        assert min(centres) >= -2
        assert max(centres) <= width + 2
        assert all(-0.25 * height <= b and d <= 1.25 * height for _, b, _, d in line.boxes)
        assert centres == sorted(centres)


def test_without_degradation_boxes_are_exact_and_paper_is_white() -> None:
    made = generator(3, strength=0.0)
    for line in (made.line(i) for i in range(60)):
        assert line.image.ndim == 2 and line.image.max() == 255
        ink = 255 - line.image.astype(np.float64)
        held = np.zeros_like(ink)
        for left, top, right, bottom in line.boxes:
            held[max(0, int(top) - 1) : int(bottom) + 2, max(0, int(left) - 1) : int(right) + 2] = 1
        assert ink.sum() > 0 and (ink * held).sum() >= 0.97 * ink.sum()


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("всё счастливые семьи похожи друг на друга", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя "),
        ("πάντες ἄνθρωποι τοῦ εἰδέναι ὀρέγονται φύσει", "πάντεςἄνθρωοιτῦὀγφύσδἰέαρυ ί"),
    ],
)
def test_other_scripts(tmp_path: Path, text: str, charset: str) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text, encoding="utf-8")
    made = generator(4, charset=charset, corpus=str(corpus))
    lines = [made.line(i) for i in range(25)]
    assert all(set(line.text) <= set(charset) for line in lines)
    assert any(word in line.text for line in lines for word in text.split())


def test_right_to_left_text_is_drawn_shaped(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("السلام عليكم ورحمة", encoding="utf-8")
    made = generator(5, charset="السلام عيكورحمة", corpus=str(corpus), strength=0.0, document=1, receipt=0, photo=0)
    words = [line for line in (made.line(i) for i in range(30)) if len(line.text) > 3 and " " not in line.text]
    assert words
    assert all(line.boxes[0][0] > line.boxes[-1][0] for line in words)


def test_a_charset_that_no_font_has_is_an_error() -> None:
    with pytest.raises(DataError, match="no font"):
        generator(charset="中文字").line(0)


def test_torch_is_not_needed() -> None:
    code = "import sys; import ocrx.synth.generator, ocrx.modes.synth; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
