from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from ocrx.arrays import Floats, Pixels
from ocrx.imaging.preparation import pad, scale
from ocrx.inference.batching import batch_logits, stack_lines, width_batches
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

SPEC = ModelSpec("fake", {}, ("a",), ImageSpec(pad=-1.0), FrameSpec(((8, 8, 0),)))


@dataclass
class Sums:
    """A back end whose logits are the sum of each image."""

    pixels: int | None = None
    spec: ModelSpec = SPEC
    name: str = "fake"
    threads: int = 1
    parallel: int = 1
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def logits(self, images: Floats) -> Floats:
        self.shapes.append(images.shape)
        result: Floats = images.sum(axis=(1, 2, 3), dtype=np.float64)[:, None, None].astype(np.float32)
        return result


def _lines(*widths: int) -> list[Pixels]:
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (32, width), dtype=np.uint8) for width in widths]


def test_a_batch_holds_one_bucket_width_in_the_order_of_the_lines() -> None:
    lines: list[Pixels | None] = [*_lines(40, 20, 64, 33, 32)]
    lines.insert(1, None)
    assert list(width_batches(lines, Sums(), 2)) == [[2, 5], [0, 3], [4]]


@pytest.mark.parametrize(("pixels", "largest"), [(None, 8), (32 * 64 * 3, 3), (1, 1)])
def test_a_batch_is_bounded_by_the_pixel_limit_of_the_back_end(pixels: int | None, largest: int) -> None:
    batches = list(width_batches(_lines(*[60] * 8), Sums(pixels), 16))
    assert max(map(len, batches)) == largest
    assert [index for batch in batches for index in batch] == list(range(8))


def test_a_line_is_padded_alike_alone_and_with_others() -> None:
    lines = _lines(40, 64, 33)
    together = stack_lines(lines, SPEC.image)
    assert together.shape == (3, 1, 32, 64)
    for row, line in zip(together, lines, strict=True):
        expected = pad(scale(line, SPEC.image), 64, SPEC.image)
        assert np.array_equal(row, expected)
        assert np.array_equal(stack_lines([line], SPEC.image)[0], expected)


def test_logits_come_with_the_indices_of_their_lines() -> None:
    lines: list[Pixels | None] = [*_lines(40, 20, 90), None]
    backend = Sums()
    batches = list(batch_logits(lines, backend, 4))
    found = {i: value for indices, logits in batches for i, value in zip(indices, logits, strict=True)}
    assert sorted(found) == [0, 1, 2]
    assert [shape[3] for shape in backend.shapes] == [32, 64, 96]
    for index, line in enumerate(lines[:3]):
        assert line is not None
        assert found[index] == pytest.approx(stack_lines([line], SPEC.image).sum(), rel=1e-5)
