from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ocrx.data.augment import augment
from ocrx.data.formats import read_dataset
from ocrx.data.loader import Lines, LineSource
from ocrx.errors import DataError
from ocrx.spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.text.charset import Charset


def source(folder: Path, *, strength: float = 0.5, workers: int = 0, batch_size: int = 4) -> LineSource:
    samples = read_dataset(folder).train
    charset = Charset.from_texts(sample.text for sample in samples)
    spec = ModelSpec("lcnetv4", {}, charset.characters, ImageSpec(), FrameSpec(((3, 2, 1), (3, 2, 1))))
    return LineSource(
        Lines(samples, spec), batch_size=batch_size, max_pixels=10**6, seed=3, strength=strength, workers=workers
    )


def test_a_batch_holds_what_it_says(line_folder: Path) -> None:
    lines = source(line_folder)
    seen = []
    for batch in lines.epoch(0):
        assert batch.images.shape[:3] == (len(batch), 1, 32) and batch.images.dtype == torch.float32
        assert batch.images.shape[3] % 32 == 0
        assert batch.targets.shape == (int(batch.target_lengths.sum()),)
        charset = Charset.from_texts(sample.text for sample in lines.lines.samples)
        parts = torch.split(batch.targets, batch.target_lengths.tolist())
        assert [charset.decode(part.tolist()) for part in parts] == [sample.text for sample in batch.samples]
        seen += [sample.source for sample in batch.samples]
    assert sorted(seen) == [f"train.txt:{i}" for i in range(1, 9)]


def test_threads_and_restarts_change_nothing(line_folder: Path) -> None:
    alone = list(source(line_folder, workers=0).epoch(2))
    threaded = list(source(line_folder, workers=3).epoch(2))
    late = list(source(line_folder, workers=1).epoch(2, start=1))
    for left, right in zip(alone, threaded, strict=True):
        assert torch.equal(left.images, right.images) and left.samples == right.samples
    for left, right in zip(alone[1:], late, strict=True):
        assert torch.equal(left.images, right.images)


def test_each_epoch_is_augmented_anew(line_folder: Path) -> None:
    lines = source(line_folder, batch_size=8, strength=1.0)
    by_source = [
        {s.source: image for batch in lines.epoch(epoch) for s, image in zip(batch.samples, batch.images, strict=True)}
        for epoch in (0, 1)
    ]
    assert any(not torch.equal(by_source[0][name], by_source[1][name]) for name in by_source[0])


def test_stopping_early_ends_the_threads(line_folder: Path) -> None:
    batches = source(line_folder, workers=2, batch_size=1).epoch(0)
    next(batches)
    batches.close()


def test_no_lines_is_an_error() -> None:
    spec = ModelSpec("lcnetv4", {}, ("a",), ImageSpec(), FrameSpec(()))
    with pytest.raises(DataError, match="no lines"):
        Lines([], spec)


@pytest.mark.parametrize("shape", [(32, 100), (48, 60, 3)])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_augmentation_keeps_the_shape_of_a_line(shape: tuple[int, ...], strength: float) -> None:
    pixels = np.full(shape, 230, dtype=np.uint8)
    pixels[10:20, 5:50] = 30
    for seed in range(60):
        changed = augment(pixels, np.random.default_rng(seed), strength, max_width=110)
        assert changed.dtype == np.uint8 and changed.shape[0] == shape[0] and changed.shape[2:] == shape[2:]
        assert 1 <= changed.shape[1] <= 110
        assert int(changed.max()) - int(changed.min()) > 60, "the ink is still there"
    if strength == 0:
        assert changed is pixels
