"""A torchvision backbone that keeps the width, bidirectional LSTMs, CTC; ImageNet weights on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ocrx.errors import ModelError
from ocrx.model_spec import ImageSpec
from ocrx.models.architectures import ResNetBiLSTMParams
from ocrx.models.blocks import bilstm_stack, frames_last
from ocrx.models.ctc_network import CTCNetwork

# Blocks of EfficientNet-B0 that reach 1/8, 1/16 and 1/32 of the height, and the channels that the last one gives.
_EFFICIENTNET_STAGES = {2: (3, 40), 3: (5, 112), 4: (7, 320)}
_EFFICIENTNET_KEPT_WIDTH = (3, 4, 6)


class ResNetBiLSTM(CTCNetwork):
    """Images [N, C, H, W] → logits [N, W / 4, classes]; every frame goes to the LSTM and to CTC.

    Once the width is down to 1/4, strides are (2, 1) instead of (2, 2). Weights keep their shapes, so
    ``load_pretrained`` can load torchvision's. Sources: ResNet (He et al. 2015), EfficientNet (Tan and Le 2019);
    the combination with LSTM and CTC is common in handwriting recognition.
    """

    def __init__(self, params: ResNetBiLSTMParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        self.params, self.order = params, image.order
        build = _resnet if params.backbone == "resnet" else _efficientnet
        self.stem, self.stages, channels = build(params, image.channels)
        self.sequence = bilstm_stack(channels, params.hidden, params.layers)
        self.head = nn.Linear(params.hidden, classes)

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, D, 1, T].
        """
        out: Tensor = self.stages(self.stem(images)).mean(2, keepdim=True)
        return out

    def read_features(self, features: Tensor) -> Tensor:
        """Run the LSTMs and the head.

        Args:
            features: [N, D, 1, T], the result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        logits: Tensor = self.head(self.sequence(frames_last(features)))
        return logits

    def load_pretrained(self, source: str = "imagenet") -> None:
        """Load ImageNet weights into the backbone; the LSTM and the head keep theirs.

        For grey images the first convolution gets the sum over the colour channels, for BGR images their reverse order.

        Args:
            source: ``imagenet`` (torchvision downloads the weights) or a ``.pth`` file of torchvision.

        Raises:
            ModelError: If the file is missing, the download fails or a tensor does not fit.
        """
        state = _imagenet(self.params) if source == "imagenet" else _from_file(Path(source))
        own = self.state_dict()
        found: dict[str, Tensor] = {}
        for name in own:
            part, rest = name.split(".", 1)
            if part not in ("stem", "stages"):
                continue

            theirs = self._torchvision_name(part, rest)
            if theirs not in state and theirs.endswith("num_batches_tracked"):
                continue  # files from before PyTorch 0.4.1 have no counters
            if theirs not in state:
                raise ModelError(f"{source}: not the weights of {_title(self.params)}: no tensor {theirs}")
            value = self._reordered(state[theirs]) if name == "stem.0.weight" else state[theirs]
            if value.shape != own[name].shape:
                raise ModelError(f"{source}: {theirs} is {tuple(value.shape)}, expected {tuple(own[name].shape)}")
            found[name] = value

        self.load_state_dict({**own, **found})

    def _torchvision_name(self, part: str, rest: str) -> str:
        """Torchvision's name of the tensor ``part.rest``."""
        index, leaf = rest.split(".", 1)
        if self.params.backbone == "resnet":
            return f"{('conv1', 'bn1')[int(index)]}.{leaf}" if part == "stem" else f"layer{int(index) + 1}.{leaf}"
        return f"features.0.{rest}" if part == "stem" else f"features.{int(index) + 1}.{leaf}"

    def _reordered(self, stem: Tensor) -> Tensor:
        """Adapt the weight of the first convolution from RGB to this network's channels."""
        if stem.ndim != 4 or self.order == "RGB":
            return stem
        return stem.sum(1, keepdim=True) if self.order == "L" else stem.flip(1)


def _torchvision_models() -> Any:
    """``torchvision.models``, which takes a second to import and only this architecture needs.

    The import computes with tensors of its own (in torch 2.6), which must not be made on the meta device where a
    network without weights is built there.
    """
    with torch.device("cpu"):
        from torchvision import models
    return models


def _resnet(params: ResNetBiLSTMParams, image_channels: int) -> tuple[nn.Sequential, nn.Sequential, int]:
    """Stem, stages and the channels of the last stage."""
    models = _torchvision_models()
    resnet = (models.resnet18 if params.depth == 18 else models.resnet34)(weights=None)
    if image_channels != 3:
        resnet.conv1 = nn.Conv2d(image_channels, 64, 7, 2, 3, bias=False)
    stages = (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)[: params.stages]
    for stage in stages[1:]:
        stage[0].conv1.stride = (2, 1)
        stage[0].downsample[0].stride = (2, 1)

    stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
    return stem, nn.Sequential(*stages), 64 * 2 ** (params.stages - 1)


def _efficientnet(params: ResNetBiLSTMParams, image_channels: int) -> tuple[nn.Sequential, nn.Sequential, int]:
    """Stem, stages and the channels of the last stage."""
    models = _torchvision_models()
    features = models.efficientnet_b0(weights=None).features
    stem, last = features[0], _EFFICIENTNET_STAGES[params.stages]
    if image_channels != 3:
        stem[0] = nn.Conv2d(image_channels, 32, 3, 2, 1, bias=False)
    for number in _EFFICIENTNET_KEPT_WIDTH:
        # In a block's first layer: widen, then the depthwise convolution that has the stride.
        features[number][0].block[1][0].stride = (2, 1)
    return stem, nn.Sequential(*features[1 : last[0] + 1]), last[1]


def _title(params: ResNetBiLSTMParams) -> str:
    return f"ResNet-{params.depth}" if params.backbone == "resnet" else "EfficientNet-B0"


def _imagenet(params: ResNetBiLSTMParams) -> dict[str, Any]:
    models = _torchvision_models()
    weights: Any = models.EfficientNet_B0_Weights.IMAGENET1K_V1
    if params.backbone == "resnet":
        of_depth = {18: models.ResNet18_Weights.IMAGENET1K_V1, 34: models.ResNet34_Weights.IMAGENET1K_V1}
        weights = of_depth[params.depth]
    try:
        state: dict[str, Any] = weights.get_state_dict(progress=False)
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"ImageNet weights of {_title(params)} could not be downloaded ({error})",
            hint=f"download {weights.url} elsewhere, then -o Train.pretrain_weight_path=FILE",
        ) from None
    return state


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: no such file", hint="give a .pth file of torchvision, or 'imagenet'")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever a damaged file provokes
        raise ModelError(f"{path}: not a file of weights ({type(error).__name__})") from None
    if not isinstance(state, dict):
        raise ModelError(f"{path}: holds a {type(state).__name__}, expected named tensors")
    return state
