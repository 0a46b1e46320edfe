"""The ``Serve`` section: the HTTP server and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ocrx.config.ranges import Count, Workers
from ocrx.errors import ConfigError
from ocrx.schema import Range


@dataclass(frozen=True)
class ServeConfig:
    """The HTTP server.

    Attributes:
        host: Address to listen on; any but a loopback address needs a token file.
        port: Port to listen on; 0 takes a free one.
        token_file: File with one token per line; requests must carry one of them.
        workers: Processes that share the port, each with its own copy of the model.
        max_body: Largest body of a request in MiB.
        max_images: Most images of a request, pages of a PDF included.
        max_pixels: Most pixels of an image, or of a page of a PDF at 200 dpi.
        queue: Images that may wait or be read at once; requests with more get status 503.
        timeout: Longest time of a request in seconds.
        allow_urls: Fetch images by URL. Whoever may call the server can then reach what this machine reaches.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 8000
    token_file: str | None = None
    workers: Workers = 1
    max_body: Annotated[int, Range(1, 4096)] = 64
    max_images: Count = 256
    max_pixels: Annotated[int, Range(1, 89_000_000)] = 40_000_000
    queue: Count = 4096
    timeout: Annotated[float, Range(above=0, most=86_400)] = 60.0
    allow_urls: bool = False

    def __post_init__(self) -> None:
        if self.queue < self.max_images:
            raise ConfigError(f"queue: {self.queue}; expected at least max_images ({self.max_images})")
