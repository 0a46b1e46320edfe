"""The micro-batcher: at once while a worker is idle, together when all are busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image
from support.lines import draw_line, draw_page
from support.serving import GatedBackend, wait_until

from ocrx.backends import open_backend
from ocrx.config import DecodeOptions
from ocrx.inference.inputs import ImageInput, iter_inputs
from ocrx.inference.lines import ONE_LINE, Layout
from ocrx.inference.recognizer import Recognizer
from ocrx.serving.batcher import Batcher, QueueFullError, Reading


@pytest.fixture
def backend(model_folder: Path) -> GatedBackend:
    return GatedBackend(open_backend(model_folder, "onnx", threads=1))


@pytest.fixture
def recognizer(backend: GatedBackend) -> Recognizer:
    return Recognizer(backend)


@pytest.fixture
def batcher(recognizer: Recognizer, backend: GatedBackend) -> Iterator[Batcher]:
    batcher = Batcher(recognizer, queue=1000)
    yield batcher
    backend.gate.set()
    batcher.close()


class Request:
    """A reading whose end can be waited for."""

    def __init__(self, reader: Recognizer, images: Sequence[object], layout: Layout = ONE_LINE) -> None:
        self.ended = threading.Event()
        self.ends = 0
        self.reading = Reading(reader, list(iter_inputs(images)), self._done, layout)

    def _done(self) -> None:
        self.ends += 1
        self.ended.set()

    def texts(self) -> list[list[str]]:
        assert self.ended.wait(60) and self.ends == 1
        return [[line.text for line in lines] for lines in self.reading.predictions]


NARROW, WIDE = draw_line("ab"), draw_line("a much wider line of text")


def test_an_idle_worker_reads_at_once(batcher: Batcher, recognizer: Recognizer, backend: GatedBackend) -> None:
    request = Request(recognizer, [NARROW])
    batcher.submit(request.reading)
    assert backend.entered.acquire(timeout=60)
    assert [shape[0] for shape in backend.batches] == [1]
    backend.gate.set()
    request.texts()


def test_what_waits_for_a_busy_worker_is_read_by_bucket(
    batcher: Batcher, recognizer: Recognizer, backend: GatedBackend
) -> None:
    first = Request(recognizer, [NARROW])
    batcher.submit(first.reading)
    assert backend.entered.acquire(timeout=60)
    others = [Request(recognizer, [WIDE if number % 2 else NARROW]) for number in range(8)]
    for request in others:
        batcher.submit(request.reading)
    assert batcher.outstanding == 9
    backend.gate.set()

    found = [request.texts()[0] for request in (first, *others)]
    assert [shape[0] for shape in backend.batches] == [1, 4, 4]
    narrow, wide = ([prediction.text] for prediction in recognizer.predict([NARROW, WIDE]))
    assert found == [narrow] + [narrow, wide] * 4
    assert batcher.outstanding == 0


def test_requests_with_other_options_do_not_share_a_batch(
    batcher: Batcher, recognizer: Recognizer, backend: GatedBackend
) -> None:
    backend.gate.set()
    reader = recognizer.with_options(DecodeOptions(allow="xyz"))
    plain, bound = Request(recognizer, [NARROW] * 3), Request(reader, [NARROW] * 3)
    batcher.submit(plain.reading)
    batcher.submit(bound.reading)
    assert set("".join(text for (text,) in bound.texts())) <= set("xyz")
    assert len({text for (text,) in plain.texts()}) == 1
    assert all(shape[0] <= 3 for shape in backend.batches)


def test_a_large_request_does_not_block_a_small_one(
    batcher: Batcher, recognizer: Recognizer, backend: GatedBackend
) -> None:
    opened: list[str] = []

    def source(name: str) -> ImageInput:
        def load() -> Image.Image:
            opened.append(name)
            return NARROW

        return ImageInput(load, name)

    first, large, small = (Request(recognizer, []) for _ in range(3))
    first.reading.images = [source("first")]
    large.reading.images = [source("large")] * 60
    small.reading.images = [source("small")]
    batcher.submit(first.reading)
    assert backend.entered.acquire(timeout=60)
    batcher.submit(large.reading)
    batcher.submit(small.reading)
    backend.gate.set()
    large.texts()
    small.texts()
    assert opened.index("small") < 20


def test_failures_and_pages(batcher: Batcher, recognizer: Recognizer, backend: GatedBackend) -> None:
    backend.gate.set()
    page = draw_page(["one", "two", "three"])
    request = Request(recognizer, [page, b"no image", NARROW], recognizer.layout("split"))
    batcher.submit(request.reading)
    lines, failed, narrow = request.texts()
    assert len(lines) == 3 and failed == [""] and len(narrow) == 1
    assert request.reading.predictions[1][0].error is not None
    only_failures = Request(recognizer, [b"x", b"y"])
    batcher.submit(only_failures.reading)
    assert only_failures.texts() == [[""], [""]]
    assert batcher.outstanding == 0


def test_a_full_queue_takes_nothing(recognizer: Recognizer, backend: GatedBackend) -> None:
    batcher = Batcher(recognizer, queue=3)
    first, second, third = (Request(recognizer, [NARROW] * count) for count in (2, 2, 1))
    batcher.submit(first.reading)
    with pytest.raises(QueueFullError) as error:
        batcher.submit(second.reading)
    assert error.value.retry_after_s > 0 and batcher.outstanding == 2
    batcher.submit(third.reading)
    backend.gate.set()
    first.texts()
    third.texts()
    batcher.close()
    with pytest.raises(QueueFullError):
        batcher.submit(second.reading)
    assert not second.ended.is_set()


def test_a_cancelled_request_is_not_read(batcher: Batcher, recognizer: Recognizer, backend: GatedBackend) -> None:
    first, cancelled, last = (Request(recognizer, [NARROW] * count) for count in (1, 40, 2))
    batcher.submit(first.reading)
    assert backend.entered.acquire(timeout=60)
    batcher.submit(cancelled.reading)
    batcher.submit(last.reading)
    batcher.cancel(cancelled.reading)
    batcher.cancel(cancelled.reading)
    assert batcher.outstanding == 3
    backend.gate.set()
    last.texts()
    first.texts()
    assert sum(shape[0] for shape in backend.batches) == 3 and cancelled.ends == 0
    assert batcher.outstanding == 0


def test_a_request_that_is_cancelled_while_it_is_read_is_left_alone(
    batcher: Batcher, recognizer: Recognizer, backend: GatedBackend
) -> None:
    request = Request(recognizer, [NARROW] * 3)
    batcher.submit(request.reading)
    assert backend.entered.acquire(timeout=60)
    batcher.cancel(request.reading)
    backend.gate.set()
    other = Request(recognizer, [WIDE])
    batcher.submit(other.reading)
    other.texts()
    assert batcher.outstanding == 0 and request.ends == 0


def test_an_error_ends_the_requests_of_its_batch(
    batcher: Batcher, recognizer: Recognizer, backend: GatedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.failure = RuntimeError("broken")
    backend.gate.set()
    request = Request(recognizer, [NARROW, NARROW, WIDE])
    batcher.submit(request.reading)
    assert request.ended.wait(60)
    assert request.reading.error is backend.failure and "reading failed" in caplog.text
    backend.failure = None
    good = Request(recognizer, [NARROW])
    batcher.submit(good.reading)
    assert good.texts()[0] != [""]
    assert batcher.outstanding == 0


def test_a_counter_that_fails_does_not_end_the_worker(recognizer: Recognizer, backend: GatedBackend) -> None:
    failures = [OSError("no space left")]

    def count(lines: int) -> None:
        if failures:
            raise failures.pop()

    backend.gate.set()
    batcher = Batcher(recognizer, queue=10, on_batch=count)
    failed, good = Request(recognizer, [NARROW]), Request(recognizer, [NARROW])
    batcher.submit(failed.reading)
    assert failed.ended.wait(60) and isinstance(failed.reading.error, OSError)
    batcher.submit(good.reading)
    assert good.texts()[0] != [""]
    batcher.close()


def test_closing_reads_what_was_accepted(recognizer: Recognizer, backend: GatedBackend) -> None:
    batcher = Batcher(recognizer, queue=1000)
    request = Request(recognizer, [NARROW] * 50)
    batcher.submit(request.reading)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    backend.gate.set()
    closing.join(60)
    assert not closing.is_alive() and len(request.texts()) == 50


@pytest.mark.parametrize("threads", [1, 3])
def test_many_threads_submit_at_once(model_folder: Path, threads: int) -> None:
    backend = GatedBackend(open_backend(model_folder, "onnx", threads=threads), threads)
    backend.gate.set()
    recognizer = Recognizer(backend)
    images = [draw_line(word) for word in ("a", "bc", "a longer line", "d e f", "x")]
    expected = [[prediction.text] for prediction in recognizer.predict(images)]
    batcher = Batcher(recognizer, queue=10_000)
    requests = [Request(recognizer, images) for _ in range(40)]
    clients = [threading.Thread(target=batcher.submit, args=[request.reading]) for request in requests]
    for client in clients:
        client.start()
    assert all(request.texts() == expected for request in requests)
    wait_until(lambda: batcher.outstanding == 0)
    batcher.close()
