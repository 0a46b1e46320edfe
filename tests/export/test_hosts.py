"""Files for RapidOCR and PaddleX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from PIL import Image
from support.lines import draw_line
from support.random_net import random_model

from ocrx.backends.onnx import OnnxBackend
from ocrx.errors import ModelError
from ocrx.export.graph import export_onnx
from ocrx.export.host_graph import HOST_IMAGE, host_graph, not_one_line
from ocrx.export.hosts import HOSTS, HostBackend, example, read_in_host, write_for_host
from ocrx.imaging.preparation import pad, prepare, resize, scale
from ocrx.model_spec import ImageSpec, ModelSpec

TEXTS = {"Total 42.50": 60, "a line that is a good deal longer than the others": 33, "i": 48}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    model, spec = random_model()
    path = tmp_path_factory.mktemp("network") / "model.onnx"
    export_onnx(model, spec, path)
    return path, spec


def lines() -> list[Image.Image]:
    colours = ("black", "darkred", "navy")
    found = []
    for (text, height), colour in zip(TEXTS.items(), colours, strict=True):
        line = draw_line(text, height=height)
        found.append(Image.composite(Image.new("RGB", line.size, "ivory"), Image.new("RGB", line.size, colour), line))
    return found


def as_the_host(images: list[Image.Image], width: int) -> np.ndarray:
    return np.stack([pad(scale(resize(image, HOST_IMAGE), HOST_IMAGE), width, HOST_IMAGE) for image in images])


def restored(image: Image.Image, height: int) -> Image.Image:
    """A line as the file restores it: lines that the host shrinks stay as the host gives them."""
    if image.height < HOST_IMAGE.height != height:
        return image
    return Image.fromarray(resize(image, HOST_IMAGE)[:, :, ::-1])


def as_ocrx(image: Image.Image, path: Path, spec: ModelSpec) -> np.ndarray:
    """Probabilities of a line, as ocrx reads it."""
    seen = restored(image, spec.image.height)
    logits = OnnxBackend(path).logits(prepare(seen, spec.image)[0][None])[0]
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_lines_are_read_as_ocrx_reads_them_in_batches_of_any_width(
    network: tuple[Path, ModelSpec], tmp_path: Path, host: str
) -> None:
    path, spec = network
    files = write_for_host(path, spec, host, tmp_path)
    assert [file.name for file in files] == list(HOSTS[host].files) and all(file.is_file() for file in files)
    backend = HostBackend(files[0], spec)
    for width in (1200, 1600):
        found = np.exp(backend.logits(as_the_host(lines(), width)))
        for image, probabilities in zip(lines(), found, strict=True):
            expected = as_ocrx(image, path, spec)
            # Restored pixels may be off by a grey level.
            assert np.abs(probabilities[: len(expected)] - expected).max() < 0.02
            assert (probabilities[len(expected) :] < 1e-20).all()


@pytest.mark.parametrize("order", ["L", "RGB", "BGR"])
@pytest.mark.parametrize("height", [32, 48, 64])
def test_the_graph_prepares_lines_as_pillow_does(order: str, height: int) -> None:
    channels = 1 if order == "L" else 3
    image = ImageSpec(
        height=height, order=order, mean=(0.4,), std=(0.3,), pad=0.25, bucket=32, max_width=640 * height // 32
    )
    _, spec = random_model()
    spec = replace(spec, image=image, charset=tuple(f"{n}," for n in range(channels * height - 1)))
    spec = replace(spec, frames=replace(spec.frames, layers=()))
    # A network whose logits are the pixels that it is given.
    shape = ["N", channels, height, "W"]
    nodes = [
        onnx.helper.make_node("Transpose", ["images"], ["columns"], perm=[0, 3, 1, 2]),
        onnx.helper.make_node("Reshape", ["columns", "shape"], ["logits"]),
    ]
    constant = onnx.numpy_helper.from_array(np.array([0, 0, channels * height]), "shape")
    graph = onnx.helper.make_graph(
        nodes,
        "pixels",
        [onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", "W", channels * height])],
        [constant],
    )
    plain = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)

    import onnxruntime as ort

    session = ort.InferenceSession(host_graph(plain, spec, {}).SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": as_the_host(lines(), 1600)})
    for image_, probabilities in zip(lines(), found, strict=True):
        pixels, _ = prepare(restored(image_, height), image)
        columns = pixels.transpose(2, 0, 1).reshape(pixels.shape[2], -1)
        raised = np.exp(columns)
        expected = raised / raised.sum(axis=1, keepdims=True)
        width = min(len(expected), len(probabilities))
        assert width == len(expected)
        off = np.abs(probabilities[:width] / expected - 1)  # a grey level is 0.013
        assert off.max() < 0.03
        if image_.height >= 48 or height == 48:
            assert np.mean(off > 0.002) < 0.02, "but for rounding at the edge between two grey levels"
        assert off.mean() < 0.005


def test_rapidocr_finds_the_characters_in_the_file(network: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    path, spec = network
    (file,) = write_for_host(path, spec, "rapidocr", tmp_path)
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert metadata["character"].splitlines() == list(spec.charset)


def test_paddlex_finds_the_characters_in_its_settings(network: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    path, spec = network
    odd = ("1", "yes", "~", " ", "'", "\u2028", "#", "é")
    spec = replace(spec, charset=odd + spec.charset[len(odd) :])
    files = write_for_host(path, spec, "paddlex", tmp_path)
    settings = yaml.safe_load(files[1].read_text(encoding="utf-8"))
    assert settings["PostProcess"] == {"name": "CTCLabelDecode", "character_dict": list(spec.charset)}
    assert {"RecResizeImg": {"image_shape": [3, 48, 320]}} in settings["PreProcess"]["transform_ops"]


def test_characters_that_a_host_cannot_hold_are_named(network: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    path, spec = network
    spec = replace(spec, charset=("\u2028", *spec.charset[1:]))
    with pytest.raises(ModelError, match=r"rapidocr: .* cannot represent '\\u2028'"):
        write_for_host(path, spec, "rapidocr", tmp_path)
    assert not_one_line(["a", "", "\x0b", "ab", "\n"]) == ["", "\x0b", "\n"]


def test_a_clean_up_step_without_a_graph_is_named(network: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    path, spec = network
    spec = replace(spec, image=replace(spec.image, steps=("rotate_tall", "deskew")))
    with pytest.raises(ModelError, match=r"image.steps: deskew;"):
        write_for_host(path, spec, "rapidocr", tmp_path)


def test_the_example_is_three_lines_of_python(tmp_path: Path) -> None:
    for host, form in HOSTS.items():
        text = example(host, [tmp_path / name for name in form.files])
        assert len(text.splitlines()) == 3 and tmp_path.as_posix() in text
        compile(text, "example", "exec")


def test_rapidocr_itself_reads_the_file(network: tuple[Path, ModelSpec], tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    path, spec = network
    files = write_for_host(path, spec, "rapidocr", tmp_path)
    pixels = [np.ascontiguousarray(np.asarray(line)[:, :, ::-1]) for line in lines()]
    together = read_in_host("rapidocr", files, pixels)
    assert together is not None and len(together) == 3
    assert together == [read_in_host("rapidocr", files, [line])[0] for line in pixels]  # type: ignore[index]
