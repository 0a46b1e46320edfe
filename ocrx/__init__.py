"""Read lines of text from images, and train your own reader.

    from ocrx import create_model
    for result in create_model().predict("line.png"):
        print(result.text, result.score)

Importing ocrx imports neither torch nor onnxruntime; the names below are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ocrx.errors import BackendError, ConfigError, DataError, LostProcessError, ModelError, OcrxError
from ocrx.version import __version__

if TYPE_CHECKING:
    from ocrx.config import DecodeOptions
    from ocrx.inference.opening import create_model
    from ocrx.inference.recognizer import Recognizer
    from ocrx.inference.results import Prediction

__all__ = [
    "BackendError",
    "ConfigError",
    "DataError",
    "DecodeOptions",
    "LostProcessError",
    "ModelError",
    "OcrxError",
    "Prediction",
    "Recognizer",
    "__version__",
    "create_model",
]

_LAZY = {
    "DecodeOptions": "ocrx.config",
    "Prediction": "ocrx.inference.results",
    "Recognizer": "ocrx.inference.recognizer",
    "create_model": "ocrx.inference.opening",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'ocrx' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
