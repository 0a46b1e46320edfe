"""A server of this process on a free port, and networks that wait until they are let go."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import numpy as np
import numpy.typing as npt
import uvicorn
from PIL import Image

from ocrx.backends import Backend
from ocrx.config import ServeConfig
from ocrx.inference.recognizer import Recognizer
from ocrx.serving.app import create_app
from ocrx.serving.listening import address_of, open_socket

T = TypeVar("T")


class GatedBackend:
    """A network behind a gate: it reads when the gate is open, and counts its batches."""

    def __init__(self, inner: Backend, threads: int = 1) -> None:
        self.spec, self.name = inner.spec, inner.name
        self.threads = self.parallel = threads
        self.pixels: int | None = None
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches: list[tuple[int, ...]] = []
        self.failure: Exception | None = None
        self._inner = inner

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.batches.append(images.shape)
        self.entered.release()
        assert self.gate.wait(60)
        if self.failure is not None:
            raise self.failure
        return self._inner.logits(images)


@dataclass
class Server:
    """A running server: its address, a client for it, and the lines of its log."""

    url: str
    client: httpx.Client
    log: list[dict[str, Any]] = field(default_factory=list)

    def read(self, *images: tuple[str, bytes], **fields: str) -> httpx.Response:
        """Send images to ``/v1/lines``."""
        return self.client.post("/v1/lines", files=[("image", image) for image in images], data=fields)


@contextmanager
def serving(recognizer: Recognizer, tokens: tuple[str, ...] = (), **settings: Any) -> Iterator[Server]:
    """Serve on a free port."""
    log: list[dict[str, Any]] = []
    app = create_app(recognizer, ServeConfig(**settings), tokens, lambda line: log.append(json.loads(line)))
    config = uvicorn.Config(app, ws="none", lifespan="on", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    bound = open_socket("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        # Requests before the start wait in the socket's queue.
        bound.listen(2048)
        with httpx.Client(base_url=address_of(bound), timeout=120, trust_env=False) as client:
            yield Server(address_of(bound), client, log)
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def png(image: Image.Image, name: str = "line.png") -> tuple[str, bytes]:
    """An image as a file to upload."""
    content = io.BytesIO()
    image.save(content, "PNG")
    return name, content.getvalue()


class Background:
    """Threads for calls that wait for something, joined in the end."""

    def __enter__(self) -> Background:
        self._threads = ThreadPoolExecutor(16)
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=True)

    def call(self, work: Callable[[], T]) -> Future[T]:
        return self._threads.submit(work)


def code(answer: httpx.Response) -> str:
    """The code of a refusal, whose body is whole."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message"} and error["message"]
    return str(error["code"])


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, however busy the machine is."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.01)
