"""Plain convolutions and two bidirectional LSTMs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ocrx.model_spec import FrameSpec, ImageSpec


@dataclass(frozen=True)
class CNNBiLSTMParams:
    """The layers are fixed; ``hidden`` is the width of each LSTM direction."""

    hidden: int = 512


def heights(params: CNNBiLSTMParams) -> range:
    """64 to 79 pixels: three halvings, a 7x7 convolution without padding and one more halving leave one row."""
    return range(64, 80)


def frames(params: CNNBiLSTMParams, image: ImageSpec) -> FrameSpec:
    """W // 8 - 6 frames: three halvings, then six columns lost to the 7x7 convolution."""
    return FrameSpec(((2, 2, 0), (2, 2, 0), (2, 2, 0), (7, 1, 0)))


class CNNBiLSTM(nn.Module):
    """Grey images [N, 1, H, W] → logits [N, W // 8 - 6, classes].

    H must be 64 to 79 pixels, W at least 56 (8 * 7), which gives the first frame. 17.05 M parameters with 97
    classes. Source: the design document "Optical Character Recognition (OCR) with PyTorch", layer by layer, with
    the transpose that it lacks between the features [N, 512, T] and the LSTM, which reads [N, T, 512].
    """

    def __init__(self, params: CNNBiLSTMParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(image.channels, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(256, 512, 7),
            nn.ReLU(inplace=True),
            nn.MaxPool2d((2, 1), (2, 1)),
            nn.Flatten(2),
        )
        self.sequence = nn.Sequential(
            BiLSTM(512, params.hidden, params.hidden), BiLSTM(params.hidden, params.hidden, params.hidden)
        )
        self.head = nn.Linear(params.hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        frames_first = self.features(images).transpose(1, 2)
        logits: Tensor = self.head(self.sequence(frames_first))
        return logits


class BiLSTM(nn.Module):
    """One bidirectional LSTM and a linear layer: [N, T, inputs] → [N, T, outputs]."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(inputs, hidden, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        mixed, _ = self.rnn(x)
        out: Tensor = self.linear(mixed)
        return out
