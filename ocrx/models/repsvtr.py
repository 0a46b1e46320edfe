"""RepSVTR, the mobile model of OpenOCR: a RepViT backbone and the SVTR neck."""

from __future__ import annotations

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import RepSVTRParams
from ocrx.models.blocks import ColumnPool, ConvNorm, RepDepthwise, SqueezeExcite, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import SVTRNeck

# (channels, rows halved, squeeze and excite) of every block.
_BLOCKS: tuple[tuple[int, bool, bool], ...] = (
    (96, False, True),
    (96, False, False),
    (96, False, False),
    (192, True, False),
    *((192, False, True), (192, False, False)) * 3,
    (384, True, False),
    (384, False, True),
    (384, False, False),
)


class RepSVTR(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: OpenOCR's RepSVTR (2024); RepViT (Wang et al. 2024)."""

    takes_guide = True

    def __init__(self, params: RepSVTRParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        channels = 96
        self.stem = nn.Sequential(ConvNorm(image.channels, 48, 3, 2, act=nn.GELU()), ConvNorm(48, channels, 3, 2))
        blocks: list[nn.Module] = []
        for out, halved, weighted in _BLOCKS:
            blocks.append(_Block(channels, out, halved, weighted))
            channels = out

        self.blocks = nn.Sequential(*blocks)
        self.pool = ColumnPool(image.height // 16, 2)
        self.neck = SVTRNeck(channels, 256, 256)
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
        out: Tensor = self.pool(self.blocks(self.stem(images)))
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


class _Block(nn.Module):
    """Depthwise mixer, squeeze and excite, then a residual pair of 1x1 convolutions twice as wide."""

    def __init__(self, channels: int, out: int, halved: bool, weighted: bool) -> None:
        super().__init__()
        self.token: nn.Module = RepDepthwise(channels)
        if halved:
            self.token = ConvNorm(channels, channels, 3, (2, 1), groups=channels)
        self.weigh: nn.Module = SqueezeExcite(channels, nn.Sigmoid()) if weighted else nn.Identity()
        self.grow: nn.Module = ConvNorm(channels, out, 1) if halved else nn.Identity()
        self.widen = ConvNorm(out, 2 * out, 1, act=nn.GELU())
        self.narrow = ConvNorm(2 * out, out, 1)
        nn.init.zeros_(self.narrow.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] → [N, out, H or H / 2, W]."""
        x = self.grow(self.weigh(self.token(x)))
        out: Tensor = x + self.narrow(self.widen(x))
        return out
