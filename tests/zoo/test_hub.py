"""Addresses of official weights; downloads themselves are tested with the search for weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.zoo.hub import PADDLEX_SERVER, UnavailableError, fetch_from_hub, fetch_safetensors, hub_repository, mirrored


def test_only_addresses_of_paddlex_go_to_the_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mirrored(f"{PADDLEX_SERVER}/a.tar") == f"{PADDLEX_SERVER}/a.tar"
    monkeypatch.setenv("OCRX_PADDLEX_URL", "http://127.0.0.1:1/m/")
    assert mirrored(f"{PADDLEX_SERVER}/a.tar") == "http://127.0.0.1:1/m/a.tar"
    assert mirrored("http://elsewhere/a.tar") == "http://elsewhere/a.tar"


def test_the_hub_is_not_contacted_if_it_cannot_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_repository("PP-OCRv4_mobile_rec") == "PaddlePaddle/PP-OCRv4_mobile_rec"
    with pytest.raises(UnavailableError, match="not on the hub as safetensors"):
        fetch_safetensors("PP-OCRv4_mobile_rec", tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UnavailableError, match="HF_HUB_OFFLINE is set"):
        fetch_from_hub("PP-OCRv4_mobile_rec", tmp_path)
