"""Where an application listens, who may call it, and how it stops."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from ocrx.errors import BackendError, ConfigError
from ocrx.serving.listening import (
    AccessCheck,
    Message,
    Receive,
    Send,
    address_of,
    is_loopback,
    open_socket,
    read_tokens,
    require_packages,
    send_json,
)

TOKEN = "0123456789abcdef-first"
OTHER = "0123456789abcdef-second"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "[::1]", "127.8.9.1"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "192.168.1.4", "", "127.0.0.1.example.org"])
def test_addresses_that_others_reach(host: str) -> None:
    assert not is_loopback(host)


def test_another_host_needs_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}\n\n{OTHER}\n", encoding="utf-8")
    assert read_tokens("127.0.0.1", None) == ()
    assert read_tokens("0.0.0.0", str(file)) == (TOKEN, OTHER)
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 is reached from other machines") as error:
        read_tokens("0.0.0.0", None)
    assert "--token-file" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n", "empty"),
        ("short\n", "token 1"),
        (f"{TOKEN}\nwith a space in the token\n", "token 2"),
        (None, "token_file"),
    ],
)
def test_token_files_that_protect_nothing_are_refused(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_tokens("0.0.0.0", str(file))


async def _inner(scope: Message, receive: Receive, send: Send) -> None:
    await send_json(send, 200, {"reached": scope["path"]})


def call(check: AccessCheck, path: str = "/", **headers: str) -> tuple[int, dict[str, Any], dict[bytes, bytes]]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(check({"type": "http", "path": path, "headers": raw}, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"]), dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {OTHER}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer", 401),
        ("", 401),
        ("Bearer ä", 401),
    ],
)
def test_a_request_carries_one_of_the_tokens(header: str, status: int) -> None:
    check = AccessCheck(_inner, (TOKEN, OTHER), frozenset({"/health"}))
    found, body, headers = call(check, "/v1/lines", authorization=header)
    assert found == status
    if status == 401:
        assert body["error"]["code"] == "wrong_token" and headers[b"www-authenticate"] == b"Bearer"
    assert call(check, "/health")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8000"}, 200),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({}, 200),
        ({"host": "attacker.example:8000"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "https://attacker.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "null"}, 403),
        ({"host": "[::1"}, 403),
    ],
)
def test_without_tokens_no_other_site_may_call(headers: dict[str, str], status: int) -> None:
    assert call(AccessCheck(_inner), "/", **headers)[0] == status


def test_a_port_that_is_taken_is_named() -> None:
    with open_socket("127.0.0.1", 0) as bound:
        bound.listen()
        port = bound.getsockname()[1]
        assert address_of(bound) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=f"port: 127.0.0.1:{port}"):
            open_socket("127.0.0.1", port)
    with pytest.raises(ConfigError, match="host: "):
        open_socket("no..such..host", 0)


def test_addresses_of_both_families_are_urls() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        bound = open_socket("::1", 0)
    except ConfigError:
        pytest.skip("no IPv6 loopback address here")
    with bound:
        assert address_of(bound).startswith("http://[::1]:")


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(BackendError, match="no_such_package: not installed") as error:
        require_packages("serve", ("json", "no_such_package"))
    assert error.value.hint == "pip install 'ocrx[serve]'"
