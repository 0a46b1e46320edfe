"""PPHGNetV2 B4, the backbone of PP-OCRv5 server: dense blocks, the later ones of light convolutions, SVTR neck."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec
from ocrx.models.blocks import BranchStem, ColumnPool, ConvNorm, Size, fuse_in_place, fused_copy
from ocrx.models.necks import SVTRNeck

# (middle, out, blocks, light, kernel, stride) of every stage.
_STAGES: tuple[tuple[int, int, int, bool, int, Size], ...] = (
    (48, 128, 1, False, 3, (2, 1)),
    (96, 512, 1, False, 3, (1, 2)),
    (192, 1024, 3, True, 5, (2, 1)),
    (384, 2048, 1, True, 5, (2, 1)),
)


@dataclass(frozen=True)
class HGNetV2Params:
    """``fused``: the inference form, one convolution where training has convolution and batch norm."""

    neck_dims: int = 120
    fused: bool = False

    def __post_init__(self) -> None:
        if self.neck_dims < 1:
            raise ModelError("hgnetv2: neck_dims must be at least 1")


def heights(params: HGNetV2Params) -> range:
    """Multiples of 16 pixels: four halvings, then the mean over the rows that remain."""
    return range(16, 129, 16)


def frames(params: HGNetV2Params, image: ImageSpec) -> FrameSpec:
    """W / 8 frames."""
    return FrameSpec(((3, 2, 1), (3, 2, 1), (2, 2, 0)))


class HGNetV2(nn.Module):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: PP-OCRv5 server (2025), PPHGNetV2_B4."""

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

    def features(self, images: Tensor) -> Tensor:
        """[N, C, H, W] → [N, 2048, 1, T], before the neck."""
        out: Tensor = self.pool(self.stages(self.stem(images)))
        return out

    def read(self, features: Tensor) -> Tensor:
        """Features → logits [N, T, classes]."""
        logits: Tensor = self.head(self.neck(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.read(self.features(images))

    def fuse(self) -> HGNetV2:
        """The inference form: every batch norm folded into its convolution."""
        return fused_copy(self)


class _Dense(nn.Module):
    """Six layers in a row; input and all six joined by two 1x1 convolutions; optional short cut."""

    def __init__(self, channels: int, middle: int, out: int, light: bool, kernel: int, short_cut: bool) -> None:
        super().__init__()
        self.short_cut = short_cut
        layer = _light if light else _plain
        self.layers = nn.ModuleList([layer(channels if index == 0 else middle, middle, kernel) for index in range(6)])
        self.squeeze = ConvNorm(channels + 6 * middle, out // 2, 1, act=nn.ReLU())
        self.excite = ConvNorm(out // 2, out, 1, act=nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
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
