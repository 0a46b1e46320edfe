"""Rendered lines are the same for every division over processes, and none is rendered twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import pytest
import torch

from ocrx.config import SynthConfig
from ocrx.data.loading.batches import Share
from ocrx.data.loading.loader import Batch
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import frame_spec
from ocrx.synth import source as module
from ocrx.synth.font_files import matplotlib_folder
from ocrx.synth.source import SynthOptions, SynthSource
from ocrx.synth.text import charset_characters


class Here:
    """Renders in this process; counts the chunks."""

    chunks = 0

    def submit(self, work: Callable[..., object], *arguments: object) -> Future[object]:
        self.chunks += 1
        done: Future[object] = Future()
        done.set_result(work(*arguments))
        return done


def source(share: Share, pool: Here) -> SynthSource:
    image = ImageSpec(height=32, bucket=32, max_width=2560)
    charset = tuple(charset_characters("digits"))
    spec = ModelSpec("lcnetv4", {}, charset, image, frame_spec("lcnetv4", {}, image))
    config = SynthConfig(charset="digits", max_length=8, strength=0.0, fonts=(str(matplotlib_folder()),))
    options = SynthOptions(lines_per_epoch=40, batch_size=4, max_pixels=10**6, seed=1, processes=1)
    made = SynthSource(config, spec, options, share)
    made._pool.shutdown()
    made._pool = pool  # type: ignore[assignment]  # a stand-in
    module._start_renderer(config, 1, spec)
    return made


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 8)
    # The renderer runs in this process: it must not take away its signals, which later child processes would inherit.
    monkeypatch.setattr(module, "_IGNORED_SIGNALS", ())


def texts(batches: list[Batch]) -> list[str]:
    return sorted(sample.text for batch in batches for sample in batch.samples)


def test_two_processes_draw_what_one_that_accumulates_draws() -> None:
    pools = Here(), Here(), Here()
    one = list(source(Share(accumulate=2), pools[0]).updates(3))
    halves = [list(source(Share(rank, 2), pools[1 + rank]).updates(3)) for rank in range(2)]
    assert abs(len(halves[0]) - len(halves[1])) <= 4
    count = max(len(half) for half in halves)
    assert len(one) == count > 3
    for number in range(count):
        joined = [batch for half in halves for batch in (half[number] if number < len(half) else [])]
        assert len(joined) == len(one[number])
        for left, right in zip(one[number], joined, strict=True):
            assert torch.equal(left.images, right.images) and torch.equal(left.targets, right.targets)
    assert sorted(pool.chunks for pool in pools) == [2, 3, 5], "each process renders its own lines only"
    assert sum(len(batch) for update in one for batch in update) == 40


def test_an_epoch_goes_on_in_its_middle() -> None:
    lines = source(Share(accumulate=2), Here())
    whole, rest = list(lines.updates(0)), list(lines.updates(0, 2))
    assert [texts(update) for update in whole[2:]] == [texts(update) for update in rest]
