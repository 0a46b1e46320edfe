"""Every official name reads, given a hub that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save
from support.paddle_checkpoint import renamed
from support.recipes import CHARACTERS, network_of
from support.web_server import Web, web_server

from ocrx import create_model
from ocrx.models.model_io import save_model
from ocrx.zoo import sources
from ocrx.zoo.catalog import CATALOG
from ocrx.zoo.key_maps_hf import transformers_key_map

OFFICIAL = sorted(name for name, entry in CATALOG.items() if entry.official)
SAFETENSORS = [name for name in OFFICIAL if "safetensors" in CATALOG[name].weights]
IMAGE = np.full((48, 160, 3), 255, np.uint8)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with web_server() as web:
        for name, value in (("HF_ENDPOINT", web.url), ("OCRX_PADDLEX_URL", web.url), ("OCRX_OFFLINE", "0")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OCRX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(sources, "_WHEELS", {})
        yield web


def test_the_names_are_those_of_paddlex() -> None:
    v5 = ("arabic", "cyrillic", "devanagari", "el", "en", "eslav", "korean", "latin", "ta", "te", "th")
    assert {f"{language}_PP-OCRv5_mobile_rec" for language in v5} <= set(OFFICIAL)
    assert {f"PP-OCRv6_{size}_rec" for size in ("tiny", "small", "medium")} <= set(OFFICIAL)
    assert len(OFFICIAL) == 34


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_name_is_downloaded_from_its_repository_and_reads(
    name: str, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three requests, one import under the name, then the recipe's network reads; nothing is fetched again."""
    paths = [f"/PaddlePaddle/{name}/resolve/main/inference.{suffix}" for suffix in ("yml", "json", "pdiparams")]
    web.files.update({path: path.encode() for path in paths})

    def write_network(source: str, output: Path, **options: Any) -> None:
        assert options["name"] == name
        assert Path(source, "inference.pdiparams").read_bytes() == paths[-1].encode()
        network, spec = network_of(name)
        output.mkdir(parents=True)
        save_model(network, replace(spec, name=name, origin=options["origin"]), output)

    monkeypatch.setattr("ocrx.zoo.importer.import_weights", write_network)
    model = create_model(name)
    assert web.requests == dict.fromkeys(paths, 1)
    assert model.spec.name == name and model.spec.origin is not None
    assert model.spec.origin.address == web.url + paths[-1]
    (result,) = model.predict(IMAGE)
    assert result.error is None and result.confidence is None
    assert create_model(name).spec.name == name and web.count == 3


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("PP-OCRv5_server_rec", marks=pytest.mark.slow),
        "latin_PP-OCRv5_mobile_rec",
        "PP-OCRv6_small_rec",
    ],
)
def test_the_safetensors_of_a_name_are_taken_where_paddles_form_is_missing(name: str, web: Web) -> None:
    assert name in SAFETENSORS
    network, spec = network_of(name, **({"single_token": True} if "v6" in name else {}))
    key_map = transformers_key_map(spec.architecture, spec.params)
    assert key_map is not None
    tensors = {key: value.contiguous() for key, value in renamed(network, key_map).items()}
    listed = json.dumps({"character_list": ["blank", *CHARACTERS, " "]}).encode()
    hub = f"/PaddlePaddle/{name}_safetensors/resolve/main"
    web.files[f"{hub}/preprocessor_config.json"] = listed
    web.files[f"{hub}/config.json"] = b"{}"
    web.files[f"{hub}/model.safetensors"] = save(tensors)
    model = create_model(name)
    assert model.spec.charset == (*CHARACTERS, " ")
    assert model.backend.name == "onnx"
    (result,) = model.predict(IMAGE)
    assert result.error is None
