"""The parameters of every architecture, the image heights it accepts and the frames it returns; all without torch.

The dataset checks and the model catalogue need these facts and nothing else about a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec
from ocrx.schema import Range, check_ranges

_MULTIPLES_OF_16 = range(16, 129, 16)
_QUARTER = ((3, 2, 1), (3, 2, 1))
_EIGHTH = (*_QUARTER, (2, 2, 0))

_Width = Annotated[int, Range(1, 8192)]
_WidthOrNone = Annotated[int, Range(0, 8192)]
_Depth = Annotated[int, Range(1, 64)]


class ArchitectureParams(Protocol):
    """What every parameter class knows about its architecture."""

    def heights(self) -> range:
        """Image heights in pixels that the network accepts.

        Returns:
            Accepted heights in pixels.
        """
        ...

    def frames(self) -> FrameSpec:
        """Describe the layers that change the width; the number of frames follows from them.

        Returns:
            Kernel, stride and padding of each.
        """
        ...


class _Strides16x8:
    """Heights and frames of the networks whose strides multiply to 16 in height and 8 in width."""

    def heights(self) -> range:
        """Multiples of 16 pixels: four halvings, then the mean over the remaining rows.

        Returns:
            Accepted heights in pixels.
        """
        return _MULTIPLES_OF_16

    def frames(self) -> FrameSpec:
        """W / 8 frames.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(_EIGHTH)


@dataclass(frozen=True)
class CNNBiLSTMParams:
    """Parameters of ``cnn_bilstm``; its convolutions are fixed.

    Attributes:
        hidden: Width of each LSTM direction.
    """

    hidden: _Width = 512

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)

    def heights(self) -> range:
        """64 to 79 pixels: three halvings, a 7x7 convolution without padding and one more halving leave one row.

        Returns:
            Accepted heights in pixels.
        """
        return range(64, 80)

    def frames(self) -> FrameSpec:
        """W // 8 - 6 frames: three halvings, then six columns lost to the 7x7 convolution.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(((2, 2, 0), (2, 2, 0), (2, 2, 0), (7, 1, 0)))


@dataclass(frozen=True)
class CRNNParams:
    """Parameters of ``crnn``.

    Attributes:
        channels: Channels of the last convolution, a multiple of 8.
        hidden: Width of each LSTM direction.
    """

    channels: Annotated[int, Range(8, 8192)] = 512
    hidden: _Width = 256

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)
        if self.channels % 8:
            raise ModelError(f"channels: {self.channels}; expected a multiple of 8")

    def heights(self) -> range:
        """32 pixels: four halvings and a 2x2 convolution leave one row.

        Returns:
            Accepted heights in pixels.
        """
        return range(32, 33)

    def frames(self) -> FrameSpec:
        """W // 4 - 1 frames: two halvings, then one column lost to the 2x2 convolution.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(((2, 2, 0), (2, 2, 0), (2, 1, 0)))


@dataclass(frozen=True)
class HGNetParams(_Strides16x8):
    """Parameters of ``hgnet``.

    Attributes:
        neck_dims: Width of the neck's output.
        fused: Inference form: batch norms are folded into the convolutions before them.
    """

    neck_dims: _Width = 120
    fused: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)


@dataclass(frozen=True)
class HGNetV2Params(_Strides16x8):
    """Parameters of ``hgnetv2``.

    Attributes:
        neck_dims: Width of the neck's output.
        fused: Inference form: batch norms are folded into the convolutions before them.
    """

    neck_dims: _Width = 120
    fused: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)


@dataclass(frozen=True)
class LCNetLSTMParams:
    """Parameters of ``lcnet_lstm``.

    Attributes:
        channels: Channels of the three stages, which have 1/4, 1/8 and 1/16 of the image height.
        depths: Blocks of the three stages.
        hidden: Width of each LSTM direction.
        layers: Number of bidirectional LSTM layers.
        fused: Inference form: one convolution with bias replaces parallel convolutions and their norms. On a CPU it
            trains 1.7 times as fast, but only when it starts from trained weights.
        activation: ``gelu`` or ``relu``. ONNX Runtime is 10 % faster with ``relu``. A network can start from
            weights trained with the other activation.
    """

    channels: tuple[_Width, _Width, _Width] = (48, 96, 192)
    depths: tuple[_Depth, _Depth, _Depth] = (2, 3, 4)
    hidden: _Width = 128
    layers: _Depth = 1
    fused: bool = False
    activation: Literal["gelu", "relu"] = "gelu"

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)

    def heights(self) -> range:
        """Multiples of 16 pixels: four halvings, then one convolution over the remaining rows.

        Returns:
            Accepted heights in pixels.
        """
        return _MULTIPLES_OF_16

    def frames(self) -> FrameSpec:
        """W / 4 frames, which keep narrow and repeated letters apart.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(_QUARTER)


@dataclass(frozen=True)
class LCNetV3Params(_Strides16x8):
    """Parameters of ``lcnetv3``.

    Attributes:
        scale: Factor of all channel counts.
        branches: Parallel k x k convolutions of each layer while training.
        neck_dims: Width of the neck's output.
        fused: Inference form: one convolution replaces parallel ones.
    """

    scale: Annotated[float, Range(0.1, 4)] = 0.95
    branches: _Depth = 4
    neck_dims: _Width = 120
    fused: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)


@dataclass(frozen=True)
class LCNetV4Params:
    """Parameters of ``lcnetv4``.

    Attributes:
        size: Width and depth of the backbone.
        neck: The layers between backbone and head.
        width_stride: Pixels per frame.
        neck_dims: Width of the neck, a multiple of 8 (it has 8 heads); 0 means 120 for tiny and small, 192 for medium.
        neck_depth: Transformer blocks of the neck ``lightsvtr``.
        head_dims: Width of an extra linear layer before the last one; 0 means none (PP-OCRv6 tiny: 80).
        single_token: Each depthwise mixer is one convolution with bias, as in the weights for ``transformers``.
        fused: Inference form: one convolution replaces parallel ones.
    """

    size: Literal["tiny", "small", "medium"] = "tiny"
    neck: Literal["none", "conv", "lightsvtr"] = "none"
    width_stride: Literal[4, 8] = 4
    neck_dims: _WidthOrNone = 0
    neck_depth: Annotated[int, Range(0, 64)] = 2
    head_dims: _WidthOrNone = 0
    single_token: bool = False
    fused: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)
        if self.neck_dims % 8:
            raise ModelError(f"neck_dims: {self.neck_dims}; expected a multiple of 8, for 8 heads")

    def heights(self) -> range:
        """Multiples of 16 pixels: four halvings, then the mean over the remaining rows.

        Returns:
            Accepted heights in pixels.
        """
        return _MULTIPLES_OF_16

    def frames(self) -> FrameSpec:
        """W / 4 or W / 8 frames.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(_EIGHTH if self.width_stride == 8 else _QUARTER)


@dataclass(frozen=True)
class RepSVTRParams(_Strides16x8):
    """Parameters of ``repsvtr``.

    Attributes:
        fused: Inference form: one convolution replaces parallel ones.
    """

    fused: bool = False


@dataclass(frozen=True)
class ResNetBiLSTMParams:
    """Parameters of ``resnet_bilstm``.

    Attributes:
        backbone: ``resnet`` of the given depth, or ``efficientnet_b0``.
        depth: Layers of the ResNet.
        hidden: Width of each LSTM direction.
        layers: Number of bidirectional LSTM layers.
        stages: Stages of the backbone to use: 2, 3 or 4 reduce the image height to 1/8, 1/16 or 1/32.
    """

    backbone: Literal["resnet", "efficientnet_b0"] = "resnet"
    depth: Literal[18, 34] = 18
    hidden: _Width = 256
    layers: _Depth = 2
    stages: Literal[2, 3, 4] = 4

    def __post_init__(self) -> None:
        check_ranges(self, error=ModelError)

    def heights(self) -> range:
        """Multiples of 32 pixels: up to five halvings, then the mean over the remaining rows.

        Returns:
            Accepted heights in pixels.
        """
        return range(32, 129, 32)

    def frames(self) -> FrameSpec:
        """W / 4 frames: the width is halved twice, later layers halve the height alone.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(((7, 2, 3), (3, 2, 1)) if self.backbone == "resnet" else _QUARTER)


@dataclass(frozen=True)
class SVTRLCNetParams:
    """Parameters of ``svtr_lcnet``.

    Attributes:
        fused: Inference form: batch norms are folded into the convolutions before them.
    """

    fused: bool = False

    def heights(self) -> range:
        """32 or 48 pixels: four halvings, then a 2x2 mean that leaves one row of two or three.

        Returns:
            Accepted heights in pixels.
        """
        return range(32, 49, 16)

    def frames(self) -> FrameSpec:
        """W / 8 frames.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(((3, 2, 1), (5, 2, 2), (2, 2, 0)))


@dataclass(frozen=True)
class SVTRv2Params:
    """Parameters of ``svtrv2``.

    Attributes:
        size: Width and depth of the encoder.
        fused: Inference form of the patch embedding.
    """

    size: Literal["tiny", "small", "base"] = "tiny"
    fused: bool = False

    def heights(self) -> range:
        """Multiples of 8 pixels: three halvings, then a weighted mean over the remaining rows.

        Returns:
            Accepted heights in pixels.
        """
        return range(16, 129, 8)

    def frames(self) -> FrameSpec:
        """W / 4 frames.

        Returns:
            Kernel, stride and padding of the layers that change the width.
        """
        return FrameSpec(_QUARTER)


@dataclass(frozen=True)
class SVTRv2ChParams(_Strides16x8):
    """Parameters of ``svtrv2_ch``.

    Attributes:
        fused: Inference form: batch norms are folded into the convolutions before them.
    """

    fused: bool = False
