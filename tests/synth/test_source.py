"""Batches of rendered lines: what a network trains on."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator

import pytest

from ocrx.config import SynthConfig
from ocrx.ctc.frames import required_frames
from ocrx.errors import BackendError
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import frame_spec
from ocrx.synth.source import SynthOptions, SynthSource
from ocrx.synth.text import charset_characters

IMAGE = ImageSpec(bucket=16, min_width=16)
PARAMS = {"width_stride": 8}


@pytest.fixture(scope="module")
def source() -> Iterator[SynthSource]:
    made = make_source()
    yield made
    made.close()


def make_source(processes: int = 1) -> SynthSource:
    """For a network with one frame every 8 px: some rendered lines are too narrow for it."""
    charset = charset_characters("western")
    spec = ModelSpec(
        architecture="lcnetv4",
        params=PARAMS,
        charset=tuple(charset),
        image=IMAGE,
        frames=frame_spec("lcnetv4", PARAMS, IMAGE),
        name="wide",
    )
    options = SynthOptions(lines_per_epoch=192, batch_size=16, max_pixels=10**6, seed=5, processes=processes)
    return SynthSource(SynthConfig(), spec, options)


def test_every_line_has_frames_for_its_text(source: SynthSource) -> None:
    """A line without them would have an infinite loss."""
    frames = frame_spec("lcnetv4", PARAMS, IMAGE)
    lines = 0
    for (batch,) in source.updates(0):
        lines += len(batch)
        for sample in batch.samples:
            assert frames.count(batch.images.shape[3]) >= required_frames([ord(c) for c in sample.text])
    assert 100 < lines < 192


def test_an_epoch_goes_on_where_it_stopped(source: SynthSource) -> None:
    whole = [[sample.text for sample in batch.samples] for (batch,) in source.updates(1)]
    rest = [[sample.text for sample in batch.samples] for (batch,) in source.updates(1, start=3)]
    assert rest == whole[3:] and len(whole) > 4


def test_renderers_end_with_the_source() -> None:
    """One that is still there when the process exits can wait for work for ever, and the process for it."""
    before = set(multiprocessing.active_children())
    made = make_source()
    next(made.updates(0))
    started = set(multiprocessing.active_children()) - before
    made.close()
    assert started and not any(renderer.is_alive() for renderer in started)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals to a group of processes are of POSIX")
def test_renderers_leave_signals_to_the_training() -> None:
    """Ctrl-C reaches all processes of the terminal, from the first moment on."""
    before = set(multiprocessing.active_children())
    made = make_source()
    made._pool.submit(len, ())
    (renderer,) = set(multiprocessing.active_children()) - before
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(renderer.pid or 0, number)
    updates = made.updates(0)
    next(updates)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(renderer.pid or 0, number)
    assert sum(len(part) for parts in updates for part in parts) > 50
    made.close()
    assert renderer.exitcode == 0


def test_a_killed_renderer_is_said() -> None:
    """The others are ended, though they leave SIGTERM alone: the pool would wait for them for ever."""
    before = set(multiprocessing.active_children())
    made = make_source(processes=2)
    updates = made.updates(0)
    next(updates)
    renderers = list(set(multiprocessing.active_children()) - before)
    renderers[0].kill()
    with pytest.raises(BackendError, match="a rendering process ended"):
        for _ in range(10):
            list(made.updates(1))
    made.close()
    assert len(renderers) == 2 and not any(renderer.is_alive() for renderer in renderers)
