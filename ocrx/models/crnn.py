"""CRNN: VGG convolutions, two bidirectional LSTMs, CTC."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec
from ocrx.models.cnn_bilstm import BiLSTM


@dataclass(frozen=True)
class CRNNParams:
    """``channels`` of the last convolution; ``hidden``: width of each LSTM direction."""

    channels: int = 512
    hidden: int = 256

    def __post_init__(self) -> None:
        if self.channels < 8 or self.channels % 8 or self.hidden < 1:
            raise ModelError("crnn: channels must be a multiple of 8, hidden at least 1")


def heights(params: CRNNParams) -> range:
    """32 pixels: four halvings and a 2x2 convolution leave one row."""
    return range(32, 33)


def frames(params: CRNNParams, image: ImageSpec) -> FrameSpec:
    """W // 4 - 1 frames: two halvings, then one column lost to the 2x2 convolution."""
    return FrameSpec(((2, 2, 0), (2, 2, 0), (2, 1, 0)))


class CRNN(nn.Module):
    """Images [N, C, 32, W] → logits [N, W // 4 - 1, classes].

    Source: Shi et al. 2015, in the form of the deep-text-recognition benchmark (Baek et al. 2019): None-VGG-BiLSTM-CTC.
    """

    def __init__(self, params: CRNNParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        a, b, c, d = (params.channels // n for n in (8, 4, 2, 1))
        self.features = nn.Sequential(
            *(nn.Conv2d(image.channels, a, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(a, b, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(b, c, 3, 1, 1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c, c, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d((2, 1))),
            *(nn.Conv2d(c, d, 3, 1, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True)),
            *(nn.Conv2d(d, d, 3, 1, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True), nn.MaxPool2d((2, 1))),
            *(nn.Conv2d(d, d, 2), nn.ReLU(inplace=True)),
        )
        hidden = params.hidden
        self.sequence = nn.Sequential(BiLSTM(d, hidden, hidden), BiLSTM(hidden, hidden, hidden))
        self.head = nn.Linear(hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        sequence = self.features(images).squeeze(2).transpose(1, 2)
        logits: Tensor = self.head(self.sequence(sequence))
        return logits
