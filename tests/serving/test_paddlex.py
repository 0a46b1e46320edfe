"""``POST /ocr``."""

from __future__ import annotations

import base64

import pytest
from support.lines import draw_page
from support.serving import Server, code, png

from ocrx.inference.recognizer import Recognizer


def test_ocr_answers_as_paddlex_does(server: Server, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.pages.networks.find_spec", lambda name: None)
    page = draw_page(["one", "two"])
    _, content = png(page)
    request = {"file": base64.b64encode(content).decode(), "fileType": 1, "visualize": False, "textDetThresh": 0.3}
    body = server.client.post("/ocr", json=request).json()
    assert (body["errorCode"], body["errorMsg"]) == (0, "Success") and body["logId"]
    (one,) = body["result"]["ocrResults"]
    expected = list(recognizer.predict(page, lines="split"))
    found = one["prunedResult"]
    assert found["rec_texts"] == [p.text for p in expected] and found["rec_boxes"] == [
        list(p.box or ()) for p in expected
    ]
    assert len(found["dt_polys"]) == len(found["rec_scores"]) == 2 and len(found["dt_polys"][0]) == 4
    assert body["result"]["dataInfo"] == {"width": page.width, "height": page.height, "type": "image"}
    assert body["result"]["warnings"] == ["textDetThresh: no effect here"]

    scores = sorted(p.score for p in expected)
    request["textRecScoreThresh"] = (scores[0] + scores[1]) / 2
    kept = server.client.post("/ocr", json=request).json()["result"]["ocrResults"][0]["prunedResult"]
    assert len(kept["rec_texts"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"", 400, "empty_body"),
        (b"no json", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'{"file": "eA==", "visualize": [' + b"[]," * 1000 + b"0]}", 400, "malformed"),
        (b"[1]", 400, "no_image"),
        (b"{}", 400, "no_image"),
        (b'{"file": "%%%"}', 400, "malformed"),
        (b'{"file": "eA==", "fileTyp": 1}', 400, "unknown_field"),
        (b'{"file": "eA==", "fileType": 2}', 400, "wrong_option"),
        (b'{"file": "eA==", "fileType": 0}', 400, "wrong_option"),
        (b'{"file": "eA==", "textRecScoreThresh": "x"}', 400, "wrong_option"),
        (b'{"file": "eA==", "textRecScoreThresh": NaN}', 400, "wrong_option"),
        (b'{"file": "eA==", "textRecScoreThresh": 1' + b"0" * 400 + b"}", 400, "wrong_option"),
        (b'{"file": "eA=="}', 415, "not_an_image"),
        (b'{"file": "http://127.0.0.1/x.png"}', 400, "urls_not_allowed"),
    ],
)
def test_ocr_refuses_in_both_shapes(server: Server, body: bytes, status: int, expected: str) -> None:
    answer = server.client.post("/ocr", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, code(answer)) == (status, expected)
    assert answer.json()["errorCode"] == status and answer.json()["errorMsg"] == answer.json()["error"]["message"]
