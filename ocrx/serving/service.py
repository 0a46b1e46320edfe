"""What the routes share: the model, its batcher, the limits, and the processing of a request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from ocrx.config import DecodeOptions, ServeConfig
from ocrx.errors import BackendError, ConfigError, DataError
from ocrx.inference.download import Download
from ocrx.inference.lines import Layout
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.results import Prediction
from ocrx.serving.batcher import Batcher, QueueFullError, Reading
from ocrx.serving.bodies import Body, BodyReader, ClientGoneError
from ocrx.serving.envelope import NOTES, Notes
from ocrx.serving.listening import HttpError
from ocrx.serving.metrics import Metrics
from ocrx.serving.options import Readers, wrong_option
from ocrx.serving.uploads import Upload, UploadedImage, holds_pages, open_uploads

_FETCHERS = 16  # requests whose images are fetched at once


@dataclass(frozen=True)
class ReadImage:
    """The result for one image or page of a request.

    Attributes:
        upload: Number of the upload that contains it, from 0.
        size: Width and height.
        predictions: Its lines; a single failed one if it could not be opened.
        failure: Why it could not be opened, if so.
    """

    upload: int
    size: tuple[int, int]
    predictions: Sequence[Prediction]
    failure: HttpError | None


@dataclass(frozen=True)
class Rendered:
    """A response, ready to be sent.

    Attributes:
        status: The HTTP status.
        content: JSON.
        code: Why nothing could be read, if so.
    """

    status: int
    content: bytes
    code: str | None = None


Render = Callable[[Sequence[ReadImage]], Rendered]
"""Renders the response to a request; called in a worker, so that other requests do not wait for it."""


class Service:
    """One model behind HTTP.

    Attributes:
        recognizer: Reads the images.
        settings: The limits.
        metrics: Counts what happens.
    """

    def __init__(self, recognizer: Recognizer, settings: ServeConfig) -> None:
        """Start the workers.

        Args:
            recognizer: Reads the images.
            settings: The limits.
        """
        self.recognizer = recognizer
        self.settings = settings
        self.metrics = Metrics(lambda: self._batcher.outstanding)
        self._readers = Readers(recognizer)
        self._bodies = BodyReader(settings.max_body * 2**20)
        self._batcher = Batcher(recognizer, settings.queue, self.metrics.batch_read)
        # Separate threads: slow web servers must not delay requests that fetch nothing.
        self._fetchers = ThreadPoolExecutor(_FETCHERS, thread_name_prefix="ocrx fetch")

    def close(self) -> None:
        """Read what was accepted and end the workers."""
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        self._batcher.close()

    def body(self, request: Request) -> Body:
        """Prepare to read a body; the caller must release it.

        Args:
            request: The request.

        Returns:
            Its body.
        """
        return self._bodies.body(request.scope["headers"], request.receive)

    def upload_of_url(self, url: str) -> Upload:
        """Take an image by its URL.

        Args:
            url: The URL.

        Returns:
            The upload; it is fetched when its images are opened.

        Raises:
            HttpError: URLs are not allowed in requests, or the text is not a URL.
        """
        if not self.settings.allow_urls:
            raise HttpError(
                400,
                "urls_not_allowed",
                "URLs are not allowed in requests; start the server with --allow-urls to fetch them",
            )
        if not url.startswith(("http://", "https://")):
            raise HttpError(400, "wrong_option", f"url: {url[:60]!r}; expected http:// or https://")
        try:
            return Upload(url, fetch=Download(url, total_s=self.settings.timeout).data)
        except DataError as error:
            raise HttpError(400, "wrong_option", error.message) from None

    def layout(self, lines: str, orientation: str | None = None) -> Layout:
        """Determine how the lines of an image are found.

        Args:
            lines: ``one``, ``split`` or ``detect``.
            orientation: ``none`` or ``auto``; None derives it from ``lines``.

        Returns:
            The layout.

        Raises:
            HttpError: A value is invalid, or the extra ``page`` is missing.
        """
        try:
            return self.recognizer.layout(lines, orientation)
        except ConfigError as error:
            raise wrong_option(error) from None
        except BackendError as error:
            raise HttpError(501, "pages_not_installed", f"{error.message}; the server needs the extra page") from None

    async def read(
        self,
        request: Request,
        body: Body,
        uploads: Sequence[Upload],
        options: DecodeOptions,
        render: Render,
        layout: Layout,
    ) -> Response:
        """Read the images of a request.

        Args:
            request: The request; reading stops when the client disconnects.
            body: Its body, which accounts for fetched images, too.
            uploads: Its images.
            options: Decoding options.
            render: Renders the response.
            layout: How the lines of an image are found.

        Returns:
            The response.

        Raises:
            HttpError: The request is refused.
            ClientGoneError: The client has disconnected.
        """
        reader = self.recognizer
        if options != DecodeOptions():
            reader = await asyncio.to_thread(self._readers.get, options)
        find = partial(open_uploads, uploads, self.settings.max_images, self.settings.max_pixels, body.fetched)
        if any(upload.fetch is not None for upload in uploads):
            images = await asyncio.get_running_loop().run_in_executor(self._fetchers, find)
        else:
            images = await asyncio.to_thread(find) if any(map(holds_pages, uploads)) else find()

        notes: Notes = request.scope[NOTES]
        notes.images = len(images)
        rendered = await self._read_images(request, images, reader, render, layout)
        notes.code = rendered.code
        return Response(rendered.content, rendered.status, media_type="application/json")

    async def _read_images(
        self, request: Request, images: Sequence[UploadedImage], reader: Recognizer, render: Render, layout: Layout
    ) -> Rendered:
        loop = asyncio.get_running_loop()
        rendered: asyncio.Future[Rendered] = loop.create_future()

        def finish(result: Rendered | None, error: Exception | None) -> None:
            if rendered.done():
                return
            if error is not None:
                rendered.set_exception(error)
            elif result is not None:
                rendered.set_result(result)

        def done() -> None:
            try:
                if reading.error is not None:
                    raise reading.error
                result, error = render(self._results(images, reading)), None
            except Exception as problem:  # raised again where the request waits for it
                result, error = None, problem
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(finish, result, error)

        reading = Reading(reader, [image.input for image in images], done, layout)
        try:
            self._batcher.submit(reading)
        except QueueFullError as full:
            wait = str(max(1, math.ceil(full.retry_after_s)))
            raise HttpError(
                503, "queue_full", "too many images are waiting; try again later", {"Retry-After": wait}
            ) from None
        try:
            return await _unless_gone(request, rendered)
        finally:
            self._batcher.cancel(reading)

    def _results(self, images: Sequence[UploadedImage], reading: Reading) -> list[ReadImage]:
        failed = sum(image.failure is not None for image in images)
        self.metrics.images_read(len(images) - failed, failed)
        return [
            ReadImage(image.upload, image.size, predictions, image.failure)
            for image, predictions in zip(images, reading.predictions, strict=True)
        ]


async def _unless_gone(request: Request, rendered: asyncio.Future[Rendered]) -> Rendered:
    """Wait for the response as long as the client does."""

    async def wait_for_hang_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.ensure_future(wait_for_hang_up())
    try:
        await asyncio.wait((rendered, gone), return_when=asyncio.FIRST_COMPLETED)
        if not rendered.done():
            raise ClientGoneError
        return rendered.result()
    finally:
        gone.cancel()
