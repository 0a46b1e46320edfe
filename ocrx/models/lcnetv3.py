"""PPLCNetV3, the backbone of PP-OCRv4 and v5 mobile: parallel convolutions that fuse, learned affines, SVTR neck."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import LCNetV3Params
from ocrx.models.blocks import (
    Affine,
    ColumnPool,
    ConvNorm,
    Size,
    SqueezeExcite,
    conv_with,
    fold_norm,
    fuse_in_place,
)
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import SVTRNeck

# (kernel, channels at scale 1, stride, squeeze and excite) of every block.
_BLOCKS: tuple[tuple[int, int, Size, bool], ...] = (
    (3, 32, (1, 1), False),
    (3, 64, (1, 1), False),
    (3, 64, (1, 1), False),
    (3, 128, (2, 1), False),
    (3, 128, (1, 1), False),
    (3, 256, (1, 2), False),
    *((5, 256, (1, 1), False),) * 4,
    (5, 512, (2, 1), True),
    (5, 512, (1, 1), True),
    (5, 512, (2, 1), False),
    (5, 512, (1, 1), False),
)


class LCNetV3(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: PP-OCRv4 (2023) and PP-OCRv5 (2025) mobile."""

    takes_guide = True

    def __init__(self, params: LCNetV3Params, image: ImageSpec, classes: int) -> None:
        super().__init__()
        channels = _scaled(16, params.scale)
        self.stem = ConvNorm(image.channels, channels, 3, 2)
        blocks: list[nn.Module] = []

        for kernel, base, stride, weighted in _BLOCKS:
            out = _scaled(base, params.scale)
            blocks.append(_Block(channels, out, kernel, stride, weighted, params.branches))
            channels = out

        self.blocks = nn.Sequential(*blocks)
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
            Features [N, 512 * scale, 1, T].
        """
        out: Tensor = self.pool(self.blocks(self.stem(images)))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the neck and the head.

        Args:
            features: [N, 512 * scale, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.neck(features))
        return logits


def _scaled(channels: int, scale: float) -> int:
    """Nearest multiple of 16, not more than 10 % below."""
    wanted = channels * scale
    rounded = max(16, int(wanted + 8) // 16 * 16)
    return rounded if rounded >= 0.9 * wanted else rounded + 16


class _Block(nn.Module):
    """Depthwise and pointwise layer with squeeze and excite between them."""

    def __init__(self, channels: int, out: int, kernel: int, stride: Size, weighted: bool, branches: int) -> None:
        super().__init__()
        self.depthwise = RepLayer(channels, channels, kernel, stride, groups=channels, branches=branches)
        self.weigh: nn.Module = SqueezeExcite(channels) if weighted else nn.Identity()
        self.pointwise = RepLayer(channels, out, 1, (1, 1), branches=branches)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] → [N, out, H / stride, W / stride]."""
        out: Tensor = self.pointwise(self.weigh(self.depthwise(x)))
        return out


class RepLayer(nn.Module):
    """Sum of ``branches`` k x k convolutions, a 1x1 one and the identity, each with batch norm.

    Then affine, HardSwish, affine. Fuses to one k x k convolution (RepVGG, Ding et al. 2021).
    [N, in, H, W] → [N, out, H / stride, W / stride].
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: Size, *, groups: int = 1, branches: int = 4):
        super().__init__()
        self.identity = nn.BatchNorm2d(channels) if channels == out and stride == (1, 1) else None
        self.wide = nn.ModuleList([ConvNorm(channels, out, kernel, stride, groups=groups) for _ in range(branches)])
        self.point = ConvNorm(channels, out, 1, stride, groups=groups) if kernel > 1 else None
        self.affine = Affine()
        self.act = nn.Hardswish()
        self.affine_after = Affine()

    def forward(self, x: Tensor) -> Tensor:
        """Sum the branches, then affine, HardSwish, affine.

        Args:
            x: [N, in, H, W].

        Returns:
            [N, out, H / stride, W / stride].
        """
        total = torch.stack([branch(x) for branch in self.wide]).sum(0) if len(self.wide) > 1 else self.wide[0](x)
        if self.point is not None:
            total = total + self.point(x)
        if self.identity is not None:
            total = total + self.identity(x)
        out: Tensor = self.affine_after(self.act(self.affine(total)))
        return out

    def fused(self) -> nn.Module:
        """Fold the branches into one convolution.

        Returns:
            The convolution with bias, then affine, HardSwish, affine.

        Raises:
            TypeError: It is fused already.
        """
        first = self.wide[0]
        if not isinstance(first, ConvNorm):
            raise TypeError("already fused")
        weight = torch.zeros_like(first.conv.weight)
        bias = torch.zeros_like(first.norm.bias)
        convs = [branch for branch in (*self.wide, self.point) if isinstance(branch, ConvNorm)]
        parts = [(branch.conv.weight, branch.norm) for branch in convs]

        if self.identity is not None:
            # The identity is a 1x1 kernel that copies each channel to itself.
            inputs = weight.shape[1]
            eye = torch.zeros(weight.shape[0], inputs, 1, 1, device=weight.device)
            eye[torch.arange(weight.shape[0]), torch.arange(weight.shape[0]) % inputs] = 1
            parts.append((eye, self.identity))

        for kernel, norm in parts:
            folded, shift = fold_norm(kernel, None, norm)
            margin = (weight.shape[2] - folded.shape[2]) // 2
            weight = weight + nn.functional.pad(folded, (margin,) * 4)
            bias = bias + shift

        return nn.Sequential(conv_with(first.conv, weight, bias), self.affine, self.act, self.affine_after)
