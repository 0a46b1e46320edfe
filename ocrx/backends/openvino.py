"""OpenVINO (extra ``openvino``): often the fastest on Intel and ARM processors."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino.properties as props
import openvino.properties.hint as hints

from ocrx.arrays import Floats
from ocrx.backends import CACHED_PIXELS, check_classes, export_command, exported_name, find_model_file
from ocrx.errors import BackendError, ConfigError, ModelError
from ocrx.model_folder import ONNX_FILE, export_places, read_spec
from ocrx.model_spec import ModelSpec

IR_FILE = "model.xml"
SPEC_PATH = ["ocrx", "spec"]

# fp16 is a way to store: where the processor has no fp16, OpenVINO would compute in bf16 instead.
_COMPUTE = {"fp32": "f32", "fp16": "f32", "bf16": "bf16", "int8": "f32"}


class OpenVinoBackend:
    """A compiled model with one stream per thread, each working on a batch of its own.

    ``precision`` is what it computes in: OpenVINO's own choice would be bf16 wherever the processor has it, so
    fp32 is asked for by name.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, model: Path, spec: ModelSpec | None = None, threads: int = 1, precision: str = "fp32") -> None:
        try:
            core = ov.Core()
            network = core.read_model(model)
            settings = {
                props.inference_num_threads(): threads,
                props.num_streams(): threads,
                hints.inference_precision(): _COMPUTE[precision],
                "CPU_RUNTIME_CACHE_CAPACITY": "0",  # plans kept per shape would grow with each new width
            }
            compiled = _compiled(core, network, settings)
        except RuntimeError as error:
            raise ModelError(f"{model}: cannot be loaded ({_last_line(error)})") from None

        self.spec = spec or _spec(network, str(model))
        self.threads = threads
        self.parallel = threads
        self.pixels = CACHED_PIXELS
        self._output = compiled.output(0)
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(threads):
            self._requests.put(compiled.create_infer_request())
        shape = self._output.partial_shape
        known = shape.rank.is_static and shape[len(shape) - 1].is_static
        check_classes(self, shape[len(shape) - 1].get_length() if known else None, str(model))

    def logits(self, images: Floats) -> Floats:
        """Run the network.

        Args:
            images: float32 [N, C, H, W]; W is a bucket width.

        Returns:
            Logits, float32 [N, T, K].

        Raises:
            BackendError: The runtime fails, for example for lack of memory.
        """
        request = self._requests.get()
        try:
            result: Floats = np.array(request.infer([images])[self._output], dtype=np.float32)
        except RuntimeError as error:
            raise BackendError(f"openvino: {_last_line(error)}") from None
        finally:
            self._requests.put(request)
        return result


def open_folder(folder: Path, device: str, threads: int, precision: str) -> OpenVinoBackend:
    """Open the OpenVINO file of a model folder, or else its ONNX file, which OpenVINO reads too.

    Args:
        folder: The model folder.
        device: ``cpu``, ``gpu``, ``gpu:0`` or ``mps``.
        threads: Processor cores to use.
        precision: ``fp32``, ``fp16``, ``bf16`` or ``int8``.

    Returns:
        The back end.

    Raises:
        ConfigError: The device or precision is not supported.
        ModelError: The file is missing or damaged.
    """
    if device not in ("auto", "cpu"):
        raise ConfigError(f"openvino: device {device!r}; expected cpu", hint="use --backend torch for a GPU")
    stored = stored_precision(precision)
    ir, onnx = exported_name(IR_FILE, stored), exported_name(ONNX_FILE, stored)
    command = export_command(folder, "openvino", precision)
    if any((place / ir).is_file() for place in export_places(folder)):
        return OpenVinoBackend(find_model_file(folder, ir, command), None, threads, precision)
    return OpenVinoBackend(find_model_file(folder, onnx, command), read_spec(folder), threads, precision)


def _compiled(core: ov.Core, network: ov.Model, settings: dict[str, Any]) -> Any:
    try:
        return core.compile_model(network, "CPU", settings)
    except RuntimeError:
        if settings[hints.inference_precision()] != "bf16":
            raise
        # On processors without bf16 OpenVINO takes fp32, unless it is oneDNN that may not use it.
        return core.compile_model(network, "CPU", settings | {hints.inference_precision(): "f32"})


def stored_precision(precision: str) -> str:
    """Return the precision of the file to read: bf16 computes with fp32 weights and is no storage format.

    Args:
        precision: The precision to compute in.

    Returns:
        The precision of the file.
    """
    return "fp32" if precision == "bf16" else precision


def _spec(network: ov.Model, where: str) -> ModelSpec:
    if not network.has_rt_info(SPEC_PATH):
        raise ModelError(f"{where}: an OpenVINO model, but not one of ocrx")
    return ModelSpec.from_json(network.get_rt_info(SPEC_PATH).astype(str), where)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
