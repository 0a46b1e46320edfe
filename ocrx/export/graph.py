"""Writes a network, with its spec, as a file for another runtime, and compares the file with the network."""

from __future__ import annotations

import copy
import inspect
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from ocrx.arrays import Floats
from ocrx.backends import Backend
from ocrx.backends.onnx import METADATA_KEY, OnnxBackend
from ocrx.backends.pytorch import TorchBackend
from ocrx.errors import BackendError, DataError
from ocrx.files import write_file
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.model_folder import ONNX_FILE, SPEC_FILE
from ocrx.model_spec import ModelSpec
from ocrx.models.blocks import fused_copy

OPSET = 17

TOLERANCE = 1e-3
"""Largest difference of a logit that rounding explains, relative to the largest logit if that exceeds 1."""


def export_onnx(model: nn.Module, spec: ModelSpec, path: Path, images: Sequence[Floats] = ()) -> float:
    """Export a network to ONNX in fp32, for any batch size and width, and write ``model.json`` beside it.

    Args:
        model: The network; it is not changed.
        spec: Its spec.
        path: The ONNX file to write.
        images: Batches to compare on, float32 [N, C, H, W]; by default noise of two widths.

    Returns:
        The largest absolute difference of a logit.

    Raises:
        BackendError: A logit differs by more than rounding.
    """
    network = inference_form(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_with_spec(_traced(network, spec), spec))
    (path.parent / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    return check_parity(
        TorchBackend(network, spec), OnnxBackend(path), images or sample_images(spec), f"{path}: ONNX Runtime"
    )


def export_model(model: nn.Module, spec: ModelSpec, folder: Path, images: Sequence[Path] = ()) -> float:
    """Export a network to ``model.onnx`` in a folder and compare it on image files.

    Args:
        model: The network; it is not changed.
        spec: Its spec.
        folder: The folder to write to.
        images: Image files to compare on; unreadable ones are skipped.

    Returns:
        The largest absolute difference of a logit.

    Raises:
        BackendError: A logit differs by more than rounding.
    """
    return export_onnx(model, spec, folder / ONNX_FILE, prepared(images, spec))


def prepared(images: Sequence[Path], spec: ModelSpec) -> list[Floats]:
    """Read and prepare image files.

    Args:
        images: Image files; unreadable ones are skipped.
        spec: The model's spec.

    Returns:
        float32 [1, C, H, W] of each.
    """
    arrays = []
    for path in images:
        try:
            arrays.append(prepare(read_image(path), spec.image)[0][None])
        except DataError:
            continue
    return arrays


def inference_form(model: nn.Module) -> nn.Module:
    """Copy a network in its inference form.

    Args:
        model: The network; it is not changed.

    Returns:
        The fused copy, float32, on the CPU and in evaluation mode.
    """
    return fused_copy(copy.deepcopy(model).cpu().float())


def sample_images(spec: ModelSpec) -> list[Floats]:
    """Make noise of two batch sizes and two bucket widths, for a first check of an export.

    Args:
        spec: The model's spec.

    Returns:
        Two batches, float32 [N, C, H, W].
    """
    noise = np.random.default_rng(0)
    image = spec.image
    widths = {1: image.bucket_width(1), 3: image.bucket_width(10 * image.height)}
    shapes = [(count, image.channels, image.height, width) for count, width in widths.items()]
    return [noise.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


def probe_images(spec: ModelSpec) -> list[Floats]:
    """Render two lines, on which activations have their usual size, unlike on noise.

    Args:
        spec: The model's spec.

    Returns:
        float32 [1, C, H, W] of each.
    """
    height = spec.image.height
    font = ImageFont.load_default(size=0.7 * height)
    arrays = []
    for text in ("Total 42.50", "Sphinx of black quartz"):
        left, top, right, bottom = font.getbbox(text)
        line = Image.new("L", (int(right - left) + height // 4, height), 255)
        place = (height / 8 - left, (height - bottom + top) / 2 - top)
        ImageDraw.Draw(line).text(place, text, fill=0, font=font)
        arrays.append(prepare(line, spec.image)[0][None])
    return arrays


def trace_script(
    network: nn.Module, spec: ModelSpec, dtype: torch.dtype, path: Path, entries: Mapping[str, str]
) -> None:
    """Write a network as TorchScript.

    Args:
        network: The network, in evaluation mode.
        spec: Its spec.
        dtype: Type of weights and input.
        path: The file to write.
        entries: Further files in the archive: name → content.
    """
    width = spec.image.bucket_width(10 * spec.image.height)
    example = torch.zeros(2, spec.image.channels, spec.image.height, width, dtype=dtype)
    with warnings.catch_warnings(), torch.inference_mode():
        # torch recommends torch.export, whose files C++ cannot load without torch.
        warnings.simplefilter("ignore")
        trace: Any = torch.jit.trace
        # Into memory first: torch's own file writer aborts the process on a full disk.
        content = io.BytesIO()
        torch.jit.save(trace(network, example, check_trace=False), content, _extra_files=dict(entries))
    write_file(path, content.getvalue())


def check_parity(expected: Backend, found: Backend, images: Sequence[Floats], name: str) -> float:
    """Compare the logits of two back ends.

    Args:
        expected: The reference.
        found: The back end to check.
        images: Batches, float32 [N, C, H, W].
        name: Names the export in the error.

    Returns:
        The largest absolute difference of a logit.

    Raises:
        BackendError: Shapes differ, or a logit differs by more than rounding.
    """
    largest = 0.0
    for batch in images:
        left, right = expected.logits(batch), found.logits(batch)
        if left.shape != right.shape:
            raise BackendError(f"{name} gives logits {list(right.shape)}, torch {list(left.shape)}")
        difference = float(np.abs(left - right).max(initial=0))
        limit = TOLERANCE * max(1.0, float(np.abs(left).max(initial=0)))
        if not difference <= limit:
            raise BackendError(f"{name} differs from torch by {difference:.3g} (limit {limit:.3g})")
        largest = max(largest, difference)
    return largest


def _traced(network: nn.Module, spec: ModelSpec) -> bytes:
    """Export with torch's tracing exporter, which takes 0.1 s instead of 4 s and gives the same graph.

    Speed matters because training exports every new best model.
    """
    width = spec.image.bucket_width(10 * spec.image.height)
    example = torch.zeros(2, spec.image.channels, spec.image.height, width)
    newer = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    arguments: dict[str, Any] = {
        "input_names": ["images"],
        "output_names": ["logits"],
        "dynamic_axes": {"images": {0: "batch", 3: "width"}, "logits": {0: "batch", 1: "frames"}},
        "opset_version": OPSET,
        **newer,
    }
    buffer: Any = io.BytesIO()

    with warnings.catch_warnings(), torch.no_grad():
        # It warns that it is deprecated, and about shapes that are constants here.
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (example,), buffer, **arguments)

    data: bytes = buffer.getvalue()
    return data


def _with_spec(data: bytes, spec: ModelSpec) -> bytes:
    model = onnx.load_model_from_string(data)
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.checker.check_model(model)
    result: bytes = model.SerializeToString()
    return result
