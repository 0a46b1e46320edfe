"""The network of the embedded models: LCNetV4 blocks, then bidirectional LSTMs over the whole line."""

from __future__ import annotations

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import LCNetLSTMParams
from ocrx.models.blocks import ConvNorm, frames_last, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.lcnetv4 import LCNetV4Block


class LCNetLSTM(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 4, classes]; H a multiple of 16.

    The receptive field of the convolutions covers about three letters; the LSTM adds the context that
    distinguishes O from 0 and l from 1. In CPU training it costs a tenth of two attention blocks. Source of
    the blocks: PPLCNetV4 of PP-OCRv6 (PaddleOCR, 2026).
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
        # Residual: a further layer can be added to a trained network without changing its outputs at first.
        self.deeper = nn.ModuleList(
            nn.LSTM(2 * params.hidden, params.hidden, bidirectional=True, batch_first=True)
            for _ in range(params.layers - 1)
        )
        self.head = nn.Linear(2 * params.hidden, classes)
        if params.fused:
            fuse_in_place(self)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, D, 1, T].
        """
        out: Tensor = self.rows(self.blocks(self.stem(images)))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the LSTMs and the head.

        Args:
            features: [N, D, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        mixed, _ = self.context(frames_last(features))
        for layer in self.deeper:
            mixed = mixed + layer(mixed)[0]
        logits: Tensor = self.head(mixed)
        return logits
