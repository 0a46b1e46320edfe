"""Files for other pipelines: one ONNX file for RapidOCR, a folder for PaddleX and PaddleOCR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import yaml

from ocrx.arrays import Floats, Pixels
from ocrx.errors import ModelError
from ocrx.export.host_graph import HOST_IMAGE, INPUT, host_graph, not_one_line
from ocrx.files import write_file
from ocrx.model_spec import ModelSpec

PADDLEX_NAME = "PP-OCRv5_mobile_rec"
"""The registered name under which PaddleX loads the folder; its own model of that name is not used."""

PADDLEX_FILES = ("inference.onnx", "inference.yml")
RAPIDOCR_FILES = ("rapidocr.onnx",)


@dataclass(frozen=True)
class Host:
    """A pipeline that takes a model of ocrx.

    Attributes:
        package: What is imported to check the files in it.
        files: What it takes; the first is the model.
        example: Three lines of Python that use it; ``{}`` is the place of the model.
    """

    package: str
    files: tuple[str, ...]
    example: str


HOSTS = MappingProxyType(
    {
        "rapidocr": Host(
            "rapidocr",
            RAPIDOCR_FILES,
            "from rapidocr import RapidOCR\n"
            'engine = RapidOCR(params={{"Rec.model_path": "{}"}})\n'
            'print(engine("page.png").txts)',
        ),
        "paddlex": Host(
            "paddlex",
            PADDLEX_FILES,
            "from paddlex import create_model\n"
            f'model = create_model("{PADDLEX_NAME}", model_dir="{{}}", engine="onnxruntime")\n'
            'print([result["rec_text"] for result in model.predict("line.png")])',
        ),
    }
)
"""Format → the host."""


def write_for_host(network: Path, spec: ModelSpec, host: str, folder: Path) -> list[Path]:
    """Write the files that a host takes.

    Args:
        network: The exported ONNX model in fp32.
        spec: Describes it.
        host: A key of ``HOSTS``.
        folder: Where they are written.

    Returns:
        The files, the model first.

    Raises:
        ModelError: The host cannot represent a character, or a graph cannot perform the model's preprocessing.
    """
    files = [folder / name for name in HOSTS[host].files]
    if host == "rapidocr":
        _check_characters(spec)
        metadata = {"character": "\n".join(spec.charset)}
    else:
        metadata = {}
        settings = yaml.safe_dump(_paddlex_settings(spec), allow_unicode=True, sort_keys=False, width=1000)
        write_file(files[1], settings)
    onnx.save(host_graph(onnx.load(network), spec, metadata), files[0])
    return files


def example(host: str, files: Sequence[Path]) -> str:
    """Three lines of Python that use exported files.

    Args:
        host: A key of ``HOSTS``.
        files: The files that ``write_for_host`` returned, at their final location.

    Returns:
        The lines.
    """
    place = files[0] if host == "rapidocr" else files[0].parent
    return HOSTS[host].example.format(place.as_posix())


def read_in_host(host: str, files: Sequence[Path], lines: Sequence[Pixels]) -> list[str] | None:
    """Read lines inside the host itself.

    Args:
        host: A key of ``HOSTS``.
        files: What ``write_for_host`` returned.
        lines: uint8 [H, W, 3] each, in BGR.

    Returns:
        Their texts; None where the host is not installed.
    """
    if find_spec(HOSTS[host].package) is None:
        return None
    return _read_in_rapidocr(files[0], lines) if host == "rapidocr" else _read_in_paddlex(files[0].parent, lines)


class HostBackend:
    """An exported model, fed as the hosts feed it; a ``Backend`` whose logits are logarithms of its probabilities."""

    name = "host"
    device = "cpu"
    threads = 1
    parallel = 1
    pixels: int | None = None

    def __init__(self, model: Path, spec: ModelSpec) -> None:
        """Load a model.

        Args:
            model: What ``write_for_host`` wrote.
            spec: Of the model it was made of.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.spec = replace(spec, image=HOST_IMAGE)
        self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def logits(self, images: Floats) -> Floats:
        """Read lines.

        Args:
            images: float32 [N, 3, 48, W].

        Returns:
            float32 [N, T, K].
        """
        probabilities: Floats = self._session.run(None, {INPUT: images})[0]
        logits: Floats = np.log(np.maximum(probabilities, np.float32(1e-30)))
        return logits


def _check_characters(spec: ModelSpec) -> None:
    wrong = not_one_line(spec.charset)
    if wrong:
        named = ", ".join(repr(entry) for entry in wrong[:8])
        raise ModelError(
            f"rapidocr: stores one character per line and cannot represent {named}",
            hint="train with a charset without them (Global.charset), or export with --format paddlex",
        )


def _paddlex_settings(spec: ModelSpec) -> dict[str, Any]:
    shape = [3, HOST_IMAGE.height, HOST_IMAGE.min_width]
    transforms: list[dict[str, Any]] = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
        {"RecResizeImg": {"image_shape": shape}},
        {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}},
    ]

    return {
        "Global": {"model_name": PADDLEX_NAME},
        "PreProcess": {"transform_ops": transforms},
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(spec.charset)},
    }


def _read_in_rapidocr(model: Path, lines: Sequence[Pixels]) -> list[str]:
    from rapidocr import RapidOCR
    from rapidocr.ch_ppocr_rec.typings import TextRecInput

    engine: Any = RapidOCR(params={"Rec.model_path": str(model), "Global.log_level": "critical"})
    engine(lines[0], use_det=False, use_cls=False, use_rec=True)  # loads the recogniser
    return list(engine.text_rec(TextRecInput(img=list(lines), return_word_box=False)).txts)


def _read_in_paddlex(folder: Path, lines: Sequence[Pixels]) -> list[str]:
    from paddlex import create_model

    model: Any = create_model(PADDLEX_NAME, model_dir=str(folder), engine="onnxruntime")
    return [str(result["rec_text"]) for result in model.predict(list(lines), batch_size=len(lines))]
