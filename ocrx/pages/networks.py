"""Opens the networks of the wheel ``rapidocr``: the text detector and the line-orientation classifier."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ocrx.arrays import Floats
from ocrx.errors import BackendError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

DETECTOR = "PP-OCRv6_small_det"
ORIENTATION = "ch_ppocr_mobile_v2.0_cls"

_HINT = "pip install 'ocrx[page]'"


def locate(name: str, what: str) -> Path:
    """Find a network in the installed wheel; nothing is loaded.

    Args:
        name: ``DETECTOR`` or ``ORIENTATION``.
        what: Feature that needs it, for the message.

    Returns:
        The ONNX file.

    Raises:
        BackendError: The extra ``page`` is missing.
    """
    from ocrx.zoo.sources import wheel_file  # slow to import

    missing = [package for package in ("rapidocr", "cv2") if find_spec(package) is None]
    if missing:
        raise BackendError(f"{what}: needs {' and '.join(missing)}", hint=_HINT)
    found = wheel_file(name)
    if found is None:
        raise BackendError(f"{what}: the installed rapidocr does not contain {name}", hint=_HINT)
    return found[1]


class Network:
    """One of the networks, in ONNX Runtime."""

    def __init__(self, name: str, threads: int) -> None:
        """Load a network.

        Args:
            name: ``DETECTOR`` or ``ORIENTATION``.
            threads: Processor cores for one call.

        Raises:
            BackendError: The extra ``page`` is missing.
        """
        import onnxruntime as ort  # slow to import

        file = locate(name, name)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Memory plans of many page sizes would add up; waiting threads should not occupy cores.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session: InferenceSession = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, images: Floats) -> Floats:
        """Run the network; may be called from several threads at once.

        Args:
            images: float32 [N, 3, H, W].

        Returns:
            Its first output.
        """
        result: Floats = self._session.run(None, {self._input: images})[0]
        return result


def scaled(pixels: Floats) -> Floats:
    """Scale pixels for both networks.

    Args:
        pixels: [H, W, 3], 0 to 255, RGB.

    Returns:
        float32 [3, H, W], -1 to 1, BGR.
    """
    result: Floats = (pixels[:, :, ::-1] / np.float32(127.5) - np.float32(1)).transpose(2, 0, 1)
    return result
