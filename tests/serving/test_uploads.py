"""Images that a server fetches."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.lines import draw_line
from support.serving import code, png, serving
from support.web_server import web_server

from ocrx.inference.recognizer import Recognizer


def test_addresses_are_fetched_where_that_is_allowed(recognizer: Recognizer) -> None:
    name, content = png(draw_line("from the web"))
    with web_server() as web, serving(recognizer, allow_urls=True) as server:
        web.files = {f"/{name}": content, "/text": b"no image"}
        fields = {"url": [f"{web.url}/{name}", f"{web.url}/missing", f"{web.url}/text"]}
        answer = server.client.post("/v1/lines", data=fields, files=[("image", (name, content))])
        by_index = {r["image_index"]: r for r in answer.json()["results"]}
        texts = [r["rec_text"] for r in by_index.values() if "error" not in r]
        assert len(texts) == 2 and texts[0] == texts[1]
        assert sorted(r["error"]["code"] for r in by_index.values() if "error" in r) == [
            "not_an_image",
            "url_unreachable",
        ]
        assert code(server.client.post("/v1/lines", files={"url": (None, "file:///etc/passwd")})) == "wrong_option"


def test_slow_web_servers_do_not_delay_others(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, gate = threading.Semaphore(0), threading.Event()

    class Slow:
        def __init__(self, url: str, total_s: float) -> None:
            pass

        def data(self) -> bytes:
            entered.release()
            assert gate.wait(60)
            return b"no image"

    monkeypatch.setattr("ocrx.serving.service.Download", Slow)
    with serving(recognizer, allow_urls=True) as server, ThreadPoolExecutor(50) as background:
        fetching = {"url": (None, "http://slow.example/x.png")}
        slow = [background.submit(server.client.post, "/v1/lines", files=fetching) for _ in range(40)]
        assert entered.acquire(timeout=60)
        for _ in range(5):
            assert entered.acquire(timeout=60)
        try:
            quick = background.submit(server.read, png(draw_line("x")), allow="abc")
            assert quick.result(30).status_code == 200
        finally:
            gate.set()
        assert {answer.result().status_code for answer in slow} == {415}


def test_fetched_images_count_with_the_body(recognizer: Recognizer) -> None:
    with web_server() as web, serving(recognizer, allow_urls=True, max_body=1) as server:
        web.files = {f"/{number}": bytes(600_000) for number in range(4)}
        urls = [("url", (None, web.url + path)) for path in web.files]
        refused = server.client.post("/v1/lines", files=urls)
        assert (refused.status_code, code(refused)) == (413, "body_too_large")
        assert web.count == 2, "the others are not fetched"
        for _ in range(20):  # what was held is given back
            alone = server.client.post("/v1/lines", files={"url": (None, f"{web.url}/0")})
            assert code(alone) == "not_an_image"
