"""What a model needs to know about itself: how images become tensors and tensors become frames.

A ``ModelSpec`` is JSON, written identically beside the weights, into ONNX metadata and into OpenVINO
models. Everything that prepares an image or interprets an output asks the spec, so that training,
evaluation and every exported form agree. Stored models rest on it: fields may be added with defaults
that keep the old meaning, never renamed or removed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from ocrx.errors import ModelError

SPEC_VERSION = 1

DIRECTIONS = ("ltr", "rtl")
ORDERS = {"L": 1, "RGB": 3, "BGR": 3}
FILTERS = ("bilinear", "bilinear_point", "bicubic", "lanczos", "box", "nearest")
STEPS = ("rotate_tall", "deskew", "denoise", "contrast", "polarity", "otsu", "sauvola")

_T = TypeVar("_T")


@dataclass(frozen=True)
class ImageSpec:
    """How an image of any size becomes a float32 tensor [C, height, width].

    The image runs through ``steps``, is resized to ``height`` with its aspect ratio kept
    (width = ceil(height * w / h), squeezed above ``max_width``), scaled as ``(pixel * scale - mean) / std``
    and padded on the right with ``pad`` (a value after scaling) to the next multiple of ``bucket``.
    """

    height: int = 32
    order: str = "L"
    filter: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    pad: float = 0.0
    bucket: int = 32
    min_width: int = 32
    max_width: int = 2560
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = [
            (self.order not in ORDERS, f"order must be one of {', '.join(ORDERS)}, not {self.order!r}"),
            (self.filter not in FILTERS, f"filter must be one of {', '.join(FILTERS)}, not {self.filter!r}"),
            (self.height < 8, f"height must be at least 8, not {self.height}"),
            (self.bucket < 1, f"bucket must be at least 1, not {self.bucket}"),
            (not 1 <= self.min_width <= self.max_width, "1 <= min_width <= max_width must hold"),
            (self.max_width % max(self.bucket, 1) != 0, "max_width must be a multiple of bucket"),
            (any(s == 0 for s in self.std), "std must not be 0"),
        ]
        problems += [(step not in STEPS, f"unknown step {step!r}; known: {', '.join(STEPS)}") for step in self.steps]
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            problems.append((count not in (1, self.channels), f"{name} needs 1 or {self.channels} values, not {count}"))
        for wrong, message in problems:
            if wrong:
                raise ModelError(f"image: {message}")

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return ORDERS.get(self.order, 1)

    def resized_width(self, width: int, height: int) -> int:
        """Width in pixels after resizing an image of ``width`` x ``height`` to ``self.height``."""
        return max(1, min(self.max_width, math.ceil(self.height * width / height)))

    def bucket_width(self, resized: int) -> int:
        """Padded width of an image whose resized width is ``resized``; a pure function of the image."""
        return min(self.max_width, max(self.min_width, math.ceil(resized / self.bucket) * self.bucket))


@dataclass(frozen=True)
class FrameSpec:
    """How many output frames a padded width gives, and which pixels a frame stands for.

    ``layers`` lists (kernel, stride, padding) along the width of every layer that changes it, in order;
    the count follows the usual convolution arithmetic, so valid convolutions that lose frames are exact.
    ``shift`` is how many prepared pixels characters stand right of the frames that show them; it is measured
    after training and matters to spans alone.
    """

    layers: tuple[tuple[int, int, int], ...] = ()
    shift: float = 0.0

    def __post_init__(self) -> None:
        for kernel, stride, padding in self.layers:
            if kernel < 1 or stride < 1 or padding < 0:
                raise ModelError(f"frames: no layer has kernel {kernel}, stride {stride} and padding {padding}")

    def count(self, width: int) -> int:
        """Number of frames for a padded width in pixels; 0 if the width is too small."""
        for kernel, stride, padding in self.layers:
            width = max(0, (width + 2 * padding - kernel) // stride + 1)
        return width

    @property
    def stride(self) -> int:
        """Pixels from one frame to the next."""
        return math.prod(stride for _, stride, _ in self.layers)

    def pixels(self, frame: float) -> tuple[float, float]:
        """Left and right edge, in prepared pixels, of the stretch that ``frame`` stands for."""
        start, jump = 0.5, 1
        for kernel, stride, padding in self.layers:
            start += ((kernel - 1) / 2 - padding) * jump
            jump *= stride
        centre = start + frame * jump + self.shift
        return centre - jump / 2, centre + jump / 2


@dataclass(frozen=True)
class CalibrationSpec:
    """How character probabilities become the probability that the whole line is right.

    With q = sigmoid(logit(p) / ``temperature``) for each of the n characters' probabilities p:
    logit(confidence) = ``bias`` + ``slope`` * logit(product of all q) + ``length`` * ln(n). The defaults give the
    product of the probabilities. A line whose probabilities have a geometric mean below ``familiar_score`` is unlike
    the lines that the model was calibrated on. Fitted on ``lines`` labelled lines by ``evaluation.calibration``.
    """

    temperature: float = 1.0
    bias: float = 0.0
    slope: float = 1.0
    length: float = 0.0
    familiar_score: float = 0.0
    lines: int = 0

    def __post_init__(self) -> None:
        values = (self.temperature, self.bias, self.slope, self.length, self.familiar_score)
        if not all(map(math.isfinite, values)) or self.temperature <= 0 or not 0 <= self.familiar_score <= 1:
            raise ModelError(
                "calibration: expected finite numbers, a temperature above 0 and a familiar_score from 0 to 1"
            )


@dataclass(frozen=True)
class ModelSpec:
    """All that is needed to rebuild a network, feed it and read its output.

    ``direction`` ``rtl``: frames run from left to right all the same, and lines with right-to-left letters are turned
    into logical order when they are read out. ``calibration`` is None for a model that was never calibrated.
    """

    architecture: str
    params: Mapping[str, Any]
    charset: tuple[str, ...]
    image: ImageSpec
    frames: FrameSpec
    name: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    version: int = SPEC_VERSION
    direction: str = "ltr"
    calibration: CalibrationSpec | None = None

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ModelError(f"direction must be one of {', '.join(DIRECTIONS)}, not {self.direction!r}")

    @property
    def classes(self) -> int:
        """Outputs per frame: the blank and one per charset entry."""
        return len(self.charset) + 1

    def frame_count(self, width: int) -> int:
        """Frames that a resized width (pixels, before padding) gives."""
        return self.frames.count(self.image.bucket_width(width))

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        if self.calibration is None:  # earlier versions refuse a field that they do not know
            del fields["calibration"]
        return fields

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, where: str) -> ModelSpec:
        """Parse a stored spec; ``where`` names the file in errors."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{where}: not valid JSON ({error})") from None
        if not isinstance(data, dict) or not {"architecture", "params", "charset", "image", "frames"} <= data.keys():
            raise ModelError(f"{where}: not the description of an ocrx model")
        version = data.get("version")
        if not isinstance(version, int) or version > SPEC_VERSION:
            raise ModelError(
                f"{where}: written in format {version}, this ocrx reads up to {SPEC_VERSION}",
                hint="install a newer ocrx",
            )
        return _build(cls, data, where)


def _build(cls: type[_T], data: Mapping[str, Any], where: str) -> _T:
    """A dataclass out of a JSON object, with those that it is made of."""
    types = {f.name: str(f.type) for f in fields(cls)}  # type: ignore[arg-type]  # only dataclasses are passed
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in types:
            raise ModelError(f"{where}: unknown field {name!r}", hint="was it written by a newer ocrx?")
        expected, fits = _JSON[types[name]]
        if not fits(value):
            raise ModelError(f"{where}: {name} must be {expected}, not {json.dumps(value):.40}")
        part = _PARTS.get(types[name])
        values[name] = _build(part, value, where) if part is not None else _frozen(value)
    return cls(**values)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _of(*types: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in types  # not isinstance, for which True is an integer


def _each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


_PARTS: Mapping[str, type[Any]] = {
    "ImageSpec": ImageSpec,
    "FrameSpec": FrameSpec,
    "CalibrationSpec | None": CalibrationSpec,
}

# What JSON must hold for a field of each type.
_JSON: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("a text", _of(str)),
    "int": ("an integer", _of(int)),
    "float": ("a number", _of(int, float)),
    "tuple[str, ...]": ("a list of texts", _each(_of(str))),
    "tuple[float, ...]": ("a list of numbers", _each(_of(int, float))),
    "tuple[tuple[int, int, int], ...]": (
        "a list of lists of three integers",
        _each(lambda layer: _each(_of(int))(layer) and len(layer) == 3),
    ),
    "Mapping[str, Any]": ("an object", _of(dict)),
    "ImageSpec": ("an object", _of(dict)),
    "FrameSpec": ("an object", _of(dict)),
    "CalibrationSpec | None": ("an object", _of(dict)),
}
