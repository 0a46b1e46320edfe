"""A trained network as a file for another runtime, with its spec inside, checked against the network it came from."""

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
"""Largest difference of a logit, relative to the largest logit (or absolute below 1), that rounding explains."""


def export_onnx(model: nn.Module, spec: ModelSpec, path: Path, images: Sequence[Floats] = ()) -> float:
    """Write ``path`` (ONNX, fp32, any batch size and width) and ``model.json`` beside it; ``model`` stays as it is.

    The result is compared with the network on ``images``, float32 [N, C, H, W] each (default: noise of two widths).
    Returns the largest difference of a logit; raises BackendError if it is more than rounding.

    Args:
        model: The network.
        spec: Describes the model.
        path: The ONNX file to write.
        images: Images [N, C, H, W], float32, to compare on; by default noise.

    Returns:
        The largest difference of a logit.
    """
    network = inference_form(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_with_spec(_traced(network, spec), spec))
    (path.parent / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    return check_parity(
        TorchBackend(network, spec), OnnxBackend(path), images or sample_images(spec), f"{path}: ONNX Runtime"
    )


def export_model(model: nn.Module, spec: ModelSpec, folder: Path, images: Sequence[Path] = ()) -> float:
    """``export_onnx`` to ``folder/model.onnx``, checked on image files; those that cannot be read are left out.

    Args:
        model: The network.
        spec: Describes the model.
        folder: The folder to write to.
        images: Image files to compare on.

    Returns:
        The largest difference of a logit.
    """
    return export_onnx(model, spec, folder / ONNX_FILE, prepared(images, spec))


def prepared(images: Sequence[Path], spec: ModelSpec) -> list[Floats]:
    """Image files as float32 [1, C, H, W] each; those that cannot be read are left out.

    Args:
        images: Image files.
        spec: Describes the model.

    Returns:
        Images [1, C, H, W], float32.
    """
    arrays = []
    for path in images:
        try:
            arrays.append(prepare(read_image(path), spec.image)[0][None])
        except DataError:
            continue
    return arrays


def inference_form(model: nn.Module) -> nn.Module:
    """A copy of ``model`` on the CPU in evaluation mode, in float32, fused where the network can be.

    Args:
        model: The network.

    Returns:
        The copy.
    """
    return fused_copy(copy.deepcopy(model).cpu().float())


def sample_images(spec: ModelSpec) -> list[Floats]:
    """Noise of two batch sizes and two bucket widths, for a first check of an export.

    Args:
        spec: Describes the model.

    Returns:
        Images [N, C, H, W], float32.
    """
    noise = np.random.default_rng(0)
    image = spec.image
    widths = {1: image.bucket_width(1), 3: image.bucket_width(10 * image.height)}
    shapes = [(count, image.channels, image.height, width) for count, width in widths.items()]
    return [noise.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


def probe_images(spec: ModelSpec) -> list[Floats]:
    """Two rendered lines, as a network reads them: they bring activations to their usual size, which noise does not.

    Args:
        spec: Describes the model.

    Returns:
        Images [1, C, H, W], float32.
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
    """Write ``network`` (in evaluation mode) as TorchScript with extra ``entries``.

    Args:
        network: The network.
        spec: Describes the model.
        dtype: Type of weights and input.
        path: The file to write.
        entries: Further files in the archive: name → content.
    """
    width = spec.image.bucket_width(10 * spec.image.height)
    example = torch.zeros(2, spec.image.channels, spec.image.height, width, dtype=dtype)
    with warnings.catch_warnings(), torch.inference_mode():
        # torch points to torch.export, whose files do not load from C++ without it.
        warnings.simplefilter("ignore")
        trace: Any = torch.jit.trace
        # Into memory first: torch's own file writer aborts the process on a full disk.
        content = io.BytesIO()
        torch.jit.save(trace(network, example, check_trace=False), content, _extra_files=dict(entries))
    write_file(path, content.getvalue())


def check_parity(expected: Backend, found: Backend, images: Sequence[Floats], name: str) -> float:
    """Largest difference between the logits of two back ends. Raises BackendError if it is more than rounding.

    Args:
        expected: The back end that is right.
        found: The back end to check.
        images: Images [N, C, H, W], float32.
        name: Names the export in the error.

    Returns:
        The largest difference of a logit.
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
    """ONNX of the network by torch's tracing exporter: 0.1 s where the newer one takes 4 s, with the same graph.

    Training exports at every new best, hence the speed matters.
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
        # The tracer warns that it is the older one, and about shapes that are constants here.
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
