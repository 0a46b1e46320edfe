"""A torchvision ResNet that keeps the width, two bidirectional LSTMs, CTC; pretrained weights on request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec
from ocrx.models.blocks import frames_last
from ocrx.models.cnn_bilstm import BiLSTM


@dataclass(frozen=True)
class ResNetBiLSTMParams:
    """``depth`` 18 or 34; ``hidden``: width of each LSTM direction.

    ``stages``: how many of the four stages of the ResNet are used (3 has 256 channels, 4 has 512).
    """

    depth: Literal[18, 34] = 18
    hidden: int = 256
    stages: Literal[2, 3, 4] = 4

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ModelError("resnet_bilstm: hidden must be at least 1")


def heights(params: ResNetBiLSTMParams) -> range:
    """Multiples of 32 pixels: up to five halvings, then the mean over the rows that remain."""
    return range(32, 129, 32)


def frames(params: ResNetBiLSTMParams, image: ImageSpec) -> FrameSpec:
    """W / 4 frames: the stem halves the width twice, the stages only the height."""
    return FrameSpec(((7, 2, 3), (3, 2, 1)))


class ResNetBiLSTM(nn.Module):
    """Images [N, C, H, W] → logits [N, W / 4, classes]; every frame goes to the LSTM and to CTC.

    The stages' strides are (2, 1) instead of (2, 2), so that the width survives; all weights keep their shapes, hence
    ``load_pretrained`` takes those of torchvision. Source: He et al. 2015; the design document on handwriting with
    ResNet, LSTM and CTC.
    """

    def __init__(self, params: ResNetBiLSTMParams, image: ImageSpec, classes: int) -> None:
        super().__init__()
        # torchvision takes a second to import and only this architecture needs it.
        from torchvision import models

        resnet = (models.resnet18 if params.depth == 18 else models.resnet34)(weights=None)
        if image.channels != 3:
            resnet.conv1 = nn.Conv2d(image.channels, 64, 7, 2, 3, bias=False)
        stages = (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)[: params.stages]
        for stage in stages[1:]:
            stage[0].conv1.stride = (2, 1)
            stage[0].downsample[0].stride = (2, 1)
        self.params, self.order = params, image.order
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
        self.stages = nn.Sequential(*stages)
        channels = 64 * 2 ** (params.stages - 1)
        self.sequence = nn.Sequential(
            BiLSTM(channels, params.hidden, params.hidden), BiLSTM(params.hidden, params.hidden, params.hidden)
        )
        self.head = nn.Linear(params.hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.stem(images)).mean(2, keepdim=True)
        logits: Tensor = self.head(self.sequence(frames_last(features)))
        return logits

    def load_pretrained(self, source: str = "imagenet") -> None:
        """Take the ResNet's weights from ImageNet (torchvision downloads them) or from a ``.pth`` file of torchvision.

        A grey stem gets the sum over the colour channels, one for BGR their reverse. Raises ModelError where the file
        is missing or the download is not possible, or where a tensor does not fit.
        """
        state = _imagenet(self.params.depth) if source == "imagenet" else _from_file(Path(source))
        names = {"0": "conv1", "1": "bn1"}
        own = self.state_dict()
        found: dict[str, Tensor] = {}
        for name in own:
            part, rest = name.split(".", 1)
            if part not in ("stem", "stages"):
                continue
            index, leaf = rest.split(".", 1)
            theirs = f"{names[index]}.{leaf}" if part == "stem" else f"layer{int(index) + 1}.{leaf}"
            if theirs not in state and leaf.endswith("num_batches_tracked"):
                continue  # files from before PyTorch 0.4.1 have no counters
            if theirs not in state:
                raise ModelError(f"{source}: not the weights of a ResNet-{self.params.depth}: no tensor {theirs}")
            value = self._reordered(state[theirs]) if theirs == "conv1.weight" else state[theirs]
            if value.shape != own[name].shape:
                raise ModelError(f"{source}: {theirs} is {tuple(value.shape)}, expected {tuple(own[name].shape)}")
            found[name] = value
        self.load_state_dict({**own, **found})

    def _reordered(self, stem: Tensor) -> Tensor:
        """The first convolution's weight, made for RGB, for the order of channels here."""
        if stem.ndim != 4 or self.order == "RGB":
            return stem
        return stem.sum(1, keepdim=True) if self.order == "L" else stem.flip(1)


def _imagenet(depth: int) -> dict[str, Any]:
    from torchvision import models

    weights = models.ResNet18_Weights.IMAGENET1K_V1 if depth == 18 else models.ResNet34_Weights.IMAGENET1K_V1
    try:
        state: dict[str, Any] = weights.get_state_dict(progress=False)
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"ImageNet weights of ResNet-{depth} could not be downloaded ({error})",
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
