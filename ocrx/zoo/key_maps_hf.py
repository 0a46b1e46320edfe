"""Maps tensor names of our networks to those of transformers, in the ``*_safetensors`` repositories of PP-OCR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocrx.zoo.key_maps import HGNETV2_COUNTS, LCNETV4_COUNTS, STEM, downsampled, numbered
from ocrx.zoo.tensors import KeyMap, KeyRule

_CONV = ("convolution", "normalization")
_B = r"blocks\.(?P<i>\d+)\."
_S = r"stages\.(?P<i>\d+)"
_HEAD = KeyRule("head", "head.head")


def transformers_key_map(architecture: str, params: Mapping[str, Any]) -> KeyMap | None:
    """Choose the key map for a transformers checkpoint.

    Args:
        architecture: Name of the architecture.
        params: Its parameters.

    Returns:
        The key map; None for an architecture that transformers does not have.
    """
    match architecture:
        case "lcnetv3":
            return _LCNETV3
        case "lcnetv4":
            return _lcnetv4(str(params.get("size", "tiny")))
        case "hgnetv2":
            return _HGNETV2
    return None


def _neck(convolutions: tuple[str, ...]) -> tuple[KeyRule, ...]:
    block = "head.encoder.svtr_block.{k}"
    ours = r"neck\.blocks\.(?P<k>\d+)\."

    return (
        *(
            KeyRule(rf"neck\.{name}", f"head.encoder.conv_block.{i}", leaves=_CONV)
            for i, name in enumerate(convolutions)
        ),
        KeyRule(ours + "norm(?P<n>[12])", f"{block}.layer_norm{{n}}"),
        KeyRule(ours + "qkv", f"{block}.self_attn.qkv"),
        KeyRule(ours + "project", f"{block}.self_attn.projection"),
        KeyRule(ours + "widen", f"{block}.mlp.fc1"),
        KeyRule(ours + "narrow", f"{block}.mlp.fc2"),
        KeyRule("neck", "head.encoder", leaves=("conv", "norm")),
    )


_SVTR = _neck(("reduce", "enter", "leave", "join", "out"))

_LCNETV3 = KeyMap(
    "transformers",
    (
        KeyRule("stem", "model.backbone.encoder.convolution", leaves=_CONV),
        KeyRule(_B + r"(?P<p>depthwise|pointwise)\.identity", "{block}.{p}_convolution.identity"),
        KeyRule(
            _B + r"(?P<p>depthwise|pointwise)\.wide\.(?P<k>\d+)",
            "{block}.{p}_convolution.conv_symmetric.{k}",
            leaves=_CONV,
        ),
        KeyRule(
            _B + r"(?P<p>depthwise|pointwise)\.point", "{block}.{p}_convolution.conv_small_symmetric", leaves=_CONV
        ),
        KeyRule(_B + r"(?P<p>depthwise|pointwise)\.affine", "{block}.{p}_convolution.lab"),
        KeyRule(_B + r"(?P<p>depthwise|pointwise)\.affine_after", "{block}.{p}_convolution.act.lab"),
        KeyRule(_B + r"weigh\.squeeze", "{block}.squeeze_excitation_module.convolutions.0"),
        KeyRule(_B + r"weigh\.excite", "{block}.squeeze_excitation_module.convolutions.2"),
        *_SVTR,
        _HEAD,
    ),
    numbered("model.backbone.encoder.blocks.{s}.layers.{i}", (1, 2, 2, 5, 4)),
)

_HGNETV2 = KeyMap(
    "transformers",
    (
        *(
            KeyRule(rf"stem\.{ours}", f"model.backbone.embedder.{theirs}", leaves=_CONV)
            for ours, theirs in STEM.items()
        ),
        KeyRule(_S, "{block}", leaves=_CONV),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)", "{block}.layers.{k}", leaves=_CONV),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)\.0", "{block}.layers.{k}.conv1", leaves=_CONV),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)\.1", "{block}.layers.{k}.conv2", leaves=_CONV),
        KeyRule(_S + r"\.squeeze", "{block}.aggregation.0", leaves=_CONV),
        KeyRule(_S + r"\.excite", "{block}.aggregation.1", leaves=_CONV),
        *_SVTR,
        _HEAD,
    ),
    downsampled(HGNETV2_COUNTS, "model.backbone.encoder.stages"),
)


def _lcnetv4(size: str) -> KeyMap:
    stem = "model.backbone.encoder.convolution"
    return KeyMap(
        "transformers",
        (
            *(
                KeyRule(rf"stem\.{ours}", f"{stem}.{theirs}", leaves=_CONV)
                for ours, theirs in STEM.items()
                if size != "tiny"
            ),
            KeyRule(r"stem\.(?P<n>conv[12])", stem + ".{n}", leaves=_CONV),
            KeyRule(_B + "token", "{block}.token_conv", leaves=_CONV),
            KeyRule(_B + r"weigh\.squeeze", "{block}.token_squeeze_excitation.convolutions.0"),
            KeyRule(_B + r"weigh\.excite", "{block}.token_squeeze_excitation.convolutions.2"),
            KeyRule(_B + "widen", "{block}.channel_conv1", leaves=_CONV),
            KeyRule(_B + "narrow", "{block}.channel_conv2", leaves=_CONV),
            *(
                (
                    KeyRule(r"neck\.local", "head", leaves=("conv1", "norm1")),
                    KeyRule(r"neck\.mix", "head", leaves=("conv2", "norm2")),
                )
                if size == "tiny"
                else _neck(("skip", "reduce", "local"))
            ),
            KeyRule(r"head\.0", "head.fc1"),
            KeyRule(r"head\.1", "head.fc2"),
            _HEAD,
        ),
        numbered("model.backbone.encoder.blocks.{s}.blocks.{i}", LCNETV4_COUNTS[size]),
    )
