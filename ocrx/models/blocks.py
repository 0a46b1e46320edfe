"""Modules that several architectures share, in training form; ``fused_copy`` converts them to inference form."""

from __future__ import annotations

import copy
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

Size = tuple[int, int]
_M = TypeVar("_M", bound=nn.Module)


@runtime_checkable
class Fusible(Protocol):
    """A module that a simpler one can replace in evaluation mode."""

    def fused(self) -> nn.Module:
        """Build the simpler module.

        Returns:
            A module with the same outputs, up to rounding.
        """
        ...


def fused_copy(network: _M) -> _M:
    """Copy a network and replace every fusible module by its simpler form.

    Args:
        network: The network; it is not changed.

    Returns:
        The copy, in evaluation mode, for prediction and export. Its outputs agree within 1e-5.
    """
    network = copy.deepcopy(network).eval()
    fuse_in_place(network)
    return network


def fuse_in_place(module: nn.Module) -> None:
    """Replace every fusible submodule by its simpler form.

    Args:
        module: The module, changed in place.
    """
    for name, child in module.named_children():
        if isinstance(child, Fusible):
            setattr(module, name, child.fused())
        else:
            fuse_in_place(child)


def fold_norm(weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Fold a batch norm into the convolution before it.

    Args:
        weight: Weight of the convolution, [O, I, h, w].
        bias: Its bias [O], or None.
        norm: The batch norm, with running statistics.

    Returns:
        Weight [O, I, h, w] and bias [O] of the one convolution that equals both in evaluation mode.

    Raises:
        ValueError: The batch norm has no running statistics.
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    factor = norm.weight / torch.sqrt(variance + norm.eps)
    start = -mean if bias is None else bias - mean
    return weight * factor.reshape(-1, 1, 1, 1), start * factor + norm.bias


def conv_with(like: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Build a convolution from a weight and a bias.

    Args:
        like: Gives channels, stride, padding and groups.
        weight: [O, I, h, w].
        bias: [O].

    Returns:
        The convolution, with copies of both.
    """
    padding = like.padding if isinstance(like.padding, str) else (like.padding[0], like.padding[1])
    conv = nn.Conv2d(
        like.in_channels,
        like.out_channels,
        (weight.shape[2], weight.shape[3]),
        (like.stride[0], like.stride[1]),
        padding,
        groups=like.groups,
        device=weight.device,
    )
    conv.weight = nn.Parameter(weight.detach().clone())
    conv.bias = nn.Parameter(bias.detach().clone())

    return conv


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm, activation: [N, in, H, W] → [N, out, H / stride, W / stride]."""

    def __init__(  # noqa: PLR0913  # mirrors nn.Conv2d
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | Size = 3,
        stride: int | Size = 1,
        *,
        groups: int = 1,
        act: nn.Module | None = None,
        padding: int | Size | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        if padding is None:
            padding = (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(out_channels)
        self.act = act if act is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise and activate.

        Args:
            x: [N, in, H, W].

        Returns:
            [N, out, H / stride, W / stride].
        """
        out: Tensor = self.act(self.norm(self.conv(x)))
        return out

    def fused(self) -> nn.Module:
        """Fold the batch norm.

        Returns:
            One convolution with bias, and the activation.
        """
        weight, bias = fold_norm(self.conv.weight, self.conv.bias, self.norm)
        return nn.Sequential(conv_with(self.conv, weight, bias), self.act)


class HardSigmoid(nn.Module):
    """Paddle's hard sigmoid, min(max(0.1666667 x + 0.5, 0), 1), with its slope of seven digits.

    PyTorch's slope is exactly 1/6. Official networks were trained with Paddle's, and on some lines the difference in
    the eighth digit moves a probability by 6e-4.
    """

    _SLOPE = 0.1666667

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module.

        Args:
            x: Input of any shape.

        Returns:
            Output of the same shape, from 0 to 1.
        """
        # Addition first: in an exported graph a multiplication followed by an addition reads as a learned affine.
        return ((x + 0.5 / self._SLOPE) * self._SLOPE).clamp(0, 1)


class SqueezeExcite(nn.Module):
    """Squeeze and excite (Hu et al. 2018): reduction by 4, ReLU, then ``gate``. [N, C, H, W] → the same shape."""

    def __init__(self, channels: int, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 4, 1)
        self.excite = nn.Conv2d(channels // 4, channels, 1)
        self.gate = gate if gate is not None else HardSigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Weight each channel by a gate that its mean over the image decides.

        Args:
            x: [N, C, H, W].

        Returns:
            [N, C, H, W].
        """
        weights: Tensor = self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True))))
        out: Tensor = x * self.gate(weights)
        return out


class RepDepthwise(nn.Module):
    """Depthwise 3x3 in training form: norm(norm(conv3x3(x)) + conv1x1(x) + x); fuses to one 3x3 with bias.

    The token mixer of RepViT (Wang et al. 2024), PPLCNetV4 and RepSVTR. [N, C, H, W] → the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = ConvNorm(channels, channels, 3, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1, groups=channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Sum the three branches and normalise.

        Args:
            x: [N, C, H, W].

        Returns:
            [N, C, H, W].
        """
        out: Tensor = self.norm(self.wide(x) + self.point(x) + x)
        return out

    def fused(self) -> nn.Module:
        """Fold all branches and norms.

        Returns:
            One depthwise 3x3 convolution with bias.
        """
        weight, bias = fold_norm(self.wide.conv.weight, None, self.wide.norm)
        # The 1x1 kernel and the identity are 3x3 kernels that are zero outside the centre.
        weight = weight + nn.functional.pad(self.point.weight + 1, (1, 1, 1, 1))
        if self.point.bias is not None:
            bias = bias + self.point.bias
        return conv_with(self.wide.conv, *fold_norm(weight, bias, self.norm))


class Affine(nn.Module):
    """One learned scale and one learned shift for all values (the affine block of PPLCNetV3)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift.

        Args:
            x: A tensor of any shape.

        Returns:
            A tensor of the same shape.
        """
        return self.scale * x + self.bias


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): in training, drops the residual branch of a sample with a probability."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Drop the branch of some samples in training; change nothing in evaluation mode.

        Args:
            x: [N, ...], one entry per sample along the first axis.

        Returns:
            The same shape; kept samples are divided by the probability of being kept.
        """
        if not self.training or self.probability == 0:
            return x
        shape = (x.shape[0], *(1,) * (x.ndim - 1))
        keep = 1 - self.probability
        return x * torch.bernoulli(torch.full(shape, keep, dtype=x.dtype, device=x.device)) / keep


class ColumnPool(nn.Module):
    """Mean over the remaining ``rows`` and ``columns`` neighbours: [N, C, rows, W] → [N, C, 1, W // columns]."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d((rows, columns))

    def forward(self, x: Tensor) -> Tensor:
        """Average rows and neighbouring columns.

        Args:
            x: [N, C, rows, W].

        Returns:
            [N, C, 1, W // columns].
        """
        out: Tensor = self.pool(x)
        return out


def frames_last(x: Tensor) -> Tensor:
    """Move the frames from the last axis to the second.

    Args:
        x: Features [N, C, 1, T].

    Returns:
        The same values, [N, T, C].
    """
    return x.squeeze(2).transpose(1, 2)


class BiLSTM(nn.Module):
    """One bidirectional LSTM and a linear layer: [N, T, inputs] → [N, T, outputs]."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(inputs, hidden, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Run the LSTM and the linear layer.

        Args:
            x: [N, T, inputs].

        Returns:
            [N, T, outputs].
        """
        mixed, _ = self.rnn(x)
        out: Tensor = self.linear(mixed)
        return out


def bilstm_stack(inputs: int, hidden: int, layers: int) -> nn.Sequential:
    """Chain bidirectional LSTMs, each with its linear layer.

    Args:
        inputs: Width of the features.
        hidden: Width of each direction, and of the output.
        layers: How many LSTMs follow each other.

    Returns:
        A module [N, T, inputs] → [N, T, hidden].
    """
    return nn.Sequential(*(BiLSTM(inputs if index == 0 else hidden, hidden, hidden) for index in range(layers)))


class BranchStem(nn.Module):
    """The stem of HGNetV2: two 2x2 convolutions beside a 2x2 max pool, joined by a 3x3 convolution with ``stride``.

    [N, C, H, W] → [N, out, H / 2 / stride, W / 2 / stride]. Even kernels are padded on the right and at the bottom.
    """

    def __init__(self, channels: int, middle: int, out: int, stride: int = 2) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, middle, 3, 2, act=nn.ReLU())
        self.branch1 = ConvNorm(middle, middle // 2, 2, padding=0, act=nn.ReLU())
        self.branch2 = ConvNorm(middle // 2, middle, 2, padding=0, act=nn.ReLU())
        self.pool = nn.MaxPool2d(2, 1)
        self.conv3 = ConvNorm(2 * middle, middle, 3, stride, act=nn.ReLU())
        self.conv4 = ConvNorm(middle, out, 1, act=nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Run the stem.

        Args:
            x: Images [N, C, H, W].

        Returns:
            [N, out, H / 2 / stride, W / 2 / stride].
        """
        x = nn.functional.pad(self.conv1(x), (0, 1, 0, 1))
        branch = self.branch2(nn.functional.pad(self.branch1(x), (0, 1, 0, 1)))
        out: Tensor = self.conv4(self.conv3(torch.cat([self.pool(x), branch], 1)))
        return out
