"""Plain convolutions and two bidirectional LSTMs."""

from __future__ import annotations

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import CNNBiLSTMParams
from ocrx.models.blocks import bilstm_stack, frames_last
from ocrx.models.ctc_network import CTCNetwork


class CNNBiLSTM(CTCNetwork):
    """Grey images [N, 1, H, W] → logits [N, W // 8 - 6, classes].

    H must be 64 to 79 pixels, and W at least 56 (8 * 7) for the first frame. 17.05 M parameters with 97 classes.
    Source: the tutorial "Optical Character Recognition (OCR) with PyTorch", layer by layer, with the transpose that
    it omits between the features [N, 512, T] and the LSTM, which takes [N, T, 512].
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
        self.sequence = bilstm_stack(512, params.hidden, 2)

        self.head = nn.Linear(params.hidden, classes)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, 512, 1, T].
        """
        flat: Tensor = self.features(images)
        return flat.unsqueeze(2)

    def read_features(self, features: Tensor) -> Tensor:
        """Run the LSTMs and the head.

        Args:
            features: [N, 512, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.sequence(frames_last(features)))
        return logits
