"""The networks: one file per architecture, one table of them, one way to build them.

This module and ``architectures`` import no torch, so that the dataset checks can ask how many frames a model gives.
Networks are built from a ``ModelSpec`` alone. May import: errors, the model spec, config, text.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ocrx.errors import ModelError
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.models import architectures
from ocrx.schema import build, closest

if TYPE_CHECKING:
    from ocrx.models.ctc_network import CTCNetwork

__all__ = ["MODELS", "Architecture", "accepted_heights", "build_model", "frame_spec", "parsed_params"]


@dataclass(frozen=True)
class Architecture:
    """What is known about an architecture without building it.

    Attributes:
        params: Its parameter class.
        network: Its module in this package and its class there, imported when a network is built.
    """

    params: type[Any]
    network: tuple[str, str]

    def network_class(self) -> type[CTCNetwork]:
        """Import the class of the network; this loads torch.

        Returns:
            The class.
        """
        module, name = self.network
        found: type[CTCNetwork] = getattr(importlib.import_module(f"ocrx.models.{module}"), name)
        return found


MODELS: Mapping[str, Architecture] = MappingProxyType(
    {
        "cnn_bilstm": Architecture(architectures.CNNBiLSTMParams, ("cnn_bilstm", "CNNBiLSTM")),
        "crnn": Architecture(architectures.CRNNParams, ("crnn", "CRNN")),
        "hgnet": Architecture(architectures.HGNetParams, ("hgnet", "HGNet")),
        "hgnetv2": Architecture(architectures.HGNetV2Params, ("hgnetv2", "HGNetV2")),
        "lcnet_lstm": Architecture(architectures.LCNetLSTMParams, ("lcnet_lstm", "LCNetLSTM")),
        "lcnetv3": Architecture(architectures.LCNetV3Params, ("lcnetv3", "LCNetV3")),
        "lcnetv4": Architecture(architectures.LCNetV4Params, ("lcnetv4", "LCNetV4")),
        "repsvtr": Architecture(architectures.RepSVTRParams, ("repsvtr", "RepSVTR")),
        "resnet_bilstm": Architecture(architectures.ResNetBiLSTMParams, ("resnet_bilstm", "ResNetBiLSTM")),
        "svtr_lcnet": Architecture(architectures.SVTRLCNetParams, ("svtr_lcnet", "SVTRLCNet")),
        "svtrv2": Architecture(architectures.SVTRv2Params, ("svtrv2", "SVTRv2")),
        "svtrv2_ch": Architecture(architectures.SVTRv2ChParams, ("svtrv2_ch", "SVTRv2Ch")),
    }
)


def build_model(spec: ModelSpec) -> CTCNetwork:
    """Build the network that a spec describes, with fresh weights.

    Args:
        spec: Architecture, parameters, image and charset.

    Returns:
        The network in training mode, on torch's current device.

    Raises:
        ModelError: For an unknown architecture or parameter, or an image height that it does not accept.
    """
    params = _checked(spec.architecture, spec.params, spec.image)
    return MODELS[spec.architecture].network_class()(params, spec.image, spec.classes)


def frame_spec(architecture: str, params: Mapping[str, Any], image: ImageSpec) -> FrameSpec:
    """Describe how the number of frames follows from the image width, without building the network.

    Args:
        architecture: A key of ``MODELS``.
        params: Its parameters; those left out have their defaults.
        image: How images are prepared.

    Returns:
        Kernel, stride and padding of every layer that changes the width.

    Raises:
        ModelError: As ``build_model``.
    """
    found: FrameSpec = _checked(architecture, params, image).frames()
    return found


def parsed_params(architecture: str, params: Mapping[str, Any]) -> Any:
    """Build the parameter class of an architecture.

    Args:
        architecture: A key of ``MODELS``.
        params: Its parameters; those left out have their defaults.

    Returns:
        The parameters as one of the classes of ``ocrx.models.architectures``.

    Raises:
        ModelError: For an unknown architecture, an unknown parameter or a wrong value.
    """
    entry = MODELS.get(architecture)
    if entry is None:
        hint = closest(architecture, sorted(MODELS)) or f"known: {', '.join(sorted(MODELS))}"
        raise ModelError(f"unknown architecture {architecture!r}", hint=hint)
    return build(entry.params, params, error=ModelError, prefix=f"{architecture}: ")


def accepted_heights(architecture: str, params: Mapping[str, Any]) -> range:
    """List the image heights that an architecture accepts.

    Args:
        architecture: A key of ``MODELS``.
        params: Its parameters; those left out have their defaults.

    Returns:
        Heights in pixels.

    Raises:
        ModelError: As ``parsed_params``.
    """
    heights: range = parsed_params(architecture, params).heights()
    return heights


def _checked(architecture: str, params: Mapping[str, Any], image: ImageSpec) -> Any:
    """The parsed parameters, once the architecture is known to accept the image."""
    parsed = parsed_params(architecture, params)
    accepted = parsed.heights()
    if image.height not in accepted:
        raise ModelError(f"{architecture}: images {image.height} pixels high do not fit; expected {_named(accepted)}")

    narrowest = image.bucket_width(1)
    if parsed.frames().count(narrowest) < 1:
        raise ModelError(
            f"{architecture}: an image {narrowest} pixels wide gives no frame",
            hint="raise Image.min_width or Image.bucket",
        )
    return parsed


def _named(heights: range) -> str:
    if heights.step == 1:
        return f"{heights[0]} to {heights[-1]}"
    return ", ".join(map(str, heights))
