"""SVTR_LCNet, the network of PP-OCRv3 mobile: MobileNetV1 with 5x5 kernels, and the SVTR neck."""

from __future__ import annotations

from torch import Tensor, nn

from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import SVTRLCNetParams
from ocrx.models.blocks import ConvNorm, Size, SqueezeExcite, fuse_in_place
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.necks import SVTRNeck

# (kernel, channels, stride, squeeze and excite) of every separable convolution.
_BLOCKS: tuple[tuple[int, int, Size, bool], ...] = (
    (3, 32, (1, 1), False),
    (3, 64, (1, 1), False),
    (3, 64, (1, 1), False),
    (3, 128, (2, 1), False),
    (3, 128, (1, 1), False),
    (3, 256, (2, 1), False),
    *((5, 256, (1, 1), False),) * 5,
    (5, 512, (2, 1), True),
    (5, 512, (1, 2), True),
)


class SVTRLCNet(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 8, classes]. Source: PP-OCRv3 (Li et al. 2022), SVTR_LCNet."""

    takes_guide = True

    def __init__(self, params: SVTRLCNetParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        self.stem = ConvNorm(image.channels, 16, 3, 2, act=nn.Hardswish())
        blocks: list[nn.Module] = []
        channels = 16
        for kernel, out, stride, weighted in _BLOCKS:
            blocks.append(_Separable(channels, out, kernel, stride, weighted))
            channels = out

        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AvgPool2d(2)
        self.neck = SVTRNeck(channels, 64, 120, (3, 3))
        self.head = nn.Linear(64, classes)
        if params.fused:
            fuse_in_place(self)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, 512, 1, T].
        """
        out: Tensor = self.pool(self.blocks(self.stem(images)))
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the neck and the head.

        Args:
            features: [N, 512, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.neck(features))
        return logits


class _Separable(nn.Module):
    """Depthwise k x k, squeeze and excite, pointwise 1x1, each with batch norm and HardSwish."""

    def __init__(self, channels: int, out: int, kernel: int, stride: Size, weighted: bool) -> None:
        super().__init__()
        self.depthwise = ConvNorm(channels, channels, kernel, stride, groups=channels, act=nn.Hardswish())
        self.weigh: nn.Module = SqueezeExcite(channels) if weighted else nn.Identity()
        self.pointwise = ConvNorm(channels, out, 1, act=nn.Hardswish())

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] → [N, out, H / stride, W / stride]."""
        out: Tensor = self.pointwise(self.weigh(self.depthwise(x)))
        return out
