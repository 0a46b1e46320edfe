"""The Chinese SVTRv2 server model: SVTRv2's encoder with 5x5 convolutions, then PP-OCR's SVTR neck."""

from __future__ import annotations

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import SVTRv2ChParams
from ocrx.models.blocks import ColumnPool, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import SVTRNeck
from ocrx.models.svtrv2 import Layout, SVTRv2Encoder

_LAYOUT = Layout((128, 256, 384), (6, 6, 6), (6, 2, 0))


class SVTRv2Ch(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: OpenOCR's svtrv2_ch (2024), PaddleX's ch_SVTRv2_rec."""

    takes_guide = True

    def __init__(self, params: SVTRv2ChParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        self.encoder = SVTRv2Encoder(
            image.channels, _LAYOUT, kernel=5, convolutions=1, strides=((2, 1), (2, 1)), patch_bias=True
        )
        self.pool = ColumnPool(image.height // 16, 2)
        self.neck = SVTRNeck(_LAYOUT.dims[-1], 256, 256)
        self.head = nn.Linear(256, classes)
        if params.fused:
            fuse_in_place(self)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, 384, 1, T].
        """
        out: Tensor = self.pool(self.encoder(images))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the neck and the head.

        Args:
            features: [N, 384, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.neck(features))
        return logits
