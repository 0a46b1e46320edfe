"""Replay: how much of an epoch it is, that all old lines have their turn, and that it is a pure function."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.augment import Augmentation
from ocrx.data.loading.loader import Lines, LineSource, LoaderOptions
from ocrx.data.loading.replay import epoch_lines
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import frame_spec
from ocrx.text.charset import Charset


@given(
    own=st.lists(st.sampled_from([32, 64, 96]), min_size=1, max_size=40),
    old=st.lists(st.sampled_from([32, 64, 96, 128]), min_size=1, max_size=40),
    ratio=st.floats(0.05, 0.9),
    seed=st.integers(0, 5),
)
def test_every_epoch_holds_all_own_lines_and_a_fixed_share_of_old_ones(
    own: list[int], old: list[int], ratio: float, seed: int
) -> None:
    buckets = own + old
    epochs = [epoch_lines(buckets, len(own), ratio, seed, epoch) for epoch in range(4)]
    widths = [Counter(buckets[number] for number in epoch) for epoch in epochs]
    for epoch in epochs:
        assert epoch[: len(own)] == list(range(len(own)))
        replayed = epoch[len(own) :]
        assert all(number >= len(own) for number in replayed)
        assert len(replayed) == round(len(own) * ratio / (1 - ratio))
    assert widths[0] == widths[1] == widths[2] == widths[3], "hence the same number of batches"
    assert epochs == [epoch_lines(buckets, len(own), ratio, seed, epoch) for epoch in range(4)]
    times = Counter(number for epoch in epochs for number in epoch[len(own) :])
    for width in set(old):
        same = [times[number] for number in range(len(own), len(buckets)) if buckets[number] == width]
        assert max(same) - min(same) <= 1, "none twice before all of them once"


def test_epochs_and_seeds_differ() -> None:
    buckets = [32] * 100
    assert epoch_lines(buckets, 50, 0.25, 0, 0) != epoch_lines(buckets, 50, 0.25, 0, 1)
    assert epoch_lines(buckets, 50, 0.25, 0, 0) != epoch_lines(buckets, 50, 0.25, 1, 0)


def test_batches_hold_the_lines_of_the_epoch(line_folder: Path) -> None:
    dataset = read_dataset(line_folder)
    samples = (*dataset.train, *dataset.val)
    image = ImageSpec(height=32, bucket=32, max_width=640)
    charset = Charset.from_texts(sample.text for sample in samples).characters
    spec = ModelSpec("lcnetv4", {}, charset, image, frame_spec("lcnetv4", {}, image))
    source = LineSource(
        Lines(samples, spec),
        LoaderOptions(
            batch_size=4,
            max_pixels=10**6,
            seed=0,
            augmentation=Augmentation(0.5),
            workers=1,
            replayed=len(dataset.val),
            replay_ratio=0.2,
        ),
    )
    seen = []
    for epoch in range(2):
        batches = [batch for [batch] in source.updates(epoch)]
        assert len(batches) == len(source)
        seen.append(sorted(sample.source for batch in batches for sample in batch.samples))
    old = [[name for name in names if name.startswith("val.txt")] for names in seen]
    assert [len(names) for names in seen] == [10, 10] and [len(names) for names in old] == [2, 2]
    assert old[0] != old[1]
    rest = [sorted(sample.source for sample in batch.samples) for [batch] in source.updates(1, start=1)]
    whole = [sorted(sample.source for sample in batch.samples) for [batch] in source.updates(1)]
    assert rest == whole[1:], "resumed in the middle"


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_the_ratio_is_of_the_whole_epoch(ratio: float) -> None:
    lines = epoch_lines([32] * 2000, 1000, ratio, 0, 0)
    assert sum(number >= 1000 for number in lines) / len(lines) == pytest.approx(ratio, abs=0.001)
