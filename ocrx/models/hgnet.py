"""PPHGNet small, the backbone of PP-OCRv4 server: dense blocks of plain 3x3 convolutions, SVTR neck."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import HGNetParams
from ocrx.models.blocks import ColumnPool, ConvNorm, Size, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import SVTRNeck

# (middle, out, blocks, stride) of every stage.
_STAGES: tuple[tuple[int, int, int, Size], ...] = (
    (128, 256, 1, (2, 1)),
    (160, 512, 1, (1, 2)),
    (192, 768, 2, (2, 1)),
    (224, 1024, 1, (2, 1)),
)


class HGNet(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: PP-OCRv4 server (2023), PPHGNet_small."""

    takes_guide = True

    def __init__(self, params: HGNetParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvNorm(image.channels, 64, 3, 2, act=nn.ReLU()),
            ConvNorm(64, 64, 3, act=nn.ReLU()),
            ConvNorm(64, 128, 3, act=nn.ReLU()),
        )
        stages: list[nn.Module] = []
        channels = 128

        for middle, out, count, stride in _STAGES:
            stages.append(ConvNorm(channels, channels, 3, stride, groups=channels))
            stages += [_Dense(channels if index == 0 else out, middle, out, index > 0) for index in range(count)]
            channels = out

        self.stages = nn.Sequential(*stages)
        self.pool = ColumnPool(image.height // 16, 2)
        self.neck = SVTRNeck(channels, params.neck_dims, 120)
        self.head = nn.Linear(params.neck_dims, classes)
        if params.fused:
            fuse_in_place(self)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, 1024, 1, T].
        """
        out: Tensor = self.pool(self.stages(self.stem(images)))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the neck and the head.

        Args:
            features: [N, 1024, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.neck(features))
        return logits


class _Dense(nn.Module):
    """Six 3x3 convolutions in a row; a 1x1 convolution joins the input and all six outputs; channel gate; short cut."""

    def __init__(self, channels: int, middle: int, out: int, short_cut: bool) -> None:
        super().__init__()
        self.short_cut = short_cut
        self.layers = nn.ModuleList(
            [ConvNorm(channels if index == 0 else middle, middle, 3, act=nn.ReLU()) for index in range(6)]
        )
        self.join = ConvNorm(channels + 6 * middle, out, 1, act=nn.ReLU())
        self.weigh = nn.Conv2d(out, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] → [N, out, H, W]."""
        seen = [x]
        for layer in self.layers:
            seen.append(layer(seen[-1]))
        joined: Tensor = self.join(torch.cat(seen, 1))
        joined = joined * torch.sigmoid(self.weigh(joined.mean((2, 3), keepdim=True)))
        return joined + x if self.short_cut else joined
