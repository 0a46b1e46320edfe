"""PPHGNetV2 B4, the backbone of PP-OCRv5 server: dense blocks, the later ones of light convolutions, SVTR neck."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import HGNetV2Params
from ocrx.models.blocks import BranchStem, ColumnPool, ConvNorm, Size, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import SVTRNeck

# (middle, out, blocks, light, kernel, stride) of every stage.
_STAGES: tuple[tuple[int, int, int, bool, int, Size], ...] = (
    (48, 128, 1, False, 3, (2, 1)),
    (96, 512, 1, False, 3, (1, 2)),
    (192, 1024, 3, True, 5, (2, 1)),
    (384, 2048, 1, True, 5, (2, 1)),
)


class HGNetV2(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: PP-OCRv5 server (2025), PPHGNetV2_B4."""

    takes_guide = True

    def __init__(self, params: HGNetV2Params, image: ImageSpec, classes: int) -> None:
        super().__init__()
        self.stem = BranchStem(image.channels, 32, 48, stride=1)
        stages: list[nn.Module] = []
        channels = 48

        for middle, out, count, light, kernel, stride in _STAGES:
            stages.append(ConvNorm(channels, channels, 3, stride, groups=channels))
            for index in range(count):
                stages.append(_Dense(channels if index == 0 else out, middle, out, light, kernel, index > 0))
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
            Features [N, 2048, 1, T].
        """
        out: Tensor = self.pool(self.stages(self.stem(images)))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the neck and the head.

        Args:
            features: [N, 2048, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.neck(features))
        return logits


class _Dense(nn.Module):
    """Six layers in a row; two 1x1 convolutions join the input and all six outputs; optional short cut."""

    def __init__(self, channels: int, middle: int, out: int, light: bool, kernel: int, short_cut: bool) -> None:
        super().__init__()
        self.short_cut = short_cut
        layer = _light if light else _plain
        self.layers = nn.ModuleList([layer(channels if index == 0 else middle, middle, kernel) for index in range(6)])
        self.squeeze = ConvNorm(channels + 6 * middle, out // 2, 1, act=nn.ReLU())
        self.excite = ConvNorm(out // 2, out, 1, act=nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] → [N, out, H, W]."""
        seen = [x]
        for layer in self.layers:
            seen.append(layer(seen[-1]))
        joined: Tensor = self.excite(self.squeeze(torch.cat(seen, 1)))
        return joined + x if self.short_cut else joined


def _plain(channels: int, out: int, kernel: int) -> nn.Module:
    return ConvNorm(channels, out, kernel, act=nn.ReLU())


def _light(channels: int, out: int, kernel: int) -> nn.Module:
    """1x1 without activation, then depthwise k x k."""
    return nn.Sequential(ConvNorm(channels, out, 1), ConvNorm(out, out, kernel, groups=out, act=nn.ReLU()))
