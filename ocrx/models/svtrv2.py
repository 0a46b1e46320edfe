"""SVTRv2: convolution and attention blocks over patches; a learned query reads each column (Du et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import SVTRv2Params
from ocrx.models.blocks import ConvNorm, DropPath, Size, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import GlobalBlock


@dataclass(frozen=True)
class Layout:
    """Width, number of blocks, and number of convolution blocks among them, for each of the three stages."""

    dims: tuple[int, int, int]
    depths: tuple[int, int, int]
    convolutions: tuple[int, int, int]


_SIZES = {
    "tiny": Layout((64, 128, 256), (3, 6, 3), (3, 3, 0)),
    "small": Layout((96, 192, 384), (3, 6, 3), (3, 3, 0)),
    "base": Layout((128, 256, 384), (6, 6, 6), (6, 2, 0)),
}


class SVTRv2(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 4, classes]. Source: SVTRv2 (Du et al. 2025) with the RCTC decoder."""

    def __init__(self, params: SVTRv2Params, image: ImageSpec, classes: int) -> None:
        super().__init__()
        layout = _SIZES[params.size]
        self.encoder = SVTRv2Encoder(image.channels, layout, kernel=3, convolutions=2, strides=((1, 1), (2, 1)))
        self.reader = ColumnReader(layout.dims[-1])
        self.head = nn.Linear(layout.dims[-1], classes)
        if params.fused:
            fuse_in_place(self)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, D, rows, T].
        """
        out: Tensor = self.encoder(images)
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the column reader and the head.

        Args:
            features: [N, D, rows, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.reader(features))
        return logits


class SVTRv2Encoder(nn.Module):
    """Images [N, C, H, W] → features [N, D, H / 4 / row strides, W / 4].

    Each convolution block has ``convolutions`` grouped convolutions of size ``kernel``; ``strides`` are those between
    the stages.
    """

    def __init__(
        self,
        channels: int,
        layout: Layout,
        *,
        kernel: int,
        convolutions: int,
        strides: tuple[Size, Size],
        patch_bias: bool = False,
    ) -> None:
        super().__init__()
        first = layout.dims[0]
        self.patches = nn.Sequential(
            ConvNorm(channels, first // 2, 3, 2, act=nn.GELU(), bias=patch_bias),
            ConvNorm(first // 2, first, 3, 2, act=nn.GELU(), bias=patch_bias),
        )
        # Later blocks are dropped more often, from 0 to 0.1 (Huang et al. 2016).
        rates = iter([0.1 * index / (sum(layout.depths) - 1) for index in range(sum(layout.depths))])
        parts: list[nn.Module] = []

        for stage, dims in enumerate(layout.dims):
            for index in range(layout.depths[stage]):
                if index < layout.convolutions[stage]:
                    parts.append(_ConvBlock(dims, kernel, convolutions, next(rates)))
                else:
                    parts.append(_AttentionBlock(dims, next(rates)))
            if stage < 2:
                parts.append(_Subsample(dims, layout.dims[stage + 1], strides[stage]))

        self.blocks = nn.Sequential(*parts)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Embed patches and run all blocks.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, D, H / 4 / row strides, W / 4].
        """
        out: Tensor = self.blocks(self.patches(images))
        return out


class ColumnReader(nn.Module):
    """The feature rearrangement of SVTRv2's RCTC decoder: [N, D, H, W] → [N, W, D].

    Rows are mixed along the width; then a learned query attends to the rows of each column.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.mix = GlobalBlock(dims, dims // 32, 4.0, dropout=0.0, qkv_bias=False, act=nn.GELU())
        self.query = nn.Parameter(torch.zeros(1, 1, dims))
        self.key_value = nn.Linear(dims, 2 * dims)
        nn.init.trunc_normal_(self.query, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Mix each row along the width, then read each column by attention over its rows.

        Args:
            x: Features [N, D, rows, T].

        Returns:
            [N, T, D].
        """
        count, dims, rows, columns = x.shape
        x = self.mix(x.permute(0, 2, 3, 1).reshape(count * rows, columns, dims)).reshape(count, rows, columns, dims)
        joint: Tensor = self.key_value(x)
        key, value = joint.chunk(2, -1)
        weights: Tensor = (key * self.query).sum(-1, keepdim=True).softmax(1)
        return (weights * value).sum(1)


class _ConvBlock(nn.Module):
    """Grouped convolutions with 32 channels each, then an MLP, both post-norm. [N, D, H, W] → the same shape."""

    def __init__(self, dims: int, kernel: int, convolutions: int, drop_path: float) -> None:
        super().__init__()
        groups = dims // 32
        self.mix = nn.Sequential(
            *[nn.Conv2d(dims, dims, kernel, 1, kernel // 2, groups=groups) for _ in range(convolutions)]
        )
        self.norm1 = nn.LayerNorm(dims, eps=1e-6)
        self.norm2 = nn.LayerNorm(dims, eps=1e-6)
        self.widen = nn.Linear(dims, 4 * dims)
        self.act = nn.GELU()
        self.narrow = nn.Linear(4 * dims, dims)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """[N, D, H, W] → the same shape."""
        x = self.norm1((x + self.drop_path(self.mix(x))).permute(0, 2, 3, 1))
        x = self.norm2(x + self.drop_path(self.narrow(self.act(self.widen(x)))))
        return x.permute(0, 3, 1, 2)


class _AttentionBlock(nn.Module):
    """Global attention over all patches. [N, D, H, W] → the same shape."""

    def __init__(self, dims: int, drop_path: float) -> None:
        super().__init__()
        self.block = GlobalBlock(
            dims, dims // 32, 4.0, dropout=0.0, drop_path=drop_path, eps=1e-6, post_norm=True, act=nn.GELU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, D, H, W] → the same shape."""
        count, dims, rows, columns = x.shape
        tokens: Tensor = self.block(x.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).reshape(count, dims, rows, columns)


class _Subsample(nn.Module):
    """3x3 convolution with bias and stride, then a norm over channels."""

    def __init__(self, dims: int, out: int, stride: Size) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dims, out, 3, stride, 1)
        self.norm = nn.LayerNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        """[N, D, H, W] → [N, out, H / stride, W / stride]."""
        out: Tensor = self.norm(self.conv(x).permute(0, 2, 3, 1))
        return out.permute(0, 3, 1, 2)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
