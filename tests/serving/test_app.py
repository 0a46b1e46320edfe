"""The server as its clients see it: answers, refusals, limits, and what the log keeps."""

from __future__ import annotations

import base64
import io
import socket
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.lines import draw_line, draw_page
from support.pages import LOCKED_PDF, MILLION_PAGES
from support.random_net import WORDS
from support.serving import Background, GatedBackend, Server, code, png, serving, wait_until

from ocrx.backends import open_backend
from ocrx.imaging import reading
from ocrx.inference.recognizer import Recognizer

TOKEN = "a-token-of-enough-characters"


def png_header(width: int, height: int) -> bytes:
    """A PNG file that announces a size and holds hardly any pixels: what a decompression bomb looks like."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99)))


def test_texts_are_those_of_predict(server: Server, recognizer: Recognizer) -> None:
    lines = [draw_line(word, height=20 + 3 * number) for number, word in enumerate(WORDS)]
    answer = server.read(*[png(line, f"{number}.png") for number, line in enumerate(lines)])
    assert answer.status_code == 200
    results = answer.json()["results"]
    expected = [prediction.to_dict() for prediction in recognizer.predict(lines)]
    assert [r["rec_text"] for r in results] == [e["rec_text"] for e in expected]
    assert [r["rec_score"] for r in results] == pytest.approx([e["rec_score"] for e in expected], abs=1e-5)
    assert [r["input_path"] for r in results] == [f"{number}.png" for number in range(len(lines))]
    assert [r["image_index"] for r in results] == list(range(len(lines)))
    assert answer.json()["model"] == "random"


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"allow": "abc"}, {"allow": "abc"}),
        ({"pattern": "[a-h ]{1,8}"}, {"pattern": "[a-h ]{1,8}"}),
        ({"pattern": "1?[a-h]{2}"}, {"pattern": "1?[a-h]{2}"}),
        ({"lexicon": "abc\r\nbad\n\ncab\n"}, {"lexicon": ["abc", "bad", "cab"]}),
        ({"lexicon": "abc\nbad", "lexicon_margin": "2"}, {"lexicon": ["abc", "bad"], "lexicon_margin": 2.0}),
        ({"deny": "e", "beam": "3"}, {"deny": "e", "beam": 3}),
        ({"effort": "high"}, {"effort": "high"}),
    ],
)
def test_decoding_options_mean_what_they_mean_in_predict(
    server: Server, recognizer: Recognizer, fields: dict[str, str], options: dict[str, Any]
) -> None:
    lines = [draw_line(word) for word in WORDS[:3]]
    answer = server.read(*map(png, lines), **fields)
    assert [r["rec_text"] for r in answer.json()["results"]] == [p.text for p in recognizer.predict(lines, **options)]


def test_a_lexicon_may_be_a_file(server: Server) -> None:
    files = [("image", png(draw_line("x"))), ("lexicon", ("words.txt", "﻿bad\ncab\n".encode()))]
    answer = server.client.post("/v1/lines", files=files)
    assert answer.json()["results"][0]["rec_text"] in ("bad", "cab")


def test_details_and_pages(server: Server) -> None:
    page = png(draw_page(["one", "two", "three"]), "page.png")
    (whole,) = server.read(page, details="true").json()["results"]
    assert len(whole["char_scores"]) == len(whole["char_spans"]) == len(whole["rec_text"])
    lines = server.read(page, lines="split").json()["results"]
    assert [line["line_index"] for line in lines] == [0, 1, 2]
    assert all(len(line["box"]) == 4 and line["image_index"] == 0 for line in lines)


def test_every_page_of_a_file_is_an_image(server: Server) -> None:
    frames = io.BytesIO()
    first, *rest = [draw_line(word, height=32) for word in ("one", "two", "three")]
    first.save(frames, "TIFF", save_all=True, append_images=rest)
    results = server.read(png(first), ("many.tif", frames.getvalue())).json()["results"]
    assert [(r["image_index"], r["page_index"]) for r in results] == [(0, None), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("name", "content", "status", "expected"),
    [
        ("empty.png", b"", 415, "not_an_image"),
        ("text.png", b"hello", 415, "not_an_image"),
        ("page.html", b"<html>", 415, "not_an_image"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not_an_image"),
        ("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "not_an_image"),
        ("cut.png", png(draw_line("a line"))[1][:150], 422, "unreadable_image"),
        ("large.png", png_header(2000, 1000), 413, "too_many_pixels"),
        ("bomb.png", png_header(60_000, 60_000), 413, "too_many_pixels"),
        ("cut.tif", b"II*\0\x08\0\0\0", 422, "unreadable_image"),
        ("broken.pdf", b"%PDF-1.7\nno more", 422, "unreadable_pdf"),
    ],
)
def test_an_image_that_cannot_be_read_is_an_error_of_its_own(
    server: Server, name: str, content: bytes, status: int, expected: str
) -> None:
    alone = server.read((name, content))
    assert alone.status_code == status and code(alone) == expected
    assert alone.json()["error"]["message"].startswith(name)
    assert alone.json()["results"][0]["error"]["code"] == expected

    good = png(draw_line("good"))
    together = server.read(good, (name, content), good)
    assert together.status_code == 200
    first, failed, last = together.json()["results"]
    assert failed["error"]["code"] == expected and failed["rec_text"] == ""
    assert "error" not in first and first["rec_text"] == last["rec_text"] != ""


def test_pdf(server: Server) -> None:
    pytest.importorskip("pypdfium2")
    content = io.BytesIO()
    first, second = draw_line("one"), draw_line("two")
    first.save(content, "PDF", save_all=True, append_images=[second], resolution=200)
    answer = server.read(("two.pdf", content.getvalue()))
    assert [r["page_index"] for r in answer.json()["results"]] == [0, 1]
    locked = server.read(("locked.pdf", LOCKED_PDF))
    assert locked.status_code == 422 and code(locked) == "unreadable_pdf"
    assert "password" in locked.json()["error"]["message"]


def test_pages_that_are_too_large_are_never_rendered_or_decoded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pypdfium2.PdfPage, "render", lambda *_, **__: pytest.fail("rendered"))
    pdf, tiff = io.BytesIO(), io.BytesIO()
    large = Image.new("1", (1400, 800))
    large.save(pdf, "PDF", resolution=200)
    large.save(tiff, "TIFF", compression="group4", save_all=True, append_images=[draw_line("small").convert("1")])
    answer = server.read(("large.pdf", pdf.getvalue()))
    assert answer.status_code == 413 and code(answer) == "too_many_pixels"
    assert answer.json()["error"]["message"] == "large.pdf: 1400x800 pixels; expected at most 1,000,000"

    decoded: list[int] = []
    frame_of = reading._frame
    monkeypatch.setattr(
        reading, "_frame", lambda image, name, frame: decoded.append(frame) or frame_of(image, name, frame)
    )
    results = server.read(("many.tif", tiff.getvalue())).json()["results"]
    assert results[0]["error"]["code"] == "too_many_pixels" and "error" not in results[1]
    assert decoded == [1]


def test_a_pdf_that_claims_a_million_pages_is_refused(server: Server) -> None:
    pytest.importorskip("pypdfium2")
    answer = server.read(("many.pdf", MILLION_PAGES))
    assert answer.status_code == 413 and code(answer) == "too_many_images"


def test_pdf_without_its_extra(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.serving.uploads.find_spec", lambda name: None)
    answer = server.read(("x.pdf", b"%PDF-1.7"))
    assert answer.status_code == 501 and code(answer) == "pdf_not_installed"


def test_pages_without_the_extra_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.pages.networks.find_spec", lambda name: None)
    answer = server.client.post("/v1/pages", files={"image": png(draw_line("x"))})
    assert answer.status_code == 501 and code(answer) == "pages_not_installed"
    assert server.read(png(draw_line("x")), orientation="auto").status_code == 501
    split = server.client.post("/v1/pages", files={"image": png(draw_line("x"))}, data={"lines": "split"})
    assert split.status_code == 200


def test_lines_of_pages_in_reading_order(server: Server, recognizer: Recognizer) -> None:
    pytest.importorskip("rapidocr")
    page, empty = draw_page(["first", "second", "third"], height=60), Image.new("L", (300, 200), 255)
    files = [("image", png(page)), ("image", ("x", b"no image")), ("image", png(empty))]
    read, failed, blank = server.client.post("/v1/pages", files=files).json()["pages"]
    expected = list(recognizer.predict(page, lines="detect"))
    assert [line["rec_text"] for line in read["lines"]] == [line.text for line in expected]
    assert [line["box"] for line in read["lines"]] == [line.to_dict()["box"] for line in expected]
    assert (read["width"], read["height"]) == page.size and read["text"].splitlines()[0] == expected[0].text
    assert failed["error"]["code"] == "not_an_image" and failed["lines"] == []
    assert blank["lines"] == [] and blank["text"] == "" and "error" not in blank

    request = {"file": base64.b64encode(png(page)[1]).decode()}
    result = server.client.post("/ocr", json=request).json()["result"]["ocrResults"][0]["prunedResult"]
    assert result["rec_texts"] == [line.text for line in expected]
    assert len(result["rec_boxes"][0]) == 4 and result["rec_boxes"][0][3] < result["rec_boxes"][1][3]


FORM = "multipart/form-data; boundary=B"


def form(*parts: str, end: str = "--B--\r\n") -> bytes:
    return "".join(f"--B\r\nContent-Disposition: form-data; {part}\r\n" for part in parts).encode() + end.encode()


@pytest.mark.parametrize(
    ("content_type", "body", "status", "expected"),
    [
        (FORM, b"", 400, "empty_body"),
        (None, b"", 400, "empty_body"),
        (FORM, form(), 400, "no_image"),
        (FORM, form('name="beam"\r\n\r\n3'), 400, "no_image"),
        (FORM, form('name="picture"; filename="x"\r\n\r\nx'), 400, "unknown_field"),
        (FORM, form('name="lm"\r\n\r\n/etc/passwd'), 400, "unknown_field"),
        (FORM, form("filename=x\r\n\r\nx"), 400, "unknown_field"),
        (FORM, form('name="image"; filename="x"\r\n\r\nx', end=""), 400, "malformed"),
        (FORM, b"no form at all", 400, "malformed"),
        (FORM, form(*[f'name="beam"\r\n\r\n{n}' for n in range(2)], 'name="image"\r\n\r\nx'), 400, "wrong_option"),
        (FORM, form(*['name="beam"\r\n\r\n1'] * 100), 400, "malformed"),
        (FORM, form('name="image"\r\n\r\nx', 'name="allow"\r\n\r\n?').replace(b"?", b"\xff"), 400, "malformed"),
        ("multipart/form-data", form(), 415, "not_a_form"),
        (f"multipart/form-data; boundary={'x' * 300}", b"x", 400, "malformed"),
        ("application/x-www-form-urlencoded", b"image=x", 415, "not_a_form"),
        ("image/png", b"x", 415, "not_a_form"),
    ],
)
def test_bodies_that_are_no_form(
    server: Server, content_type: str | None, body: bytes, status: int, expected: str
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = server.client.post("/v1/lines", content=body, headers=headers)
    assert (answer.status_code, code(answer)) == (status, expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beam": "0"}, "beam: 0"),
        ({"beam": "101"}, "beam: 101; expected at most 100 in a request"),
        ({"beam": "two"}, "beam: 'two'; expected an integer"),
        ({"effort": "most"}, "effort: 'most'; expected one of normal, high"),
        ({"lexicon_margin": "NaN", "lexicon": "a"}, "lexicon_margin"),
        ({"lexicon_margin": "1"}, "lexicon_margin: needs a lexicon"),
        ({"lexicon": "\n"}, "lexicon: empty"),
        ({"lexicon": "ÄÖÜ"}, "lexicon"),
        ({"pattern": "("}, "pattern"),
        ({"pattern": "(a|b)\\1"}, "pattern"),
        ({"allow": "€"}, "allow"),
        ({"lines": "two"}, "lines: 'two'; expected"),
        ({"orientation": "down"}, "orientation: 'down'; expected"),
        ({"details": "perhaps"}, "details: 'perhaps'; expected true or false"),
        ({"url": "http://127.0.0.1/x.png"}, "--allow-urls"),
    ],
)
def test_wrong_options_are_named(server: Server, fields: dict[str, str], message: str) -> None:
    answer = server.read(png(draw_line("x")), **fields)
    assert answer.status_code == 400 and code(answer) in ("wrong_option", "urls_not_allowed")
    assert message in answer.json()["error"]["message"]


def test_limits_of_body_and_count(server: Server) -> None:
    answer = server.read(("x.png", bytes(2 * 2**20)))
    assert answer.status_code == 413 and code(answer) == "body_too_large"
    many = server.read(*[("x.png", b"x")] * 21)
    assert many.status_code == 413 and code(many) == "too_many_images"
    frames = io.BytesIO()
    Image.new("L", (8, 8)).save(frames, "TIFF", save_all=True, append_images=[Image.new("L", (8, 8))] * 20)
    assert code(server.read(("many.tif", frames.getvalue()))) == "too_many_images"


def test_ten_thousand_images_and_a_hundred_megabytes_are_refused_and_others_are_read(recognizer: Recognizer) -> None:
    with serving(recognizer) as server:  # with the limits that it has by default
        many = server.read(*[("x.png", b"x")] * 10_000)
        assert many.status_code == 413 and code(many) == "too_many_images"
        pieces = (bytes(2**20) for _ in range(100))
        headers = {"Content-Type": FORM, "Content-Length": str(100 * 2**20)}
        large = server.client.post("/v1/lines", content=pieces, headers=headers)
        assert large.status_code == 413 and code(large) == "body_too_large"
        assert server.read(png(draw_line("x"))).status_code == 200


def test_a_large_body_without_length_is_cut_off(server: Server) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    pieces = (head if number == 0 else bytes(100_000) for number in range(30))
    answer = server.client.post("/v1/lines", content=pieces, headers={"Content-Type": FORM})
    assert answer.status_code == 413 and code(answer) == "body_too_large"


def test_compressed_bodies_and_strange_lengths_are_refused(server: Server) -> None:
    answer = server.client.post("/v1/lines", content=b"x", headers={"Content-Type": FORM, "Content-Encoding": "gzip"})
    assert answer.status_code == 415 and code(answer) == "compressed_body"


def test_tokens(recognizer: Recognizer) -> None:
    image = png(draw_line("x"))
    with serving(recognizer, (TOKEN,)) as server:
        assert server.read(image).status_code == 401
        assert server.client.get("/metrics").status_code == 401
        assert server.client.get("/health").json()["status"] == "ok"
        server.client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert server.read(image).status_code == 200


def test_a_refused_client_that_still_sends_gets_its_answer(recognizer: Recognizer) -> None:
    with serving(recognizer, (TOKEN,), max_body=1) as server:
        answer = server.client.post("/v1/lines", content=bytes(20 * 2**20), headers={"Content-Type": FORM})
        assert answer.status_code == 401 and code(answer) == "wrong_token"
        server.client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert server.client.post("/v1/lines", content=bytes(20 * 2**20)).status_code == 413


def test_what_the_log_says_and_what_not(server: Server) -> None:
    answers = [
        server.read(png(draw_line("secret"), "my-secret-name.png"), allow="abc"),
        server.read(("my-secret-name.txt", b"secret")),
        server.client.get("/my-secret-path?and=secret"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    wait_until(lambda: {line["id"] for line in server.log} >= set(ids))  # logged once the answer is sent
    first, second, third = ({line["id"]: line for line in server.log}[number] for number in ids)
    assert (first["path"], first["status"], first["images"]) == ("/v1/lines", 200, 1)
    assert first["method"] == "POST" and first["seconds"] >= 0 and first["body_bytes"] > 100
    assert (second["status"], second["code"]) == (415, "not_an_image")
    assert (third["status"], third["path"]) == (404, None)
    assert "secret" not in str(server.log)


def test_information(server: Server, recognizer: Recognizer) -> None:
    (model,) = server.client.get("/v1/models").json()["models"]
    assert model["name"] == "random" and model["backend"] == "onnx"
    server.read(png(draw_line("x")))
    numbers = server.client.get("/metrics").text
    assert 'ocrx_requests_total{path="/v1/lines",status="200"}' in numbers
    assert 'ocrx_images_total{outcome="read"}' in numbers and "ocrx_queue_images 0.0" in numbers
    missing = server.client.get("/v1/nothing")
    assert missing.status_code == 404 and code(missing) == "not_found"
    assert code(server.client.get("/v1/lines")) == "method_not_allowed"


def test_the_interface_describes_itself_without_another_server(server: Server) -> None:
    description = server.client.get("/openapi.json").json()
    form = description["paths"]["/v1/lines"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    options = {"pattern", "lexicon", "lexicon_margin", "allow", "deny", "beam", "effort"}
    assert set(form["properties"]) == {"image", "url", "details", "lines", "orientation", *options}
    assert set(description["paths"]["/ocr"]["post"]["responses"]) >= {"400", "401", "413", "415", "422", "503", "504"}
    page = server.client.get("/docs").text
    assert "/v1/lines" in page and "<script" not in page
    assert "src=" not in page and page.count("http") == page.count("http://127.0.0.1") + page.count(
        "https://example.org"
    )


def test_the_root_leads_to_the_description(server: Server) -> None:
    answer = server.client.get("/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/docs")


@pytest.fixture
def gated(model_folder: Path) -> GatedBackend:
    return GatedBackend(open_backend(model_folder, "onnx", threads=1))


def test_a_full_queue_says_when_to_come_again(gated: GatedBackend) -> None:
    image = png(draw_line("x"))
    with serving(Recognizer(gated), queue=4, max_images=4) as server, Background() as background:
        first = background.call(lambda: server.read(image, image, image))
        assert gated.entered.acquire(timeout=60)
        full = server.read(image, image)
        assert full.status_code == 503 and code(full) == "queue_full" and int(full.headers["Retry-After"]) >= 1
        small = background.call(lambda: server.read(image))
        gated.gate.set()
        assert [answer.result().status_code for answer in (first, small)] == [200, 200]
        assert server.read(image, image).status_code == 200


def test_a_request_has_a_time_limit_and_others_go_on(gated: GatedBackend) -> None:
    image = png(draw_line("x"))
    with serving(Recognizer(gated), timeout=0.3) as server:
        late = server.read(image, image)
        assert late.status_code == 504 and code(late) == "timeout"
        gated.gate.set()
        assert server.read(image).status_code == 200
        assert "ocrx_queue_images 0.0" in server.client.get("/metrics").text


def test_an_error_of_the_network_is_that_of_its_requests(gated: GatedBackend) -> None:
    image = png(draw_line("x"))
    gated.gate.set()
    gated.failure = RuntimeError("the graph is broken")
    with serving(Recognizer(gated)) as server:
        failed = server.read(image)
        assert failed.status_code == 500 and code(failed) == "internal"
        assert "broken" not in failed.text
        gated.failure = None
        assert server.read(image).status_code == 200


@pytest.mark.parametrize("bytes_sent", ["head", "half", "all"])
def test_a_client_that_hangs_up_is_forgotten(gated: GatedBackend, bytes_sent: str) -> None:
    _, content = png(draw_line("x"))
    body = b'--B\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n' + content + b"\r\n--B--\r\n"
    head = f"POST /v1/lines HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    message = {"head": head.encode(), "half": head.encode() + body[: len(body) // 2], "all": head.encode() + body}
    with serving(Recognizer(gated)) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(message[bytes_sent])
            if bytes_sent == "all":
                assert gated.entered.acquire(timeout=60)
            else:
                server.client.get("/health")
        wait_until(lambda: any(line["status"] == 499 for line in server.log))
        gated.gate.set()
        assert server.read(png(draw_line("x"))).status_code == 200
        assert "ocrx_queue_images 0.0" in server.client.get("/metrics").text
