"""The Chinese SVTRv2 server model: SVTRv2's encoder with 5x5 convolutions, then PP-OCR's SVTR neck."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ocrx.model_spec import FrameSpec, ImageSpec
from ocrx.models.blocks import ColumnPool, fuse_in_place, fused_copy
from ocrx.models.necks import SVTRNeck
from ocrx.models.svtrv2 import Layout, SVTRv2Encoder

_LAYOUT = Layout((128, 256, 384), (6, 6, 6), (6, 2, 0))


@dataclass(frozen=True)
class SVTRv2ChParams:
    """``fused``: the inference form, one convolution where training has convolution and batch norm."""

    fused: bool = False


def heights(params: SVTRv2ChParams) -> range:
    """Multiples of 16 pixels: four halvings, then the mean over the rows that remain."""
    return range(16, 129, 16)


def frames(params: SVTRv2ChParams, image: ImageSpec) -> FrameSpec:
    """W / 8 frames."""
    return FrameSpec(((3, 2, 1), (3, 2, 1), (2, 2, 0)))


class SVTRv2Ch(nn.Module):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: OpenOCR's svtrv2_ch (2024), PaddleX's ch_SVTRv2_rec."""

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

    def features(self, images: Tensor) -> Tensor:
        """[N, C, H, W] → [N, 384, 1, T], before the neck."""
        out: Tensor = self.pool(self.encoder(images))
        return out

    def read(self, features: Tensor) -> Tensor:
        """Features → logits [N, T, classes]."""
        logits: Tensor = self.head(self.neck(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.read(self.features(images))

    def fuse(self) -> SVTRv2Ch:
        """The inference form: batch norms of patch embedding and neck folded."""
        return fused_copy(self)
