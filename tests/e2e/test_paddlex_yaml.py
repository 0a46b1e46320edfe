"""PaddleX's YAML as it is published: trains from its own address, evaluates, predicts and exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lines import make_line_folder
from support.paddle_checkpoint import renamed, write_pdparams
from support.paddlex_yaml import paddlex_yaml
from support.recipes import CHARACTERS, network_of
from support.web_server import Web, web_server
from typer.testing import CliRunner

from ocrx.cli.app import app
from ocrx.zoo.hub import PADDLEX_SERVER
from ocrx.zoo.key_maps import paddle_key_map

NAME = "PP-OCRv6_tiny_rec"
WEIGHTS = f"/paddlex/official_pretrained_model/{NAME}_pretrained.pdparams"
YAML = paddlex_yaml(NAME, PADDLEX_SERVER, WEIGHTS)


@pytest.fixture
def paddlex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """PaddleX's server with the checkpoint, and the hub with the settings of the same model."""
    network, spec = network_of(NAME)
    key_map = paddle_key_map(spec.architecture, spec.params, frozenset())
    assert key_map is not None
    write_pdparams(tmp_path / "w.pdparams", network, renamed(network, key_map, wanted="token.point.bias"), key_map)
    settings = json.dumps({"PostProcess": {"character_dict": list(CHARACTERS)}})
    with web_server() as web:
        web.files[WEIGHTS] = (tmp_path / "w.pdparams").read_bytes()
        web.files[f"/PaddlePaddle/{NAME}/resolve/main/inference.yml"] = settings.encode()
        for name, value in (("OCRX_PADDLEX_URL", web.url), ("HF_ENDPOINT", web.url), ("OCRX_OFFLINE", "0")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OCRX_CACHE", str(tmp_path / "cache"))
        yield web


def test_a_published_yaml_trains_evaluates_predicts_and_exports(
    paddlex: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_line_folder(tmp_path / "data")
    (tmp_path / f"{NAME}.yaml").write_text(YAML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(mode: str, *options: str) -> str:
        overrides = [f"Global.mode={mode}", "Global.device=cpu", f"Global.dataset_dir={data}", *options]
        arguments = ["run", "-c", f"{NAME}.yaml", *(part for value in overrides for part in ("-o", value))]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    run("train", "Train.epochs_iters=1")
    assert paddlex.requests[WEIGHTS] == 1
    trained = json.loads(Path("output/train_result.json").read_text(encoding="utf-8"))
    assert trained["done_flag"] is True
    run("evaluate")
    metrics = json.loads(Path("output/evaluate_result.json").read_text(encoding="utf-8"))["metrics"]
    assert {"acc", "norm_edit_dis"} <= set(metrics)
    image = next(data.rglob("*.png"))
    assert "rec_text" in run("predict", f"Predict.input={image}")
    assert paddlex.requests[WEIGHTS] == 1, "the second use takes it from the cache"

    # Exporting starts from the same address; here the dictionary is needed, and the hub has it.
    run("export")
    assert paddlex.requests[WEIGHTS] == 1
    exported = json.loads(Path("output/export_result.json").read_text(encoding="utf-8"))
    assert exported["done_flag"] is True and Path(exported["file"]).is_file()
