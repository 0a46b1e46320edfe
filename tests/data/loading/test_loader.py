from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import torch
from support.lines import draw_line

from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.augment import Augmentation
from ocrx.data.loading.loader import THREAD_PREFIX, Lines, LineSource, LoaderOptions
from ocrx.errors import ConfigError, DataError
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.text.charset import Charset


def source(
    folder: Path,
    *,
    strength: float = 0.5,
    workers: int = 0,
    batch_size: int = 4,
    concat: float = 0.0,
    flip: float = 0.0,
) -> LineSource:
    samples = read_dataset(folder).train
    charset = Charset.from_texts(sample.text for sample in samples)
    spec = ModelSpec("lcnetv4", {}, charset.characters, ImageSpec(), FrameSpec(((3, 2, 1), (3, 2, 1))))
    return LineSource(
        Lines(samples, spec),
        LoaderOptions(
            batch_size=batch_size,
            max_pixels=10**6,
            seed=3,
            augmentation=Augmentation(strength),
            workers=workers,
            concat=concat,
            flip=flip,
        ),
    )


def test_a_batch_holds_what_it_says(line_folder: Path) -> None:
    lines = source(line_folder)
    seen = []
    for [batch] in lines.updates(0):
        assert batch.images.shape[:3] == (len(batch), 1, 32) and batch.images.dtype == torch.float32
        assert batch.images.shape[3] % 32 == 0
        assert batch.targets.shape == (int(batch.target_lengths.sum()),)
        charset = Charset.from_texts(sample.text for sample in lines.lines.samples)
        parts = torch.split(batch.targets, batch.target_lengths.tolist())
        assert [charset.decode(part.tolist()) for part in parts] == [sample.text for sample in batch.samples]
        seen += [sample.source for sample in batch.samples]
    assert sorted(seen) == [f"train.txt:{i}" for i in range(1, 9)]


def test_threads_and_restarts_change_nothing(line_folder: Path) -> None:
    alone = list(source(line_folder, workers=0).updates(2))
    threaded = list(source(line_folder, workers=3).updates(2))
    late = list(source(line_folder, workers=1).updates(2, start=1))
    for [left], [right] in zip(alone, threaded, strict=True):
        assert torch.equal(left.images, right.images) and left.samples == right.samples
    for [left], [right] in zip(alone[1:], late, strict=True):
        assert torch.equal(left.images, right.images)


def test_each_epoch_is_augmented_anew(line_folder: Path) -> None:
    lines = source(line_folder, batch_size=8, strength=1.0)
    by_source = [
        {
            s.source: image
            for [batch] in lines.updates(epoch)
            for s, image in zip(batch.samples, batch.images, strict=True)
        }
        for epoch in (0, 1)
    ]
    assert any(not torch.equal(by_source[0][name], by_source[1][name]) for name in by_source[0])


def test_stopping_early_ends_the_threads(line_folder: Path) -> None:
    def running() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith(THREAD_PREFIX)]

    batches = source(line_folder, workers=2, batch_size=1).updates(0)
    next(batches)
    assert running(), "batches are prepared by threads"
    batches.close()
    end = time.monotonic() + 60
    while running():
        assert time.monotonic() < end, "the threads go on after the epoch was left"
        time.sleep(0.01)


def test_an_empty_list_is_an_error() -> None:
    spec = ModelSpec("lcnetv4", {}, ("a",), ImageSpec(), FrameSpec(()))
    with pytest.raises(DataError, match="no lines"):
        Lines([], spec)


def test_the_number_of_batches_is_counted_once(line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = source(line_folder)
    assert len(lines) == len(lines.plans(0))
    monkeypatch.setattr(LineSource, "plans", lambda *_: pytest.fail("the loop asks after every step"))
    assert len(lines) == 2


def test_joined_lines_hold_both_labels_and_fit(line_folder: Path) -> None:
    lines = source(line_folder, batch_size=8, concat=1.0)
    charset, spec, seen = lines.lines.charset, lines.lines.spec, 0
    texts = {sample.source: sample.text for sample in lines.lines.samples}
    for epoch in range(3):
        for [batch] in lines.updates(epoch):
            assert batch.images.shape[3] <= spec.image.max_width
            for part, sample in zip(
                torch.split(batch.targets, batch.target_lengths.tolist()), batch.samples, strict=True
            ):
                parts = sample.source.split(" + ")
                assert charset.decode(part.tolist()) == sample.text == " ".join(texts[name] for name in parts)
                seen += len(parts) == 2
    assert seen == 24, "all of them, in every epoch"


def test_joining_changes_with_the_epoch_and_not_with_threads(line_folder: Path) -> None:
    alone = list(source(line_folder, concat=0.5).updates(1))
    threaded = list(source(line_folder, concat=0.5, workers=3).updates(1))
    other = list(source(line_folder, concat=0.5).updates(2))
    for [left], [right] in zip(alone, threaded, strict=True):
        assert torch.equal(left.images, right.images) and left.samples == right.samples
    joined = [{s.source for [batch] in batches for s in batch.samples if "+" in s.source} for batches in (alone, other)]
    assert joined[0] and joined[0] != joined[1]


def test_joining_words_of_a_charset_without_a_space_is_refused(tmp_path: Path) -> None:
    draw_line("ab").save(tmp_path / "a.png")
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).write_text("a.png\tab\n")
    with pytest.raises(ConfigError, match=r"Train\.concat: the charset has no space"):
        source(tmp_path, concat=0.1)


def test_flipped_lines_stand_on_their_head(line_folder: Path) -> None:
    [upright] = next(iter(source(line_folder, strength=0.0, batch_size=8).updates(0)))
    [flipped] = next(iter(source(line_folder, strength=0.0, batch_size=8, flip=1.0).updates(0)))
    assert torch.equal(upright.images.flip(2), flipped.images) and upright.samples == flipped.samples


def lines_of(folder: Path) -> Lines:
    return source(folder).lines


def test_an_image_that_changes_is_found(line_folder: Path) -> None:
    lines = lines_of(line_folder)
    assert lines.changed() == []
    first, second, third, *_ = (sample.image for sample in lines.samples)
    first.unlink()
    draw_line("something else").save(second)
    third.touch()
    os.utime(third, (1, 1))
    assert [sample.image for sample in lines.changed()] == [first, second], "another time is no change"
    assert lines.pixels(0).shape[0] == 32, "what is kept in memory is trained as it was"


@pytest.mark.parametrize("change", ["missing", "changed"])
def test_an_image_that_is_read_again_must_be_the_same(
    line_folder: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr("ocrx.data.loading.loader.CACHE_BYTES", 0)
    lines = lines_of(line_folder)
    whole = lines.pixels(1)
    assert whole.shape[1] == lines.widths[1]
    image = lines.samples[1].image
    if change == "missing":
        image.unlink()
    else:
        draw_line("another").save(image)
    with pytest.raises(DataError, match=rf"^train\.txt:2: .*{image.name}: .*expected the image that the training"):
        lines.pixels(1)
