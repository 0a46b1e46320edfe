"""The networks: one file per architecture, one table of them, one way to build them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.models import (
    cnn_bilstm,
    crnn,
    hgnet,
    hgnetv2,
    lcnet_lstm,
    lcnetv3,
    lcnetv4,
    repsvtr,
    resnet_bilstm,
    svtr_lcnet,
    svtrv2,
    svtrv2_ch,
)
from ocrx.models.params import parse_params

__all__ = ["MODELS", "Architecture", "build_model", "frame_spec"]


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture without building it.

    ``network(params, image, classes)`` maps float32 images [N, C, H, W] to logits [N, T, classes], T being
    ``frames(params, image).count(W)`` for every W that is a multiple of the bucket. ``heights`` are the image
    heights that it accepts.
    """

    params: type[Any]
    network: Callable[[Any, ImageSpec, int], nn.Module]
    frames: Callable[[Any, ImageSpec], FrameSpec]
    heights: Callable[[Any], range]


MODELS: Mapping[str, Architecture] = MappingProxyType(
    {
        "cnn_bilstm": Architecture(
            cnn_bilstm.CNNBiLSTMParams, cnn_bilstm.CNNBiLSTM, cnn_bilstm.frames, cnn_bilstm.heights
        ),
        "crnn": Architecture(crnn.CRNNParams, crnn.CRNN, crnn.frames, crnn.heights),
        "hgnet": Architecture(hgnet.HGNetParams, hgnet.HGNet, hgnet.frames, hgnet.heights),
        "hgnetv2": Architecture(hgnetv2.HGNetV2Params, hgnetv2.HGNetV2, hgnetv2.frames, hgnetv2.heights),
        "lcnetv3": Architecture(lcnetv3.LCNetV3Params, lcnetv3.LCNetV3, lcnetv3.frames, lcnetv3.heights),
        "lcnet_lstm": Architecture(
            lcnet_lstm.LCNetLSTMParams, lcnet_lstm.LCNetLSTM, lcnet_lstm.frames, lcnet_lstm.heights
        ),
        "lcnetv4": Architecture(lcnetv4.LCNetV4Params, lcnetv4.LCNetV4, lcnetv4.frames, lcnetv4.heights),
        "repsvtr": Architecture(repsvtr.RepSVTRParams, repsvtr.RepSVTR, repsvtr.frames, repsvtr.heights),
        "resnet_bilstm": Architecture(
            resnet_bilstm.ResNetBiLSTMParams, resnet_bilstm.ResNetBiLSTM, resnet_bilstm.frames, resnet_bilstm.heights
        ),
        "svtr_lcnet": Architecture(
            svtr_lcnet.SVTRLCNetParams, svtr_lcnet.SVTRLCNet, svtr_lcnet.frames, svtr_lcnet.heights
        ),
        "svtrv2": Architecture(svtrv2.SVTRv2Params, svtrv2.SVTRv2, svtrv2.frames, svtrv2.heights),
        "svtrv2_ch": Architecture(svtrv2_ch.SVTRv2ChParams, svtrv2_ch.SVTRv2Ch, svtrv2_ch.frames, svtrv2_ch.heights),
    }
)


def build_model(spec: ModelSpec) -> nn.Module:
    """The network that ``spec`` describes, with fresh weights.

    Raises ModelError for an unknown architecture or parameter, or an image height it does not accept.
    """
    entry, params = _checked(spec.architecture, spec.params, spec.image)
    return entry.network(params, spec.image, spec.classes)


def frame_spec(architecture: str, params: Mapping[str, Any], image: ImageSpec) -> FrameSpec:
    """How many frames ``architecture`` gives for a width; builds no weights. Raises ModelError like build_model."""
    entry, parsed = _checked(architecture, params, image)
    return entry.frames(parsed, image)


def _checked(architecture: str, params: Mapping[str, Any], image: ImageSpec) -> tuple[Architecture, Any]:
    entry = MODELS.get(architecture)
    if entry is None:
        near = difflib.get_close_matches(architecture, MODELS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(MODELS))}"
        raise ModelError(f"unknown architecture {architecture!r}", hint=hint)
    parsed = parse_params(entry.params, params, architecture)
    accepted = entry.heights(parsed)
    if image.height not in accepted:
        raise ModelError(f"{architecture}: images {image.height} pixels high do not fit; it accepts {_named(accepted)}")
    least = image.bucket_width(1)
    if entry.frames(parsed, image).count(least) < 1:
        raise ModelError(
            f"{architecture}: an image {least} pixels wide gives no frame", hint="raise Image.min_width or Image.bucket"
        )
    return entry, parsed


def _named(heights: range) -> str:
    if heights.step == 1:
        return f"{heights[0]} to {heights[-1]}"
    return ", ".join(map(str, heights))
