"""Downloads: resumed, complete or not there, and never from anywhere but the web."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.web_server import Web, web_server

from ocrx.errors import ModelError
from ocrx.zoo import downloading
from ocrx.zoo.downloading import MissingError, download

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        web.files["/model.tar"] = CONTENT
        yield web


def test_a_file_and_its_hash(web: Web, tmp_path: Path) -> None:
    found = download(f"{web.url}/model.tar", tmp_path / "m.tar")
    assert found.path.read_bytes() == CONTENT
    assert (found.sha256, found.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["m.tar"]


def test_a_cut_connection_is_resumed(web: Web, tmp_path: Path) -> None:
    web.cuts["/model.tar"] = [300_000, 100_000]
    assert download(f"{web.url}/model.tar", tmp_path / "m.tar").path.read_bytes() == CONTENT
    assert web.ranges == ["bytes=300000-", "bytes=400000-"]


def test_a_later_call_resumes(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.cuts["/model.tar"] = [300_000]
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    with pytest.raises(ModelError, match="300000 of 1024000 bytes received") as raised:
        download(f"{web.url}/model.tar", tmp_path / "m.tar")
    assert "the download resumes where it stopped" in str(raised.value.hint)
    assert not (tmp_path / "m.tar").exists()
    download(f"{web.url}/model.tar", tmp_path / "m.tar")
    assert web.ranges == ["bytes=300000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.cuts["/model.tar"] = [300_000]
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    with pytest.raises(ModelError):
        download(f"{web.url}/model.tar", tmp_path / "m.tar")
    web.files["/model.tar"] = CONTENT[::-1]
    assert download(f"{web.url}/model.tar", tmp_path / "m.tar").path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_answer_that_is_no_file(status: int, web: Web, tmp_path: Path) -> None:
    web.statuses["/model.tar"] = status
    with pytest.raises(ModelError, match=f"the server answered {status}") as raised:
        download(f"{web.url}/model.tar", tmp_path / "m.tar")
    assert isinstance(raised.value, MissingError) == (status != 500)
    assert list(tmp_path.iterdir()) == []


def test_a_stall(web: Web, tmp_path: Path) -> None:
    web.stalls.add("/model.tar")
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s"):
        download(f"{web.url}/model.tar", tmp_path / "m.tar", stall_s=0.2)
    assert not (tmp_path / "m.tar").exists()


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be reached"):
        download("http://127.0.0.1:9/model.tar", tmp_path / "m.tar")


def test_a_redirect_to_a_file_of_this_machine(web: Web, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    web.redirects["/model.tar"] = f"file://{tmp_path}/secret"
    with pytest.raises(ModelError, match=r"redirected to file:|Redirection to url .file:.* not allowed"):
        download(f"{web.url}/model.tar", tmp_path / "m.tar")
    assert not (tmp_path / "m.tar").exists()
    with pytest.raises(ModelError, match="not an http or https URL"):
        download(f"file://{tmp_path}/secret", tmp_path / "m.tar")


def test_a_token_goes_to_no_other_host(web: Web, tmp_path: Path) -> None:
    with web_server() as other:
        other.files["/there"] = b"there"
        web.redirects["/model.tar"] = f"{other.url}/there"
        web.redirects["/near"] = "/also"
        web.files["/also"] = b"also"
        for path in ("/model.tar", "/near"):
            download(web.url + path, tmp_path / "m", headers={"Authorization": "Bearer secret"})
        assert other.authorizations == [("/there", "")]
        assert ("/also", "Bearer secret") in web.authorizations


def test_too_large(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "MAX_BYTES", 1000)
    with pytest.raises(ModelError, match="1024000 bytes; at most 1000"):
        download(f"{web.url}/model.tar", tmp_path / "m.tar")


def test_a_full_disk(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloading.os, "fsync", full)
    with pytest.raises(ModelError, match="cannot be written \\(No space left on device\\)"):
        download(f"{web.url}/model.tar", tmp_path / "m.tar")
    assert not (tmp_path / "m.tar").exists() and not (tmp_path / "m.tar.part").exists()
