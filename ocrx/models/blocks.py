"""Parts that several architectures share, in training form; ``fused_copy`` turns them into their inference form."""

from __future__ import annotations

import copy
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

Size = tuple[int, int]
_M = TypeVar("_M", bound=nn.Module)


@runtime_checkable
class Fusible(Protocol):
    """A module that equals a simpler one in evaluation mode."""

    def fused(self) -> nn.Module:
        """The simpler module, exact up to rounding."""
        ...


def fused_copy(network: _M) -> _M:
    """A copy of ``network`` in evaluation mode in which every fusible part has its simpler form.

    Outputs agree within 1e-5. The copy is for prediction and export: it holds no batch norm to train.
    """
    network = copy.deepcopy(network).eval()
    _fuse_children(network)
    return network


def _fuse_children(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Fusible):
            setattr(module, name, child.fused())
        else:
            _fuse_children(child)


def fold_norm(weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight [O, I, h, w] and bias [O] of the convolution that equals convolution and batch norm in evaluation mode."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    factor = norm.weight / torch.sqrt(variance + norm.eps)
    start = -mean if bias is None else bias - mean
    return weight * factor.reshape(-1, 1, 1, 1), start * factor + norm.bias


def conv_with(like: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """A convolution with the geometry of ``like`` but this weight and bias."""
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

    def __init__(
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
        out: Tensor = self.act(self.norm(self.conv(x)))
        return out

    def fused(self) -> nn.Module:
        """One convolution with bias, and the activation."""
        weight, bias = fold_norm(self.conv.weight, self.conv.bias, self.norm)
        return nn.Sequential(conv_with(self.conv, weight, bias), self.act)


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole image holds (Hu et al. 2018): reduction 4, ReLU, then ``gate``."""

    def __init__(self, channels: int, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 4, 1)
        self.excite = nn.Conv2d(channels // 4, channels, 1)
        self.gate = gate if gate is not None else nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
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
        out: Tensor = self.norm(self.wide(x) + self.point(x) + x)
        return out

    def fused(self) -> nn.Module:
        """One depthwise 3x3 convolution with bias."""
        weight, bias = fold_norm(self.wide.conv.weight, None, self.wide.norm)
        # The 1x1 kernel and the identity are 3x3 kernels whose centre alone is not 0.
        weight = weight + nn.functional.pad(self.point.weight + 1, (1, 1, 1, 1))
        if self.point.bias is not None:
            bias = bias + self.point.bias
        return conv_with(self.wide.conv, *fold_norm(weight, bias, self.norm))


class ColumnPool(nn.Module):
    """Mean over the remaining ``rows`` and ``columns`` neighbours: [N, C, rows, W] → [N, C, 1, W // columns]."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d((rows, columns))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pool(x)
        return out


class GlobalBlock(nn.Module):
    """Pre-norm Transformer block over frames (the global mixing of SVTR, Du et al. 2022): [N, T, D] → [N, T, D]."""

    def __init__(self, dims: int, heads: int = 8, mlp_ratio: float = 2.0, dropout: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm1 = nn.LayerNorm(dims, eps=eps)
        self.qkv = nn.Linear(dims, 3 * dims)
        self.project = nn.Linear(dims, dims)
        self.norm2 = nn.LayerNorm(dims, eps=eps)
        self.widen = nn.Linear(dims, int(dims * mlp_ratio))
        self.narrow = nn.Linear(int(dims * mlp_ratio), dims)
        self.act = nn.SiLU()
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._mix(self.norm1(x))
        hidden = self.drop(self.act(self.widen(self.norm2(x))))
        out: Tensor = x + self.drop(self.narrow(hidden))
        return out

    def _mix(self, x: Tensor) -> Tensor:
        count, frames, dims = x.shape
        query, key, value = self.qkv(x).reshape(count, frames, 3, self.heads, dims // self.heads).unbind(2)
        mixed = nn.functional.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            dropout_p=self.dropout if self.training else 0.0,
        )
        out: Tensor = self.drop(self.project(mixed.transpose(1, 2).reshape(count, frames, dims)))
        return out


class LightSVTR(nn.Module):
    """The neck of PP-OCRv6: a 1x7 depthwise convolution, global blocks and a short cut: [N, C, 1, T] → [N, T, D]."""

    def __init__(self, channels: int, dims: int, depth: int = 2, mlp_ratio: float = 2.0) -> None:
        super().__init__()
        self.skip = ConvNorm(channels, dims, 1, act=nn.SiLU())
        self.reduce = ConvNorm(channels, dims, 1, act=nn.SiLU())
        self.local = ConvNorm(dims, dims, (1, 7), groups=dims, act=nn.SiLU())
        self.blocks = nn.Sequential(*[GlobalBlock(dims, mlp_ratio=mlp_ratio, eps=1e-6) for _ in range(depth)])
        self.norm = nn.LayerNorm(dims, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        z = self.reduce(x)
        z = z + self.local(z)
        out: Tensor = self.norm(self.blocks(frames_last(z))) + frames_last(self.skip(x))
        return out


def frames_last(x: Tensor) -> Tensor:
    """[N, C, 1, T] → [N, T, C]."""
    return x.squeeze(2).transpose(1, 2)
