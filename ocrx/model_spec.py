"""What a model needs to know about itself: how images become tensors, and which pixels a frame stands for.

A ``ModelSpec`` is JSON, written identically beside the weights, into ONNX metadata and into OpenVINO models. Everything
that prepares an image or interprets an output asks the spec, so that training, evaluation and every export agree.
Stored models depend on it: fields may be added with defaults that keep the old meaning, never renamed or removed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from ocrx.errors import ModelError
from ocrx.files import parse_json
from ocrx.schema import Choice, Range, build, check_ranges

SPEC_VERSION = 1

DIRECTIONS = ("ltr", "rtl")
CHANNELS = {"L": 1, "RGB": 3, "BGR": 3}
"""Channel order → number of channels."""

FILTERS = ("bilinear", "bilinear_point", "bicubic", "lanczos", "box", "nearest")
STEPS = ("rotate_tall", "deskew", "denoise", "contrast", "polarity", "otsu", "sauvola")

_REQUIRED = frozenset({"architecture", "params", "charset", "image", "frames"})
_Pixels = Annotated[int, Range(1, 100_000)]
_Scalar = Annotated[float, Range(-1_000_000, 1_000_000)]


@dataclass(frozen=True)
class ImageSpec:
    """How an image of any size becomes a float32 tensor [C, height, width].

    The image runs through ``steps``, is resized to ``height`` with its aspect ratio kept
    (width = ceil(height * w / h), squeezed above ``max_width``), scaled as ``(pixel * scale - mean) / std``
    and padded on the right to the next multiple of ``bucket``.

    Attributes:
        height: Pixels.
        order: Order of the channels: ``L`` (grey), ``RGB`` or ``BGR``.
        filter: Resampling filter; ``bilinear_point`` is OpenCV's, without antialiasing.
        scale: Factor of the 8-bit pixels.
        mean: One value, or one for each channel.
        std: One value, or one for each channel; not 0.
        pad: Value of the padding, after scaling.
        bucket: Padded widths are multiples of this, in pixels.
        min_width: Smallest padded width in pixels.
        max_width: Largest width in pixels; a multiple of ``bucket``.
        steps: Clean-up before resizing, in order.
    """

    height: Annotated[int, Range(8, 4096)] = 32
    order: Annotated[str, Choice(*CHANNELS)] = "L"
    filter: Annotated[str, Choice(*FILTERS)] = "bilinear"
    scale: _Scalar = 1 / 255
    mean: tuple[_Scalar, ...] = (0.5,)
    std: tuple[_Scalar, ...] = (0.5,)
    pad: _Scalar = 0.0
    bucket: _Pixels = 32
    min_width: _Pixels = 32
    max_width: _Pixels = 2560
    steps: tuple[Annotated[str, Choice(*STEPS)], ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)
        if self.min_width > self.max_width:
            raise ModelError(f"min_width: {self.min_width}; expected at most max_width ({self.max_width})")
        if self.max_width % self.bucket:
            raise ModelError(f"max_width: {self.max_width}; expected a multiple of bucket ({self.bucket})")
        if 0 in self.std:
            raise ModelError("std: 0; expected other numbers")

        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count not in (1, self.channels):
                expected = "1 value" if self.channels == 1 else f"1 or {self.channels} values"
                raise ModelError(f"{name}: {count} values; expected {expected}")

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return CHANNELS[self.order]

    def resized_width(self, width: int, height: int) -> int:
        """Compute the width of an image after resizing to ``self.height``.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        Returns:
            Pixels, at most ``max_width``.
        """
        return max(1, min(self.max_width, math.ceil(self.height * width / height)))

    def bucket_width(self, resized: int) -> int:
        """Compute the padded width of an image: a pure function of the image, whatever else its batch holds.

        Args:
            resized: Width after resizing, in pixels.

        Returns:
            Pixels: the next multiple of ``bucket`` within ``min_width`` and ``max_width``.
        """
        return min(self.max_width, max(self.min_width, math.ceil(resized / self.bucket) * self.bucket))


@dataclass(frozen=True)
class FrameSpec:
    """How many output frames a padded width gives, and which pixels a frame stands for.

    The count follows the usual convolution arithmetic, so that convolutions without padding, which lose frames at the
    edges, are exact.

    Attributes:
        layers: (kernel, stride, padding) along the width of every layer that changes it, in order.
        shift: Prepared pixels by which characters stand right of the frames that show them; measured after training,
            and used for spans alone.
    """

    layers: tuple[
        tuple[Annotated[int, Range(1, 10_000)], Annotated[int, Range(1, 1000)], Annotated[int, Range(0, 10_000)]], ...
    ] = ()
    shift: _Scalar = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)

    def count(self, width: int) -> int:
        """Count the frames of a padded image.

        Args:
            width: Padded width in pixels.

        Returns:
            Frames; 0 if the width is too small.
        """
        for kernel, stride, padding in self.layers:
            width = max(0, (width + 2 * padding - kernel) // stride + 1)
        return width

    @property
    def stride(self) -> int:
        """Pixels from one frame to the next."""
        return math.prod(stride for _, stride, _ in self.layers)

    def pixels(self, frame: float) -> tuple[float, float]:
        """Locate a frame in the prepared image.

        Args:
            frame: Index of the frame; between two frames for a fraction.

        Returns:
            Left and right edge, in prepared pixels, of the stretch that the frame stands for.
        """
        start, jump = 0.5, 1
        for kernel, stride, padding in self.layers:
            start += ((kernel - 1) / 2 - padding) * jump
            jump *= stride
        centre = start + frame * jump + self.shift
        return centre - jump / 2, centre + jump / 2


@dataclass(frozen=True)
class OriginSpec:
    """Where official weights came from.

    Attributes:
        address: The web address, or the package and the file in it.
        sha256: Of the file of weights, in hexadecimal.
        date: When it was fetched, as ``2026-11-24``.
    """

    address: str = ""
    sha256: str = ""
    date: str = ""


@dataclass(frozen=True)
class CalibrationSpec:
    """How character probabilities become the probability that the whole line is right.

    With q = sigmoid(logit(p) / ``temperature``) for each of the n characters' probabilities p:
    logit(confidence) = ``bias`` + ``slope`` * logit(product of all q) + ``length`` * ln(n). The defaults give the
    product of the probabilities. Fitted on labelled lines by ``evaluation.calibration``.

    Attributes:
        temperature: Divisor of the characters' logits.
        bias: Constant term.
        slope: Factor of the line's logit.
        length: Factor of the logarithm of the number of characters.
        familiar_score: A line whose probabilities have a lower geometric mean is unlike the lines that the model was
            calibrated on.
        lines: Lines that it was fitted on.
    """

    temperature: Annotated[float, Range(above=0, most=1_000_000)] = 1.0
    bias: _Scalar = 0.0
    slope: _Scalar = 1.0
    length: _Scalar = 0.0
    familiar_score: Annotated[float, Range(0, 1)] = 0.0
    lines: Annotated[int, Range(0, 10**15)] = 0

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)


@dataclass(frozen=True)
class ModelSpec:
    """All that is needed to rebuild a network, feed it and read its output.

    Attributes:
        architecture: Name of the network.
        params: Fields of the network's parameter class.
        charset: Characters of the classes 1, 2, …; class 0 is the blank.
        image: How images are prepared.
        frames: How output frames follow from the width.
        name: Name of the recipe.
        metrics: Validation metrics of the stored weights.
        version: Format of the description.
        direction: ``ltr`` or ``rtl``. Frames run from left to right either way; with ``rtl`` lines that hold
            right-to-left letters are put into logical order when they are decoded.
        calibration: How scores become probabilities; None for a model that was never calibrated.
        origin: Where official weights came from; None for a model that was trained here.
    """

    architecture: str
    params: Mapping[str, Any]
    charset: tuple[str, ...]
    image: ImageSpec
    frames: FrameSpec
    name: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    version: int = SPEC_VERSION
    direction: Annotated[str, Choice(*DIRECTIONS)] = "ltr"
    calibration: CalibrationSpec | None = None
    origin: OriginSpec | None = None

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)

    @property
    def classes(self) -> int:
        """Outputs per frame: the blank and one for each entry of the charset."""
        return len(self.charset) + 1

    def frame_count(self, width: int) -> int:
        """Count the frames of a resized image.

        Args:
            width: Width after resizing and before padding, in pixels.

        Returns:
            Frames.
        """
        return self.frames.count(self.image.bucket_width(width))

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values.

        Returns:
            Field → value, as in ``model.json``.
        """
        values = asdict(self)
        for name in ("calibration", "origin"):
            if values[name] is None:  # earlier versions refuse a field that they do not know
                del values[name]
        return values

    def to_json(self) -> str:
        """Serialise the spec.

        Returns:
            JSON that ``from_json`` reads back to an equal value.
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> ModelSpec:
        """Parse a stored spec.

        Args:
            text: The JSON text; bytes are UTF-8.
            where: Names the file in errors.

        Returns:
            The spec.

        Raises:
            ModelError: The text is not JSON within the limits, not the description of a model, from a newer version,
                or holds a field of another type or outside its range.
        """
        data = parse_json(text, where, error=ModelError)
        if not isinstance(data, dict) or not data.keys() >= _REQUIRED:
            raise ModelError(f"{where}: not the description of an ocrx model")
        version = data.get("version")
        if type(version) is not int or version > SPEC_VERSION:
            raise ModelError(
                f"{where}: written in format {version}, this ocrx reads up to {SPEC_VERSION}",
                hint="install a newer ocrx",
            )
        return build(cls, data, error=ModelError, prefix=f"{where}: ")
