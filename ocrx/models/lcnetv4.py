"""PPLCNetV4, the backbone of PP-OCRv6: depthwise mixers that fuse, GELU, squeeze and excite."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import LCNetV4Params
from ocrx.models.blocks import (
    BranchStem,
    ColumnPool,
    ConvNorm,
    RepDepthwise,
    SqueezeExcite,
    frames_last,
    fuse_in_place,
)
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import ConvNeck, LightSVTR

# (channels, rows halved, squeeze and excite) of every block, stage after stage.
_Block = tuple[int, bool, bool]


@dataclass(frozen=True)
class _Size:
    stem: tuple[int, int]
    branched: bool
    blocks: tuple[_Block, ...]
    neck_dims: int
    mlp_ratio: float


def _alternating(channels: int) -> tuple[_Block, ...]:
    return tuple((channels, False, index % 2 == 0) for index in range(6))


_SIZES = {
    "tiny": _Size(
        (24, 48),
        False,
        (
            *((48, False, True), (48, False, False)),
            *((96, True, False), (96, False, True), (96, False, False)),
            *((160, True, False), (160, False, True), (160, False, False), (160, False, False)),
        ),
        120,
        2.0,
    ),
    "small": _Size(
        (48, 96),
        True,
        (
            *((96, False, True), (96, False, False), (96, False, False)),
            *((192, True, False), *_alternating(192)),
            *((384, True, False), (384, False, True), (384, False, False)),
        ),
        120,
        2.0,
    ),
    "medium": _Size(
        (64, 128),
        True,
        (
            *((128, False, True), (256, False, False), (256, False, False), (256, False, True)),
            *((512, True, False), *_alternating(512)),
            *((768, True, False), (768, False, True), (768, False, False)),
        ),
        192,
        4.0,
    ),
}


class LCNetV4(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / width_stride, classes]; H a multiple of 16 (32 or 48 are usual).

    PP-OCRv6 small is size small with neck lightsvtr, width_stride 8, 48 high. Source: PaddleOCR's PP-OCRv6 (2026).
    """

    takes_guide = True

    def __init__(self, params: LCNetV4Params, image: ImageSpec, classes: int) -> None:
        super().__init__()
        size = _SIZES[params.size]
        middle, channels = size.stem
        stem = BranchStem if size.branched else SimpleStem
        self.stem = stem(image.channels, middle, channels)
        blocks = []
        for width, halved, weighted in size.blocks:
            blocks.append(LCNetV4Block(channels, width, halved, weighted, params.single_token))
            channels = width

        self.blocks = nn.Sequential(*blocks)
        self.pool = ColumnPool(image.height // 16, params.width_stride // 4)
        self.neck: LightSVTR | ConvNeck | None = ConvNeck(channels) if params.neck == "conv" else None

        if params.neck == "lightsvtr":
            dims = params.neck_dims or size.neck_dims
            self.neck = LightSVTR(channels, dims, params.neck_depth, size.mlp_ratio)
            channels = dims

        self.head: nn.Module = nn.Linear(channels, classes)
        if params.head_dims:
            self.head = nn.Sequential(nn.Linear(channels, params.head_dims), nn.Linear(params.head_dims, classes))
        if params.fused:
            fuse_in_place(self)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, D, 1, T].
        """
        out: Tensor = self.pool(self.blocks(self.stem(images)))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the neck and the head.

        Args:
            features: [N, D, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(frames_last(features) if self.neck is None else self.neck(features))
        return logits


class SimpleStem(nn.Module):
    """Two 3x3 convolutions: [N, C, H, W] → [N, out, H / 4, W / 4]."""

    def __init__(self, channels: int, middle: int, out: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, middle, 3, 2, act=nn.GELU())
        self.conv2 = ConvNorm(middle, out, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Run both convolutions.

        Args:
            x: Images [N, C, H, W].

        Returns:
            [N, out, H / 4, W / 4].
        """
        out: Tensor = self.conv2(self.conv1(x))
        return out


class LCNetV4Block(nn.Module):
    """Depthwise 3x3, squeeze and excite, then 1x1 twice as wide: [N, in, H, W] → [N, out, H or H / 2, W]."""

    def __init__(
        self,
        channels: int,
        out: int,
        halved: bool,
        weighted: bool,
        single_token: bool = False,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        self.short_cut = channels == out and not halved
        self.token: nn.Module = RepDepthwise(channels)

        if not self.short_cut:
            self.token = ConvNorm(channels, channels, 3, (2, 1) if halved else 1, groups=channels)
        elif single_token:
            self.token = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels)

        self.weigh: nn.Module = SqueezeExcite(channels) if weighted else nn.Identity()
        self.widen = ConvNorm(channels, 2 * channels, 1, act=activation())
        self.narrow = ConvNorm(2 * channels, out, 1)
        if self.short_cut:
            # The block starts as its token mixer alone, so that depth does not hurt early training.
            nn.init.zeros_(self.narrow.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Mix each channel over space, then the channels.

        Args:
            x: [N, in, H, W].

        Returns:
            [N, out, H, W], or [N, out, H / 2, W] where ``halved``.
        """
        x = self.weigh(self.token(x))
        mixed: Tensor = self.narrow(self.widen(x))
        return x + mixed if self.short_cut else mixed
