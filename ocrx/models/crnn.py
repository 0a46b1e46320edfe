"""CRNN: VGG convolutions, two bidirectional LSTMs, CTC."""

from __future__ import annotations

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import CRNNParams
from ocrx.models.blocks import bilstm_stack, frames_last
from ocrx.models.ctc_network import CTCNetwork


class CRNN(CTCNetwork):
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
        self.sequence = bilstm_stack(d, params.hidden, 2)

        self.head = nn.Linear(params.hidden, classes)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, channels, 1, T].
        """
        out: Tensor = self.features(images)
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the LSTMs and the head.

        Args:
            features: [N, channels, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.sequence(frames_last(features)))
        return logits
