"""The training guide of PP-OCR: a Transformer decoder on the features of the backbone, used in training only.

In PP-OCRv3 to v5 the neck and head read detached features, so that CTC trains only them and the guide alone trains the
backbone. In PP-OCRv6 the features are not detached and both losses train the backbone. ``guided_losses`` implements
both (``detach``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ocrx.config import GuideConfig
from ocrx.errors import ConfigError
from ocrx.model_spec import ModelSpec
from ocrx.models.ctc_network import CTCNetwork


@dataclass(frozen=True)
class TwoSteps:
    """The two steps of a network as functions: backbone, then neck and head.

    Attributes:
        extract_features: Images [N, C, H, W] → features [N, D, rows, T].
        read_features: Features → logits [N, T, K].
    """

    extract_features: Callable[[Tensor], Tensor]
    read_features: Callable[[Tensor], Tensor]


class NRTRGuide(nn.Module):
    """Predicts each next character from features [N, C, H, W] and the characters before it (teacher forcing).

    Source: NRTR (Sheng et al. 2019) in the form of PP-OCRv4's guide: ``dims`` 384, heads of 32, ``layers`` decoder
    layers with post-norm and an MLP four times as wide, dropout 0.1 but not in attention, sinusoidal positions.
    Tokens are the classes of CTC, with 0 for padding in place of the blank, followed by the start and end tokens.
    """

    def __init__(self, channels: int, classes: int, dims: int = 384, layers: int = 4) -> None:
        super().__init__()
        self.start, self.end = classes, classes + 1
        self.memory = nn.Linear(channels, dims, bias=False)
        self.embed = nn.Embedding(classes + 2, dims, padding_idx=0)
        nn.init.normal_(self.embed.weight, std=dims**-0.5)
        self.drop = nn.Dropout(0.1)
        self.layers = nn.ModuleList()

        for _ in range(layers):
            layer = nn.TransformerDecoderLayer(dims, dims // 32, 4 * dims, 0.1, batch_first=True)
            layer.self_attn.dropout = layer.multihead_attn.dropout = 0.0
            self.layers.append(layer)

        self.head = nn.Linear(dims, classes + 2, bias=False)

    def forward(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Predict the token that follows each position.

        Args:
            features: Features [N, C, H, W].
            tokens: int64 [N, L], the start token and the text.

        Returns:
            Logits [N, L, classes + 2] of the next token.
        """
        memory = self.memory(features.flatten(2).transpose(1, 2))
        length, dims = tokens.shape[1], self.embed.embedding_dim
        x = self.drop(self.embed(tokens) * math.sqrt(dims) + _positions(length, dims, tokens.device))
        later = torch.ones(length, length, dtype=torch.bool, device=tokens.device).triu(1)
        for layer in self.layers:
            x = layer(x, memory, tgt_mask=later)
        logits: Tensor = self.head(x)
        return logits

    def loss(self, features: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """Compute the cross entropy with label smoothing 0.1, averaged over all characters and end tokens.

        Args:
            features: Features [N, C, H, W].
            targets: int64 [S], the classes (>= 1) of all samples, concatenated.
            target_lengths: int64 [N], characters of each sample; they add up to S.

        Returns:
            The loss, a scalar.
        """
        texts = torch.split(targets, target_lengths.tolist())
        size = (len(texts), int(target_lengths.max()) + 1)
        tokens = torch.zeros(size, dtype=torch.long)
        expected = torch.zeros_like(tokens)
        tokens[:, 0] = self.start

        for row, text in enumerate(texts):
            tokens[row, 1 : len(text) + 1] = text
            expected[row, : len(text)] = text
            expected[row, len(text)] = self.end

        logits = self(features, tokens.to(features.device)).float()
        return nn.functional.cross_entropy(
            logits.flatten(0, 1), expected.flatten().to(features.device), ignore_index=0, label_smoothing=0.1
        )


def guide_for(network: CTCNetwork, images: Tensor, classes: int, dims: int = 384, layers: int = 4) -> NRTRGuide:
    """Build a guide for the features of a network.

    Args:
        network: The network to be guided.
        images: Any images [N, C, H, W] that it takes.
        classes: Classes of CTC, the blank included.
        dims: Width of the guide, a multiple of 32.
        layers: Number of its decoder layers.

    Returns:
        A fresh guide on the device of ``images``.
    """
    training = network.training
    with torch.no_grad():
        channels = network.eval().extract_features(images).shape[1]
    network.train(training)
    return NRTRGuide(channels, classes, dims, layers).to(images.device)


def build_guide(network: CTCNetwork, spec: ModelSpec, config: GuideConfig) -> NRTRGuide | None:
    """Build the guide that ``Train.guide`` asks for.

    Args:
        network: The network to train.
        spec: Its spec.
        config: The section ``Train.guide``.

    Returns:
        The guide; None for weight 0.

    Raises:
        ConfigError: If the network takes no guide.
    """
    if not config.weight:
        return None
    if not network.takes_guide:
        raise ConfigError(
            f"Train.guide.weight: {config.weight:g}, but {spec.architecture} takes no guide; expected 0",
            hint="the networks of PP-OCR take one",
        )
    image = spec.image
    images = torch.zeros(1, image.channels, image.height, image.bucket_width(1))
    return guide_for(network, images, spec.classes, config.dims, config.layers)


def two_steps(network: CTCNetwork, *, compiled: bool) -> TwoSteps:
    """Split a network for ``guided_losses``; both steps share its parameters.

    Args:
        network: A network that a guide was built for.
        compiled: Compile each step with torch.compile.

    Returns:
        Both steps as functions.
    """
    if compiled:
        return TwoSteps(torch.compile(network.extract_features), torch.compile(network.read_features))
    return TwoSteps(network.extract_features, network.read_features)


def guided_losses(
    network: TwoSteps | CTCNetwork,
    guide: NRTRGuide,
    images: Tensor,
    labels: tuple[Tensor, Tensor],
    *,
    detach: bool = True,
) -> tuple[Tensor, Tensor]:
    """Compute the logits for CTC, and the loss of the guide on the same features.

    The loss of a step is CTC's mean over the batch plus the guide's.

    Args:
        network: The network, or its two steps.
        guide: The guide that reads its features.
        images: float32 [N, C, H, W].
        labels: Targets and their lengths, as ``NRTRGuide.loss`` takes them.
        detach: Stop the gradient of CTC at the features, so that the backbone learns from the guide alone.

    Returns:
        Logits [N, T, K], and the guide's loss, whose gradient goes through the features.
    """
    features = network.extract_features(images)
    return network.read_features(features.detach() if detach else features), guide.loss(features, *labels)


def _positions(length: int, dims: int, device: torch.device) -> Tensor:
    """Sine and cosine of every position at dims / 2 wavelengths from 2 pi to 20000 pi: [length, dims]."""
    places = torch.arange(length, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, dims, 2, device=device, dtype=torch.float32) * (-math.log(10000.0) / dims))
    return torch.stack([torch.sin(places * rates), torch.cos(places * rates)], 2).flatten(1)
