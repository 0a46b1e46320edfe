from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from support.review import StubReader, write_lines

from ocrx.errors import DataError
from ocrx.inference.recognizer import Recognizer
from ocrx.review.access import HEADER, Access
from ocrx.review.model_in_use import ModelInUse
from ocrx.review.server import create_app
from ocrx.review.session import ReviewSession

HTML = "<img src=x onerror=alert(1)>"
SENT = {HEADER: "1"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ReviewSession]:
    opened = ReviewSession(write_lines(tmp_path / "data", ["Köln", HTML, "three"], ["four"]))
    yield opened
    opened.close()


@pytest.fixture
def access() -> Access:
    return Access()


def no_model(path: Path) -> Recognizer:
    raise DataError("no model here")


@pytest.fixture
def stranger(session: ReviewSession, access: Access) -> TestClient:
    """A browser that does not belong to the review."""
    app = create_app(session, ModelInUse(session, None, no_model, "cpu"), access)
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient, access: Access) -> TestClient:
    """A browser that has opened the address."""
    assert stranger.get("/", params={"token": access.new_token()}).status_code == 303
    return stranger


def decide(client: TestClient, line: str, **fields: Any) -> Any:
    body = {"line": line, "status": "accepted", "text": "x", "revision": 0, "reviewer": "me", **fields}
    return client.post("/api/decide", params={"tab": "t"}, json=body, headers=SENT)


def test_a_token_works_once(stranger: TestClient, access: Access) -> None:
    token = access.new_token()
    assert stranger.get("/", params={"token": "wrong"}).status_code == 401
    first = stranger.get("/", params={"token": token})
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert "httponly" in first.headers["set-cookie"].lower()
    assert "samesite=strict" in first.headers["set-cookie"].lower()
    assert stranger.get("/").status_code == 200

    other = TestClient(stranger.app, follow_redirects=False)
    assert other.get("/", params={"token": token}).status_code == 401


def test_two_reviews_are_open_in_one_browser(client: TestClient, tmp_path: Path) -> None:
    second = ReviewSession(write_lines(tmp_path / "other", ["one"]))
    other = Access()
    browser = TestClient(create_app(second, ModelInUse(second, None, no_model, "cpu"), other), follow_redirects=False)
    browser.cookies = client.cookies  # a browser sends the cookies of a host to all its ports
    browser.base_url = client.base_url
    assert browser.get("/", params={"token": other.new_token()}).status_code == 303
    client.cookies.update(browser.cookies)
    assert (client.get("/").status_code, browser.get("/").status_code) == (200, 200)
    second.close()


@pytest.mark.parametrize("path", ["/", "/api/next?tab=t", "/api/image?line=00.png", "/api/progress", "/api/search"])
def test_a_stranger_sees_nothing(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "open the address" in answer.json()["error"]


def test_a_change_needs_the_header_that_only_the_page_sends(client: TestClient, session: ReviewSession) -> None:
    body = {"line": "00.png", "status": "accepted", "text": "x", "revision": 0, "reviewer": "me"}
    assert client.post("/api/decide", json=body).status_code == 401
    assert client.post("/api/finish").status_code == 401
    assert session.progress()["accepted"] == 0


def test_another_browser_is_invited(client: TestClient) -> None:
    address = client.post("/api/invite", headers=SENT).json()["address"]
    other = TestClient(client.app, base_url="http://127.0.0.1", follow_redirects=False)
    assert other.get(address).status_code == 303
    assert other.get("/").status_code == 200


def test_the_page_loads_only_its_own_files_and_nothing_may_run_in_it(client: TestClient) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(loaded) == ["/static/review.css", "/static/review.js"]
    for path in loaded:
        asset = client.get(path)
        assert asset.status_code == 200
        assert "http" not in asset.text
    assert client.get("/static/other").status_code == 404
    assert not re.search(r"\son\w+=|<script>|style=", page.text), "no code or style inside the page"


def test_labels_are_data_and_never_markup(client: TestClient) -> None:
    assert HTML not in client.get("/").text
    answer = client.get("/api/line", params={"tab": "t", "key": "01.png"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["line"]["label"] == HTML


def test_characters_that_a_keyboard_lacks_have_buttons(client: TestClient) -> None:
    assert re.findall(r'data-character="(.)"', client.get("/").text) == ["ö"]


def test_forward_and_back(client: TestClient) -> None:
    first = client.get("/api/next", params={"tab": "t"}).json()
    second = client.get("/api/next", params={"tab": "t", "current": first["line"]["key"]}).json()
    assert first["upcoming"]["key"] == second["line"]["key"] != first["line"]["key"]
    back = client.get("/api/previous", params={"tab": "t", "current": second["line"]["key"]}).json()
    assert back["line"]["key"] == first["line"]["key"]
    assert client.get("/api/previous", params={"tab": "t", "current": first["line"]["key"]}).json()["line"] is None
    only = client.get("/api/next", params={"tab": "u", "part": "val"}).json()
    assert only["line"]["key"] == "03.png"


def test_decide_undo_finish(client: TestClient, session: ReviewSession) -> None:
    answer = decide(client, "00.png", text="Bonn").json()
    assert answer["decided"]["status"] == "accepted"
    assert answer["line"]["key"] not in (None, "00.png"), "the next line comes along"
    assert decide(client, "02.png", status="unreadable").json()["decided"]["revision"] == 1
    assert client.post("/api/undo", json={"reviewer": "me"}, headers=SENT).json()["line"]["key"] == "02.png"
    assert client.post("/api/undo", json={"reviewer": "you"}, headers=SENT).json()["line"] is None
    report = client.post("/api/finish", headers=SENT).json()
    assert report == {
        "changed": 1, "removed": 0, "turned": 0, "outside": [], "files": ["train.txt"], "backups": ["train.txt.bak"],
    }  # fmt: skip
    assert (session.folder.root / "train.txt").read_text(encoding="utf-8").startswith("00.png\tBonn\n")


def test_a_conflict_shows_what_the_line_is_now(client: TestClient) -> None:
    decide(client, "00.png", text="first")
    answer = decide(client, "00.png", text="second")
    assert answer.status_code == 409
    assert answer.json()["line"]["text"] == "first"
    assert "another window" in answer.json()["error"]


@pytest.mark.parametrize(
    "fields", [{"status": "open"}, {"turns": 4}, {"text": ""}, {"revision": "x"}, {"reviewer": ""}, {"line": "none"}]
)
def test_nonsense_is_refused(client: TestClient, fields: dict[str, Any]) -> None:
    assert decide(client, **{"line": "00.png", **fields}).status_code == 422


@pytest.mark.parametrize("text", ["\ud800", "\x00", "x" * 20_000])
@pytest.mark.parametrize("name", ["line", "text", "reviewer", "status"])
def test_what_no_file_can_hold_is_refused_by_name(client: TestClient, name: str, text: str) -> None:
    body = {"line": "00.png", "status": "accepted", "text": "x", "revision": 0, "reviewer": "me", name: text}
    raw = json.dumps(body).encode()  # as a browser sends half of a surrogate pair
    headers = {**SENT, "Content-Type": "application/json"}
    answer = client.post("/api/decide", params={"tab": "t"}, content=raw, headers=headers)
    if (name, text) == ("reviewer", "\x00"):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 422 and answer.json()["error"]


@pytest.mark.parametrize("minutes", ["NaN", "1e999", "-1", "[" * 3000, "9" * 5000])
def test_numbers_that_mean_nothing_are_refused(client: TestClient, minutes: str) -> None:
    headers = {**SENT, "Content-Type": "application/json"}
    answer = client.post("/api/train", content=f'{{"minutes": {minutes}}}', headers=headers)
    assert answer.status_code in (400, 422) and answer.json()


def test_file_names_of_any_bytes_are_shown(tmp_path: Path, access: Access) -> None:
    name = os.fsdecode(b"a\xff.png")
    root = write_lines(tmp_path / "data", [])
    try:
        (root / name).write_bytes(b"no image")
    except OSError:
        pytest.skip("this file system holds only UTF-8 names")
    for path in root.glob("*.txt"):
        path.unlink()
    session = ReviewSession(root)
    client = TestClient(
        create_app(session, ModelInUse(session, None, no_model, "cpu"), access),
        base_url="http://127.0.0.1", follow_redirects=False,
    )  # fmt: skip
    client.get("/", params={"token": access.new_token()})
    shown = client.get("/api/next", params={"tab": "t"})
    session.close()
    assert shown.json()["line"]["key"] == name


def test_images_are_turned_and_errors_named(client: TestClient, session: ReviewSession) -> None:
    sizes = []
    for turns in (0, 1):
        answer = client.get("/api/image", params={"line": "00.png", "turns": turns})
        assert answer.headers["content-type"] == "image/png"
        sizes.append((int.from_bytes(answer.content[16:20], "big"), int.from_bytes(answer.content[20:24], "big")))
    assert sizes[0] == sizes[1][::-1]
    (session.folder.root / "02.png").write_bytes(b"no image")
    answer = client.get("/api/image", params={"line": "02.png"})
    assert answer.status_code == 422
    assert "02.png" in answer.json()["error"]


def test_the_reading_comes_with_the_place_of_each_character(client: TestClient, session: ReviewSession) -> None:
    assert client.get("/api/reading", params={"line": "00.png"}).json()["text"] is None
    session.use_reader(StubReader({}))
    assert session.wait_for_ranking(30)
    found = client.get("/api/reading", params={"line": "00.png"}).json()
    assert found["text"] == "reading"
    character, left, right, score = found["characters"][1]
    assert character == "e"
    assert 0 < left < right < 1
    assert score == 0.9


def test_training_says_why_it_cannot_begin(client: TestClient) -> None:
    answer = client.post("/api/train", json={"minutes": 1}, headers=SENT)
    assert answer.status_code == 422
    assert "no model" in answer.json()["error"]
    assert client.get("/api/progress").json()["training"]["state"] == "idle"
    assert client.post("/api/train/stop", headers=SENT).json()["state"] == "idle"
