"""The layers between backbone and head: Transformer blocks over frames, and the necks of PP-OCR."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ocrx.models.blocks import ConvNorm, DropPath, Size, frames_last


class GlobalBlock(nn.Module):
    """Transformer block with global attention (Du et al. 2022): [N, L, D] → [N, L, D].

    Layer norms come before attention and MLP; with ``post_norm`` after each residual sum.
    """

    def __init__(  # noqa: PLR0913  # all in which the blocks of PP-OCR and SVTRv2 differ
        self,
        dims: int,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        *,
        dropout: float = 0.1,
        drop_path: float = 0.0,
        eps: float = 1e-5,
        qkv_bias: bool = True,
        post_norm: bool = False,
        act: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.post_norm = post_norm
        self.norm1 = nn.LayerNorm(dims, eps=eps)
        self.qkv = nn.Linear(dims, 3 * dims, bias=qkv_bias)
        self.project = nn.Linear(dims, dims)
        self.norm2 = nn.LayerNorm(dims, eps=eps)
        self.widen = nn.Linear(dims, int(dims * mlp_ratio))
        self.act = act if act is not None else nn.SiLU()
        self.narrow = nn.Linear(int(dims * mlp_ratio), dims)
        self.drop = nn.Dropout(dropout)

        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Run attention and MLP, each with its residual.

        Args:
            x: [N, L, D].

        Returns:
            [N, L, D].
        """
        if self.post_norm:
            x = self.norm1(x + self.drop_path(self._attend(x)))
            x = self.norm2(x + self.drop_path(self._mlp(x)))
        else:
            x = x + self.drop_path(self._attend(self.norm1(x)))
            x = x + self.drop_path(self._mlp(self.norm2(x)))
        return x

    def _attend(self, x: Tensor) -> Tensor:
        count, length, dims = x.shape
        query, key, value = self.qkv(x).reshape(count, length, 3, self.heads, dims // self.heads).unbind(2)
        mixed = nn.functional.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            dropout_p=self.dropout if self.training else 0.0,
        )
        out: Tensor = self.drop(self.project(mixed.transpose(1, 2).reshape(count, length, dims)))
        return out

    def _mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(self.narrow(self.drop(self.act(self.widen(x)))))
        return out


class LightSVTR(nn.Module):
    """The neck of PP-OCRv6: a 1x7 depthwise convolution, global blocks and a short cut: [N, C, 1, T] → [N, T, D]."""

    def __init__(self, channels: int, dims: int, depth: int = 2, mlp_ratio: float = 2.0) -> None:
        super().__init__()
        self.skip = ConvNorm(channels, dims, 1, act=nn.SiLU())
        self.reduce = ConvNorm(channels, dims, 1, act=nn.SiLU())
        self.local = ConvNorm(dims, dims, (1, 7), groups=dims, act=nn.SiLU())
        self.blocks = nn.Sequential(*[GlobalBlock(dims, mlp_ratio=mlp_ratio) for _ in range(depth)])
        self.norm = nn.LayerNorm(dims, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Mix neighbouring frames, then all frames, and add the short cut.

        Args:
            x: Features [N, C, 1, T].

        Returns:
            [N, T, D].
        """
        skip = frames_last(self.skip(x))
        z = self.reduce(x)
        z = z + self.local(z)
        out: Tensor = self.norm(self.blocks(frames_last(z))) + skip
        return out


class ConvNeck(nn.Module):
    """The neck of PP-OCRv6 tiny: depthwise 1x5 and 1x1 convolution over frames: [N, C, 1, T] → [N, T, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local = ConvNorm(channels, channels, (1, 5), groups=channels, act=nn.Hardswish())
        self.mix = ConvNorm(channels, channels, 1, act=nn.Hardswish())

    def forward(self, x: Tensor) -> Tensor:
        """Mix neighbouring frames, then channels.

        Args:
            x: Features [N, C, 1, T].

        Returns:
            [N, T, C].
        """
        return frames_last(self.mix(self.local(x)))


class SVTRNeck(nn.Module):
    """The neck of PP-OCRv3 to v5 and of the Chinese SVTRv2 models: [N, C, 1, T] → [N, T, dims].

    Narrow to C / 8, mix globally ``depth`` times in ``hidden`` dimensions, widen, join with the input, narrow again.
    """

    def __init__(self, channels: int, dims: int, hidden: int, kernel: Size = (1, 3), depth: int = 2) -> None:
        super().__init__()
        self.reduce = ConvNorm(channels, channels // 8, kernel, act=nn.SiLU())
        self.enter = ConvNorm(channels // 8, hidden, 1, act=nn.SiLU())
        self.blocks = nn.Sequential(*[GlobalBlock(hidden) for _ in range(depth)])
        self.norm = nn.LayerNorm(hidden, eps=1e-6)
        self.leave = ConvNorm(hidden, channels, 1, act=nn.SiLU())
        self.join = ConvNorm(2 * channels, channels // 8, kernel, act=nn.SiLU())
        self.out = ConvNorm(channels // 8, dims, 1, act=nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        """Mix all frames and join the result with the input.

        Args:
            x: Features [N, C, 1, T].

        Returns:
            [N, T, dims].
        """
        z = self.norm(self.blocks(frames_last(self.enter(self.reduce(x)))))
        z = self.leave(z.transpose(1, 2).unsqueeze(2))
        return frames_last(self.out(self.join(torch.cat([x, z], 1))))
