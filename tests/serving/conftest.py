"""A server for the tests of its routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.serving import Server, serving

from ocrx import create_model
from ocrx.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer(model_folder: Path) -> Recognizer:
    return create_model(model_dir=model_folder, backend="onnx", threads=2)


@pytest.fixture(scope="module")
def server(recognizer: Recognizer) -> Iterator[Server]:
    with serving(recognizer, max_body=1, max_images=20, max_pixels=1_000_000) as running:
        yield running
