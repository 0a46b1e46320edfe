"""The network of the embedded model: the LCNetV4 trunk, one bidirectional LSTM over the whole line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec
from ocrx.models.blocks import ConvNorm, fuse_in_place, fused_copy
from ocrx.models.lcnetv4 import LCNetV4Block


@dataclass(frozen=True)
class LCNetLSTMParams:
    """``channels`` and ``depths`` of the three stages, which have 1/4, 1/8 and 1/16 of the height; ``layers`` LSTMs,
    ``hidden`` is the width of each of their directions.

    ``fused``: the inference form, one convolution with bias for every set of parallel ones and its norms. It trains
    1.7 times as fast on a CPU, but only from weights that are good already.

    ``activation``: ``relu`` makes ONNX Runtime a tenth faster than ``gelu``. Weights of one are a start for the other.
    """

    channels: tuple[int, int, int] = (48, 96, 192)
    depths: tuple[int, int, int] = (2, 3, 4)
    hidden: int = 128
    layers: int = 1
    fused: bool = False
    activation: Literal["gelu", "relu"] = "gelu"

    def __post_init__(self) -> None:
        if min(*self.channels, *self.depths, self.hidden, self.layers) < 1:
            raise ModelError("lcnet_lstm: channels, depths, hidden and layers must be at least 1")


def heights(params: LCNetLSTMParams) -> range:
    """Multiples of 16 pixels: four halvings, then one convolution over the rows that remain."""
    return range(16, 129, 16)


def frames(params: LCNetLSTMParams, image: ImageSpec) -> FrameSpec:
    """W / 4 frames: close letters and repeated ones stay apart."""
    return FrameSpec(((3, 2, 1), (3, 2, 1)))


class LCNetLSTM(nn.Module):
    """Images [N, C, H, W] → logits [N, W / 4, classes]; H a multiple of 16.

    The trunk sees about three letters; O or 0, l or 1 are decided by the LSTM, which sees the line and costs a
    tenth of the time of two attention blocks in CPU training. Blocks: PP-OCRv6's PPLCNetV4 (PaddleOCR, 2026).
    """

    def __init__(self, params: LCNetLSTMParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        first, last = params.channels[0], params.channels[-1]
        activation = nn.ReLU if params.activation == "relu" else nn.GELU
        self.stem = nn.Sequential(
            ConvNorm(image.channels, first // 2, 3, 2, act=activation()), ConvNorm(first // 2, first, 3, 2)
        )
        blocks = []
        previous = first
        for stage, (channels, depth) in enumerate(zip(params.channels, params.depths, strict=True)):
            for number in range(depth):
                halved = stage > 0 and number == 0
                blocks.append(LCNetV4Block(previous, channels, halved, weighted=False, activation=activation))
                previous = channels
        self.blocks = nn.Sequential(*blocks)
        self.rows = ConvNorm(last, last, (image.height // 16, 1), act=activation(), padding=0)
        self.context = nn.LSTM(last, params.hidden, bidirectional=True, batch_first=True)
        # What lies left and right meets in the second layer; it is added, so that it can start as nothing.
        self.deeper = nn.ModuleList(
            nn.LSTM(2 * params.hidden, params.hidden, bidirectional=True, batch_first=True)
            for _ in range(params.layers - 1)
        )
        self.head = nn.Linear(2 * params.hidden, classes)
        if params.fused:
            fuse_in_place(self)

    def forward(self, images: Tensor) -> Tensor:
        features = self.rows(self.blocks(self.stem(images)))
        mixed, _ = self.context(features.squeeze(2).transpose(1, 2))
        for layer in self.deeper:
            mixed = mixed + layer(mixed)[0]
        logits: Tensor = self.head(mixed)
        return logits

    def fuse(self) -> LCNetLSTM:
        """The inference form: every batch norm and every parallel branch folded into one convolution."""
        return fused_copy(self)
