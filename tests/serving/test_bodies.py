"""Bodies within limits."""

from __future__ import annotations

import asyncio

import pytest

from ocrx.serving.bodies import BodyReader, ClientGoneError
from ocrx.serving.listening import HttpError, Message, Receive


def receive(*messages: Message) -> Receive:
    left = list(messages)

    async def next_message() -> Message:
        return left.pop(0)

    return next_message


def whole(size: int) -> Receive:
    return receive({"type": "http.request", "body": bytes(size), "more_body": False})


def test_a_body_is_read_piece_by_piece() -> None:
    pieces = [{"type": "http.request", "body": part, "more_body": part != b"c"} for part in (b"a", b"", b"b", b"c")]
    body = BodyReader(10).body([(b"content-type", b"Text/Plain; charset=x")], receive(*pieces))
    assert asyncio.run(body.read()) == b"abc" and body.size == 3
    assert body.media_type == "text/plain"


def test_all_bodies_together_have_a_limit() -> None:
    reader = BodyReader(100)
    held = [reader.body([], whole(100)) for _ in range(8)]
    for body in held:
        asyncio.run(body.read())
    late = reader.body([], whole(1))
    with pytest.raises(HttpError) as error:
        asyncio.run(late.read())
    assert error.value.status == 503 and error.value.headers["Retry-After"]

    late.release()
    held[0].release()
    assert asyncio.run(reader.body([], whole(100)).read()) == bytes(100)


def test_a_body_is_too_large_by_its_length_or_by_its_bytes() -> None:
    reader = BodyReader(100)
    with pytest.raises(HttpError) as announced:
        reader.body([(b"content-length", b"101")], whole(0))
    with pytest.raises(HttpError) as counted:
        asyncio.run(reader.body([], whole(101)).read())
    assert announced.value.status == counted.value.status == 413


@pytest.mark.parametrize("length", [b"-1", b"x", b"1.5", b"\xb2"])
def test_a_length_is_a_number(length: bytes) -> None:
    with pytest.raises(HttpError) as error:
        BodyReader(100).body([(b"content-length", length)], whole(0))
    assert error.value.status == 400


def test_a_client_that_hangs_up_is_noticed() -> None:
    first = {"type": "http.request", "body": b"x", "more_body": True}
    body = BodyReader(100).body([], receive(first, {"type": "http.disconnect"}))
    with pytest.raises(ClientGoneError):
        asyncio.run(body.read())


def test_nothing_is_fetched_for_a_request_that_has_ended() -> None:
    reader = BodyReader(100)
    body = reader.body([], receive())
    body.fetched(60)
    body.release()
    with pytest.raises(HttpError) as refused:
        body.fetched(0)
    assert refused.value.status == 504
    for _ in range(20):
        another = reader.body([], receive())
        another.fetched(100)
        another.release()
