"""ONNX Runtime: the fastest start, and the default on the CPU."""

from __future__ import annotations

import re
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as _state

from ocrx.arrays import Floats
from ocrx.backends import CACHED_PIXELS, check_classes, export_command, exported_name, find_model_file
from ocrx.backends.probe import probe_path
from ocrx.errors import BackendError, ConfigError, ModelError, first_line
from ocrx.model_folder import ONNX_FILE
from ocrx.model_spec import ModelSpec

METADATA_KEY = "ocrx"

# ONNX Runtime's exception classes have no common base but Exception.
_FAILURES: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    OSError,
    *(kind for kind in vars(_state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)


class OnnxBackend:
    """One session with one thread of its own, run from ``threads`` threads at once.

    Line networks are small: whole batches side by side use the cores better than one batch split over them.
    """

    name = "onnx"

    def __init__(self, model: Path | bytes, threads: int = 1, device: str = "cpu") -> None:
        where = str(model) if isinstance(model, Path) else "ONNX model"
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Plans kept for every shape seen would grow with each new width. The arena only grows up to the largest call,
        # and spares returning memory to the system and fetching it again in each one.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        if isinstance(model, Path) and _may_overflow(model):
            options.add_session_config_entry("session.x64quantprecision", "1")
        half = isinstance(model, Path) and model.name == exported_name(ONNX_FILE, "fp16")

        try:
            self._session = ort.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                options,
                providers=_providers(device),
                disabled_optimizers=["NchwcTransformer"] if half else None,  # crashes on an LSTM in fp16
            )
        except _FAILURES as error:
            raise ModelError(f"{where}: cannot be loaded ({first_line(error)})") from None

        described = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if described is None:
            raise ModelError(f"{where}: an ONNX model, but not one of ocrx", hint="see `ocrx import --help`")
        self.spec = ModelSpec.from_json(described, where)
        self.threads = threads
        on_cpu = device in ("auto", "cpu")
        self.device = "cpu" if on_cpu else f"cuda:{device.partition(':')[2] or 0}"
        self.parallel = threads if on_cpu else 1
        self.pixels = CACHED_PIXELS if on_cpu else None
        self._input = self._session.get_inputs()[0].name
        output = self._session.get_outputs()[0]
        self._output = output.name
        check_classes(self, output.shape[-1] if output.shape else None, where)

    def logits(self, images: Floats) -> Floats:
        """Run the network.

        Args:
            images: float32 [N, C, H, W]; W is a bucket width.

        Returns:
            Logits, float32 [N, T, K].

        Raises:
            BackendError: The runtime fails, for example for lack of memory.
        """
        try:
            result: Floats = self._session.run([self._output], {self._input: images})[0]
        except _FAILURES as error:
            raise BackendError(f"onnx: {first_line(error)}") from None
        return result


def open_folder(folder: Path, device: str, threads: int, precision: str) -> OnnxBackend:
    """Open the ONNX file of a model folder.

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
    if precision == "bf16":
        raise ConfigError(
            "onnx: precision 'bf16'; expected one of fp32, fp16, int8", hint="use --backend torch or --backend openvino"
        )
    command = export_command(folder, "onnx", precision)
    return OnnxBackend(find_model_file(folder, exported_name(ONNX_FILE, precision), command), threads, device)


def _may_overflow(model: Path) -> bool:
    """Whether this is an older int8 file, with 8-bit weights and without a probe.

    Its arithmetic overflows on x86-64 without VNNI, unless ONNX Runtime uses slower kernels.
    """
    return model.name == exported_name(ONNX_FILE, "int8") and not probe_path(model, "int8").is_file()


def _providers(device: str) -> list[str | tuple[str, dict[str, int]]]:
    if device in ("auto", "cpu"):
        return ["CPUExecutionProvider"]
    gpu = re.fullmatch(r"(?:gpu|cuda)(?::(\d+))?", device)
    if gpu is not None and "CUDAExecutionProvider" in ort.get_available_providers():
        return [("CUDAExecutionProvider", {"device_id": int(gpu[1] or 0)}), "CPUExecutionProvider"]
    raise BackendError(
        f"onnx: no device {device!r}; this ONNX Runtime has {', '.join(ort.get_available_providers())}",
        hint="pip install onnxruntime-gpu, or use --backend torch",
    )
