"""Maps tensor names of our networks to those in checkpoints of PaddleOCR and OpenOCR."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from ocrx.zoo.tensors import KeyMap, KeyRule


def paddle_key_map(architecture: str, params: Mapping[str, Any], names: frozenset[str]) -> KeyMap | None:
    """Choose the key map for a PaddleOCR checkpoint.

    Args:
        architecture: Name of the architecture.
        params: Its parameters.
        names: Tensor names in the file, which reveal whether it has one head or several.

    Returns:
        The key map; None for an architecture that PaddleOCR does not have.
    """
    single = "head.fc.weight" in names
    neck, head = ("neck.encoder", "head.fc") if single else ("head.ctc_encoder.encoder", "head.ctc_head.fc")
    match architecture:
        case "lcnetv3":
            return _LCNETV3_PADDLE
        case "lcnetv4":
            return _lcnetv4_paddle(str(params.get("size", "tiny")))
        case "hgnet":
            return _HGNET_PADDLE
        case "hgnetv2":
            return _HGNETV2_PADDLE
        case "svtr_lcnet":
            return _svtr_lcnet_paddle(neck, head)
        case "repsvtr":
            return _repsvtr("backbone", neck, head)
        case "svtrv2_ch":
            return _svtrv2_ch("backbone", neck, head)

    return None


def openocr_key_map(architecture: str, params: Mapping[str, Any]) -> KeyMap | None:
    """Choose the key map for an OpenOCR checkpoint.

    Args:
        architecture: Name of the architecture.
        params: Its parameters.

    Returns:
        The key map; None for an architecture that OpenOCR does not have.
    """
    match architecture:
        case "svtrv2":
            return _svtrv2(str(params.get("size", "tiny")))
        case "svtrv2_ch":
            return _svtrv2_ch("encoder", "decoder.svtr_encoder", "decoder.fc")
        case "repsvtr":
            return _repsvtr("encoder", "decoder.svtr_encoder", "decoder.fc")
    return None


def svtr_neck(prefix: str) -> tuple[KeyRule, ...]:
    """Build the rules for the SVTR neck of PP-OCR: conv1, conv2, svtr_block, norm, conv3, conv4, conv1x1.

    Args:
        prefix: Path of the neck in the checkpoint.

    Returns:
        The rules.
    """
    convs = {"reduce": "conv1", "enter": "conv2", "leave": "conv3", "join": "conv4", "out": "conv1x1"}
    return (
        *(KeyRule(f"neck.{ours}", f"{prefix}.{theirs}", leaves=("conv", "norm")) for ours, theirs in convs.items()),
        *_svtr_blocks(prefix),
    )


def _svtr_blocks(prefix: str) -> tuple[KeyRule, ...]:
    block = f"{prefix}.svtr_block.{{k}}"
    ours = r"neck\.blocks\.(?P<k>\d+)\."
    return (
        KeyRule(ours + "(?P<n>norm[12])", f"{block}.{{n}}"),
        KeyRule(ours + "qkv", f"{block}.mixer.qkv"),
        KeyRule(ours + "project", f"{block}.mixer.proj"),
        KeyRule(ours + "widen", f"{block}.mlp.fc1"),
        KeyRule(ours + "narrow", f"{block}.mlp.fc2"),
        KeyRule("neck", prefix, leaves=("conv", "norm")),
    )


def numbered(template: str, counts: tuple[int, ...], first: int = 0) -> tuple[str, ...]:
    """List the paths of numbered blocks in numbered stages.

    Args:
        template: A path with {s} for the stage and {i} for the block.
        counts: Number of blocks in each stage.
        first: Number of the first stage.

    Returns:
        The paths, in order.
    """
    return tuple(template.format(s=s, i=i) for s, count in enumerate(counts, first) for i in range(count))


def downsampled(counts: tuple[int, ...], prefix: str) -> tuple[str, ...]:
    """List the paths of blocks in stages that begin with a downsampling layer.

    Args:
        counts: Number of blocks in each stage, without the downsampling layer.
        prefix: Path of the stages.

    Returns:
        The paths, in order.
    """
    stages = [
        [f"{prefix}.{s}.downsample", *(f"{prefix}.{s}.blocks.{i}" for i in range(n))] for s, n in enumerate(counts)
    ]
    return tuple(chain.from_iterable(stages))


_B = r"blocks\.(?P<i>\d+)\."
_S = r"stages\.(?P<i>\d+)"
# Auxiliary heads that only training uses, and classifier layers left over from pretraining.
_GUIDES = r"^(head\.(gtc_head|before_gtc|sar_head)\.|backbone\.(last_conv|fc)\.|decoder\.gtc_decoder\.)"
_PADDLE_NECK = svtr_neck("head.ctc_encoder.encoder")
_PADDLE_HEAD = (KeyRule("head", "head.ctc_head.fc"),)
LCNETV4_COUNTS = {"tiny": (1, 1, 3, 4), "small": (1, 2, 7, 3), "medium": (1, 3, 7, 3)}

_LCNETV3_PADDLE = KeyMap(
    "PaddleOCR",
    (
        KeyRule("stem", "backbone.conv1"),
        *(
            rule
            for ours, theirs in (("depthwise", "dw_conv"), ("pointwise", "pw_conv"))
            for rule in (
                KeyRule(_B + ours + r"\.identity", f"{{block}}.{theirs}.identity"),
                KeyRule(_B + ours + r"\.wide\.(?P<k>\d+)", f"{{block}}.{theirs}.conv_kxk.{{k}}"),
                KeyRule(_B + ours + r"\.point", f"{{block}}.{theirs}.conv_1x1"),
                KeyRule(_B + ours + r"\.affine", f"{{block}}.{theirs}.lab"),
                KeyRule(_B + ours + r"\.affine_after", f"{{block}}.{theirs}.act.lab"),
            )
        ),
        KeyRule(_B + r"weigh\.squeeze", "{block}.se.conv1"),
        KeyRule(_B + r"weigh\.excite", "{block}.se.conv2"),
        *_PADDLE_NECK,
        *_PADDLE_HEAD,
    ),
    numbered("backbone.blocks{s}.{i}", (1, 2, 2, 5, 4), 2),
    ignored=_GUIDES,
)

STEM = {"conv1": "stem1", "branch1": "stem2a", "branch2": "stem2b", "conv3": "stem3", "conv4": "stem4"}


def _lcnetv4_paddle(size: str) -> KeyMap:
    return KeyMap(
        "PaddleOCR",
        (
            *(KeyRule(rf"stem\.{ours}", f"backbone.conv1.{theirs}") for ours, theirs in STEM.items() if size != "tiny"),
            KeyRule(r"stem\.conv1", "backbone.conv1.0"),
            KeyRule(r"stem\.conv2", "backbone.conv1.2"),
            KeyRule(_B + r"token\.wide", "{block}.token_mixer.rep_dw.conv"),
            KeyRule(_B + r"token\.point", "{block}.token_mixer.rep_dw.conv1"),
            KeyRule(_B + "token", "{block}.token_mixer.rep_dw", others=("{block}.token_mixer.dw_conv",)),
            KeyRule(_B + r"weigh\.squeeze", "{block}.token_mixer.se.conv1"),
            KeyRule(_B + r"weigh\.excite", "{block}.token_mixer.se.conv2"),
            KeyRule(_B + "widen", "{block}.channel_mixer.expand"),
            KeyRule(_B + "narrow", "{block}.channel_mixer.compress"),
            KeyRule(r"neck\.reduce", "head.ctc_encoder.encoder.conv_reduce", leaves=("conv", "norm")),
            KeyRule(r"neck\.skip", "head.ctc_encoder.encoder.skip_conv", leaves=("conv", "norm")),
            KeyRule(r"neck\.mix", "head.ctc_head.guide_layer", leaves=("3", "4")),
            *(
                (KeyRule(r"neck\.local", "head.ctc_head.guide_layer", leaves=("0", "1")),)
                if size == "tiny"
                else (KeyRule(r"neck\.local", "head.ctc_encoder.encoder.local_conv", leaves=("0", "1")),)
            ),
            *_svtr_blocks("head.ctc_encoder.encoder"),
            KeyRule(r"head\.0", "head.ctc_head.fc1"),
            KeyRule(r"head\.1", "head.ctc_head.fc2"),
            *_PADDLE_HEAD,
        ),
        numbered("backbone.blocks{s}.{i}", LCNETV4_COUNTS[size], 2),
        ignored=_GUIDES,
        # A batch norm follows and cancels this bias, so PaddleOCR has none.
        absent=r"token\.point\.bias$",
    )


HGNETV2_COUNTS = (1, 1, 3, 1)
_HGNETV2_PADDLE = KeyMap(
    "PaddleOCR",
    (
        *(KeyRule(rf"stem\.{ours}", f"backbone.stem.{theirs}") for ours, theirs in STEM.items()),
        KeyRule(_S, "{block}"),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)", "{block}.layers.{k}"),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)\.0", "{block}.layers.{k}.conv1"),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)\.1", "{block}.layers.{k}.conv2"),
        KeyRule(_S + r"\.squeeze", "{block}.aggregation_squeeze_conv"),
        KeyRule(_S + r"\.excite", "{block}.aggregation_excitation_conv"),
        *_PADDLE_NECK,
        *_PADDLE_HEAD,
    ),
    downsampled(HGNETV2_COUNTS, "backbone.stages"),
    ignored=_GUIDES,
)

_HGNET_PADDLE = KeyMap(
    "PaddleOCR",
    (
        KeyRule(r"stem\.(?P<k>\d)", "backbone.stem.{k}"),
        KeyRule(_S, "{block}"),
        KeyRule(_S + r"\.layers\.(?P<k>\d+)", "{block}.layers.{k}"),
        KeyRule(_S + r"\.join", "{block}.aggregation_conv"),
        KeyRule(_S + r"\.weigh", "{block}.att.conv"),
        *_PADDLE_NECK,
        *_PADDLE_HEAD,
    ),
    downsampled((1, 1, 2, 1), "backbone.stages"),
    ignored=_GUIDES,
)


def _svtr_lcnet_paddle(neck: str, head: str) -> KeyMap:
    names = ("_conv", "_batch_norm")
    return KeyMap(
        "PaddleOCR",
        (
            KeyRule("stem", "backbone.conv1", leaves=names),
            KeyRule(_B + "depthwise", "{block}._depthwise_conv", leaves=names),
            KeyRule(_B + "pointwise", "{block}._pointwise_conv", leaves=names),
            KeyRule(_B + r"weigh\.squeeze", "{block}._se.conv1"),
            KeyRule(_B + r"weigh\.excite", "{block}._se.conv2"),
            *svtr_neck(neck),
            KeyRule("head", head),
        ),
        numbered("backbone.block_list.{i}", (13,)),
        ignored=_GUIDES,
    )


def _repsvtr(encoder: str, neck: str, head: str) -> KeyMap:
    names = ("c", "bn")
    return KeyMap(
        "OpenOCR",
        (
            KeyRule(r"stem\.0", f"{encoder}.features.0.0", leaves=names),
            KeyRule(r"stem\.1", f"{encoder}.features.0.2", leaves=names),
            KeyRule(_B + r"token\.wide", "{block}.token_mixer.0.conv", leaves=names),
            KeyRule(_B + r"token\.point", "{block}.token_mixer.0.conv1"),
            KeyRule(_B + "token", "{block}.token_mixer.0", leaves=names),
            KeyRule(_B + r"weigh\.squeeze", "{block}.token_mixer.1.fc1"),
            KeyRule(_B + r"weigh\.excite", "{block}.token_mixer.1.fc2"),
            KeyRule(_B + "grow", "{block}.token_mixer.2", leaves=names),
            KeyRule(_B + "widen", "{block}.channel_mixer.m.0", leaves=names),
            KeyRule(_B + "narrow", "{block}.channel_mixer.m.2", leaves=names),
            *svtr_neck(neck),
            KeyRule("head", head),
        ),
        tuple(f"{encoder}.features.{i}" for i in range(1, 14)),
        ignored=_GUIDES,
    )


def _svtrv2_encoder(root: str, depths: tuple[int, ...], convolutions: tuple[int, ...]) -> tuple[str, ...]:
    """List the paths of blocks and downsampling layers.

    In a stage with both kinds of block, a module without weights before the attention blocks takes a number.
    """
    paths: list[str] = []
    for stage, depth in enumerate(depths):
        for index in range(depth):
            shift = int(0 < convolutions[stage] <= index)
            paths.append(f"{root}.stages.{stage}.blocks.{index + shift}")
        if stage < 2:
            paths.append(f"{root}.stages.{stage}.downsample")
    return tuple(paths)


def _svtrv2_rules(root: str) -> tuple[KeyRule, ...]:
    block = r"encoder\." + _B
    return (
        KeyRule(r"encoder\.patches\.(?P<k>\d)", f"{root}.pope.patch_embed.{{k}}", leaves=("conv", "norm")),
        KeyRule(r"encoder\.blocks\.(?P<i>\d+)", "{block}", leaves=("conv", "norm")),
        KeyRule(block + r"mix\.(?P<k>\d)", "{block}.mixer.{k}", others=("{block}.mixer",)),
        KeyRule(block + r"(block\.)?(?P<n>norm[12])", "{block}.{n}"),
        KeyRule(block + r"block\.qkv", "{block}.mixer.qkv"),
        KeyRule(block + r"block\.project", "{block}.mixer.proj"),
        KeyRule(block + r"(block\.)?widen", "{block}.mlp.fc1"),
        KeyRule(block + r"(block\.)?narrow", "{block}.mlp.fc2"),
    )


_SVTRV2_DEPTHS = {"tiny": ((3, 6, 3), (3, 3, 0)), "small": ((3, 6, 3), (3, 3, 0)), "base": ((6, 6, 6), (6, 2, 0))}


def _svtrv2(size: str) -> KeyMap:
    reader = "decoder.w_atten_block"
    return KeyMap(
        "OpenOCR",
        (
            *_svtrv2_rules("encoder"),
            KeyRule(r"reader\.mix\.(?P<n>norm[12])", f"{reader}.{{n}}"),
            KeyRule(r"reader\.mix\.qkv", f"{reader}.attn.qkv"),
            KeyRule(r"reader\.mix\.project", f"{reader}.attn.proj"),
            KeyRule(r"reader\.mix\.widen", f"{reader}.mlp.fc1"),
            KeyRule(r"reader\.mix\.narrow", f"{reader}.mlp.fc2"),
            KeyRule(r"reader\.query", "decoder.char_token"),
            KeyRule(r"reader\.key_value", "decoder.fc_kv"),
            KeyRule("head", "decoder.fc"),
        ),
        _svtrv2_encoder("encoder", *_SVTRV2_DEPTHS[size]),
        ignored=_GUIDES,
    )


def _svtrv2_ch(root: str, neck: str, head: str) -> KeyMap:
    return KeyMap(
        "OpenOCR",
        (*_svtrv2_rules(root), *svtr_neck(neck), KeyRule("head", head)),
        _svtrv2_encoder(root, *_SVTRV2_DEPTHS["base"]),
        ignored=_GUIDES,
    )
