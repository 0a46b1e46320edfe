from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.loading.batches import MIN_BATCH, bucket_widths, plan_batches
from ocrx.model_spec import ImageSpec

IMAGE = ImageSpec(height=32, bucket=32, min_width=32, max_width=640)
WIDTHS = st.lists(st.integers(1, 640), min_size=1, max_size=200)


@given(WIDTHS)
def test_buckets_are_wide_enough_and_hold_eight(widths: list[int]) -> None:
    buckets = bucket_widths(widths, IMAGE)
    assert all(bucket >= width for bucket, width in zip(buckets, widths, strict=True))
    counts = Counter(buckets)
    if len(counts) > 1:
        assert min(counts.values()) >= MIN_BATCH


def test_small_buckets_go_up_and_full_ones_stay() -> None:
    widths = [30] * 3 + [60] * 9 + [90] * 9
    assert Counter(bucket_widths(widths, IMAGE)) == {64: 12, 96: 9}


def test_one_wide_line_does_not_widen_all_others() -> None:
    assert Counter(bucket_widths([60] * 100 + [600], IMAGE)) == {64: 93, 608: 8}


@given(WIDTHS, st.integers(1, 40), st.integers(10_000, 200_000), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_holds_every_sample_once(
    widths: list[int], batch_size: int, max_pixels: int, seed: int, epoch: int
) -> None:
    buckets = bucket_widths(widths, IMAGE)
    plans = plan_batches(buckets, 32, batch_size, max_pixels, seed, epoch)
    assert sorted(sample for plan in plans for sample in plan.samples) == list(range(len(widths)))
    for plan in plans:
        assert {buckets[sample] for sample in plan.samples} == {plan.width}
        assert len(plan.samples) <= batch_size
        assert len(plan.samples) <= MIN_BATCH or len(plan.samples) * plan.width * 32 <= max_pixels
    assert plans == plan_batches(buckets, 32, batch_size, max_pixels, seed, epoch)
    assert len(plans) == len(plan_batches(buckets, 32, batch_size, max_pixels, seed, epoch + 1))


def test_epochs_and_seeds_differ() -> None:
    buckets = [64] * 50
    first = plan_batches(buckets, 32, 8, 10**6, seed=0, epoch=0)
    assert first != plan_batches(buckets, 32, 8, 10**6, seed=0, epoch=1)
    assert first != plan_batches(buckets, 32, 8, 10**6, seed=1, epoch=0)
