"""Reads request bodies piece by piece within limits, and the multipart forms in them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ocrx.serving.listening import HttpError, Receive
from ocrx.serving.uploads import too_many_images

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MAX_FIELDS = 64  # parts of a form besides its images
_BODIES_AT_ONCE = 8  # of the maximum size; bounds the memory of all requests together


class ClientGoneError(Exception):
    """The client has disconnected."""


class BodyReader:
    """Reads request bodies: each up to a limit, and all at the same time up to a multiple of it."""

    def __init__(self, max_bytes: int) -> None:
        """Set the limit.

        Args:
            max_bytes: Maximum size of a body.
        """
        self.max_bytes = max_bytes
        self._held = 0
        self._lock = threading.Lock()

    def body(self, headers: Sequence[tuple[bytes, bytes]], receive: Receive) -> Body:
        """Prepare to read the body of a request.

        Args:
            headers: ASGI's headers.
            receive: ASGI's ``receive``.

        Returns:
            Its body, not read yet; the caller must release it.

        Raises:
            HttpError: The body is compressed, its announced length is too large, or not a number.
        """
        values = {name: value.decode("latin-1") for name, value in headers}
        if values.get(b"content-encoding", "identity") != "identity":
            raise HttpError(415, "compressed_body", "Content-Encoding: compressed bodies are not read")
        length = values.get(b"content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise HttpError(400, "malformed", f"Content-Length: {length[:40]!r}; expected a number")
        if int(length) > self.max_bytes:
            raise self.too_large()
        return Body(self, values.get(b"content-type", ""), receive)

    def too_large(self) -> HttpError:
        """Create the error for a body that is too large.

        Returns:
            The error.
        """
        return HttpError(413, "body_too_large", f"body: more than {self.max_bytes / 2**20:g} MiB")

    def hold(self, count: int) -> None:
        """Account for bytes that a request holds, or with a negative number has released. Thread-safe.

        Args:
            count: Number of bytes.

        Raises:
            HttpError: All requests together hold too many bytes.
        """
        with self._lock:
            self._held += count
            held = self._held
        if count > 0 and held > _BODIES_AT_ONCE * self.max_bytes:
            raise HttpError(503, "busy", "too many large requests at once", {"Retry-After": "1"})


class Body:
    """The body of one request.

    Attributes:
        content_type: Value of the header.
        size: Bytes read so far, including those fetched by URL.
    """

    def __init__(self, reader: BodyReader, content_type: str, receive: Receive) -> None:
        self.content_type = content_type
        self.size = 0
        self._reader = reader
        self._receive = receive
        self._lock = threading.Lock()
        self._released = False

    @property
    def media_type(self) -> str:
        """``content_type`` without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read the body.

        Yields:
            Its pieces.

        Raises:
            HttpError: It is too large.
            ClientGoneError: The client disconnected before the end.
        """
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = bytes(message.get("body", b""))
            more = message.get("more_body", False)

            self.size += len(chunk)
            self._reader.hold(len(chunk))
            if self.size > self._reader.max_bytes:
                raise self._reader.too_large()
            if chunk:
                yield chunk

    async def read(self) -> bytes:
        """Read the whole body.

        Returns:
            Its bytes.

        Raises:
            HttpError: It is too large.
            ClientGoneError: The client disconnected before the end.
        """
        return b"".join([chunk async for chunk in self.chunks()])

    def fetched(self, count: int) -> None:
        """Account for bytes fetched by URL, which count as part of the body. Thread-safe.

        Args:
            count: Number of bytes; 0 only checks that the request has not ended.

        Raises:
            HttpError: Body and fetched bytes together are too large, or the request has ended.
        """
        with self._lock:
            if self._released:
                raise HttpError(504, "timeout", "the request has ended")
            self.size += count
            self._reader.hold(count)
        if self.size > self._reader.max_bytes:
            raise self._reader.too_large()

    def release(self) -> None:
        """Release the memory that the body accounts for."""
        with self._lock:
            self._reader.hold(-self.size)
            self.size = 0
            self._released = True


@dataclass
class Part:
    """One part of a form.

    Attributes:
        name: The field.
        filename: Name of the file; None for a plain value.
        content: Its content.
    """

    name: str
    filename: str | None
    content: bytearray = field(default_factory=bytearray)

    def text(self) -> str:
        """Decode the value of a field.

        Returns:
            The content as text.

        Raises:
            HttpError: It is not UTF-8.
        """
        try:
            return self.content.decode("utf-8-sig" if self.filename is not None else "utf-8")
        except UnicodeDecodeError:
            raise HttpError(400, "malformed", f"{self.name}: not UTF-8") from None


async def read_form(body: Body, fields: frozenset[str], images: frozenset[str], max_images: int) -> list[Part]:
    """Read a multipart form.

    Args:
        body: The body of the request.
        fields: Names of the allowed fields.
        images: Names of the fields that hold images.
        max_images: Maximum number of images.

    Returns:
        Its parts, in order.

    Raises:
        HttpError: The body is empty, malformed or not a form, or has an unknown field or too many images.
        ClientGoneError: The client disconnected.
    """
    kind, options = parse_options_header(body.content_type)
    boundary = options.get(b"boundary", b"")
    form = _Form(fields, images, max_images)
    try:
        parser = MultipartParser(boundary or b"-", form.callbacks())
        async for chunk in body.chunks():
            if kind != b"multipart/form-data" or not boundary:
                raise HttpError(415, "not_a_form", "Content-Type: expected multipart/form-data with a boundary")
            parser.write(chunk)
    except FormParserError as error:
        raise HttpError(400, "malformed", f"body: not a multipart form ({error})") from None

    if not body.size:
        raise HttpError(400, "empty_body", f"body: empty; expected a form with {' or '.join(sorted(images))}")
    if not form.complete:
        raise HttpError(400, "malformed", "body: the form ends before its last boundary")
    return form.parts


class _Form:
    """Collects the parts of a form from the callbacks of the parser."""

    def __init__(self, fields: frozenset[str], images: frozenset[str], max_images: int) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._fields, self._images, self._max_images = fields, images, max_images
        self._name, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._image_count = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._part_begins,
            "on_part_data": lambda data, start, end: self.parts[-1].content.extend(memoryview(data)[start:end]),
            "on_end": self._form_ends,
        }

    def _header_ends(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _part_begins(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        if name not in self._fields:
            raise HttpError(
                400, "unknown_field", f"{name[:60]!r}: no such field; expected {', '.join(sorted(self._fields))}"
            )

        self._image_count += name in self._images
        if self._image_count > self._max_images:
            raise too_many_images(self._max_images)
        if len(self.parts) - self._image_count >= _MAX_FIELDS:
            raise HttpError(400, "malformed", f"body: more than {_MAX_FIELDS} fields beside the images")
        self.parts.append(Part(name, None if filename is None else filename.decode("utf-8", "replace")))

    def _form_ends(self) -> None:
        self.complete = True
