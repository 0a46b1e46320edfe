"""Cross parity: our networks against independent code, with random weights carried over through ``ocrx import``.

    python benchmarks/parity_cross.py --output benchmarks/parity_cross.md

Every peer network gets random weights and batch norm statistics, is saved in the format that its project ships, is
imported like an official file, and both read the same random images. Needs, as far as installed: rapidocr (its
PyTorch classes mirror PaddleOCR's), openocr-python, transformers. What is not installed is named in the table.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pickle
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from ocrx.models.model_io import load_model
from ocrx.zoo.importer import import_weights

CLASSES = 50


@dataclass(frozen=True)
class Case:
    """A peer's network, how its file is written, and the recipe that it belongs to."""

    recipe: str
    peer: str
    package: str
    build: Callable[[], nn.Module]
    save: Callable[[nn.Module, Path], Path]
    height: int = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", default="", help="recipes whose name holds this")
    options = parser.parse_args()
    rows = ["| recipe | against | largest difference of a probability | of a logit-scale output |", "|---|---|---|---|"]
    for case in CASES:
        if options.only in case.recipe:
            rows.append(f"| {case.recipe} | {case.peer} | {measure(case)} |")
            print(rows[-1], flush=True)
    if options.output:
        options.output.write_text(f"{(__doc__ or '').strip()}\n\n" + "\n".join(rows) + "\n", encoding="utf-8")


def measure(case: Case) -> str:
    """Both outputs on the same images; '-' where the peer is not installed."""
    if importlib.util.find_spec(case.package) is None:
        return f"{case.package} is not installed | -"
    torch.manual_seed(0)
    peer = case.build().eval()
    scramble(peer, torch.rand(4, 3, case.height, 320) * 2 - 1)
    with tempfile.TemporaryDirectory() as folder:
        source = case.save(peer, Path(folder))
        dictionary = Path(folder) / "dictionary.txt"
        dictionary.write_text("".join(f"{chr(0x4E00 + i)}\n" for i in range(CLASSES - 1)), encoding="utf-8")
        output = Path(folder) / "imported"
        import_weights(str(source), output, name=case.recipe, dictionary=dictionary)
        model, spec = load_model(output)
    worst = relative = 0.0
    for width in (320, 488):
        images = torch.rand(2, spec.image.channels, case.height, width) * 2 - 1
        with torch.inference_mode():
            expected = first_tensor(peer(images))
            logits = model(images)
        found = logits.softmax(-1)
        if expected.shape != found.shape:
            return f"shapes {tuple(expected.shape)} and {tuple(found.shape)} | -"
        if not torch.isfinite(expected).all() or (expected[0] - expected[1]).abs().max() < 1e-3:
            return "the peer's output is not finite, or does not depend on the image | -"
        worst = max(worst, float((found - expected).abs().max()))
        # Softmax hides differences where one class wins; logarithms do not.
        gap = (found.clamp_min(1e-9).log() - expected.clamp_min(1e-9).log()).abs().max()
        relative = max(relative, float(gap))
    return f"{worst:.1e} | {relative:.1e}"


def scramble(network: nn.Module, images: torch.Tensor) -> None:
    """Weights under which a swapped or forgotten tensor would show, and statistics under which the images matter."""
    for name, value in network.state_dict().items():
        if value.ndim <= 1 and value.is_floating_point():
            value.uniform_(0.7, 1.3) if name.endswith(("weight", "scale")) else value.uniform_(-0.2, 0.2)
        elif value.ndim >= 2:
            value.normal_(0, (1.5 / value[0].numel()) ** 0.5)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad():
        network(images)
    network.eval()


def first_tensor(output: Any) -> torch.Tensor:
    """The probabilities [N, T, K] in whatever a peer returns."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        values = [value for value in output.values() if isinstance(value, torch.Tensor)]
        return values[0] if len(values) == 1 else output.get("last_hidden_state", values[0])
    return first_tensor(output[0])


def save_pdparams(network: nn.Module, folder: Path) -> Path:
    """As Paddle stores it: linear weights [in, out], its names for statistics, a pickle of arrays."""
    linear = {f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Linear)}
    tree: dict[str, Any] = {}
    state = network.state_dict()
    for name in state:
        if not name.endswith("num_batches_tracked"):
            array = _middle_row(name, state)
            key = name.replace("running_mean", "_mean").replace("running_var", "_variance")
            tree[key] = np.ascontiguousarray(array.T) if name in linear else array
    tree["StructuredToParameterName@@"] = {name: f"param_{i}" for i, name in enumerate(tree)}
    path = folder / "weights.pdparams"
    with path.open("wb") as file:
        pickle.dump(tree, file, protocol=4)
    return path


def _middle_row(name: str, state: Mapping[str, torch.Tensor]) -> np.ndarray[Any, Any]:
    """RapidOCR's port makes the neck's second kernel 3x3 where PaddleOCR has 1x3; on one row only the middle counts."""
    array: np.ndarray[Any, Any] = state[name].numpy()
    first = state.get(name.replace(".conv4.", ".conv1."), state[name])
    if name.endswith("encoder.conv4.conv.weight") and array.shape[2] == 3 and first.shape[2] == 1:
        return array[:, :, 1:2]
    return array


def save_pth(network: nn.Module, folder: Path) -> Path:
    path = folder / "weights.pth"
    torch.save({"state_dict": network.state_dict(), "global_step": 7}, path)
    return path


def save_hf(network: nn.Module, folder: Path) -> Path:
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps({"model_type": "pp_ocr"}), encoding="utf-8")
    return folder


def rapidocr(name: str) -> Callable[[], nn.Module]:
    """A network of RapidOCR's PyTorch engine; its configuration is the package's own."""

    def build() -> nn.Module:
        import rapidocr as package
        from rapidocr.inference_engine.pytorch.networks.architectures.base_model import BaseModel

        path = Path(package.__file__).parent / "inference_engine/pytorch/networks/arch_config.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))[name]
        head = config["Head"]
        if "out_channels_list" in head:
            head["out_channels_list"] = dict.fromkeys(head["out_channels_list"], CLASSES)
        else:
            head["out_channels"] = CLASSES
        network: nn.Module = BaseModel(config)
        return network

    return build


def openocr(encoder: Mapping[str, Any], decoder: Mapping[str, Any]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        import openocr as package

        # OpenOCR imports its own modules from the top.
        sys.path.insert(0, str(Path(package.__file__).parent))
        from openrec.modeling.base_recognizer import BaseRecognizer

        parts = {"Encoder": dict(encoder), "Decoder": {**decoder, "out_channels": CLASSES}}
        network: nn.Module = BaseRecognizer({"model_type": "rec", "algorithm": "", "Transform": None, **parts})
        return network

    return build


def svtrv2(dims: list[int], depths: list[int], convolutions: list[int]) -> dict[str, Any]:
    mixers = []
    for count, depth in zip(convolutions, depths, strict=True):
        turn = ["FGlobal"] if 0 < count < depth else []
        mixers.append(["Conv"] * count + turn + ["Global"] * (depth - count - len(turn)))
    return {
        "name": "SVTRv2LNConvTwo33",
        "use_pos_embed": False,
        "dims": dims,
        "depths": depths,
        "num_heads": [d // 32 for d in dims],
        "mixer": mixers,
        "sub_k": [[1, 1], [2, 1], [-1, -1]],
        "last_stage": False,
        "feat2d": True,
    }


_CHINESE = {
    **svtrv2([128, 256, 384], [6, 6, 6], [6, 2, 0]),
    "kernel_sizes": [[5] * 6, [5] * 6, [-1]],
    "num_convs": [[1] * 6, [1] * 6, [-1]],
    "sub_k": [[2, 1], [2, 1], [-1, -1]],
    "pope_bias": True,
}
_NECK = {"svtr_encoder": {"dims": 256, "depth": 2, "hidden_dims": 256, "kernel_size": [1, 3], "use_guide": True}}
_CTC = {"name": "CTCDecoder", **_NECK}
_RCTC = {"name": "RCTCDecoder"}


def transformers(kind: str) -> Callable[[], nn.Module]:
    """A recognition class of transformers, configured as PaddleOCR's model of that name."""

    def build() -> nn.Module:
        import transformers as package

        backbone = {"model_type": "pp_lcnet_v4", "block_configs": _V4_BLOCKS.get(kind), **_V4_STEMS.get(kind, {})}
        if kind == "v5_mobile":
            config = package.PPOCRV5MobileRecConfig(
                backbone_config={
                    "model_type": "pp_lcnet_v3",
                    "scale": 0.95,
                    "divisor": 16,
                    "block_configs": _V3_BLOCKS,
                    "out_features": ["stage5"],
                },
                head_out_channels=CLASSES,
            )
            network: nn.Module = package.PPOCRV5MobileRecForTextRecognition(config)
        elif kind == "v5_server":
            config = package.PPOCRV5ServerRecConfig(head_out_channels=CLASSES)
            network = package.PPOCRV5ServerRecForTextRecognition(config)
        elif kind == "tiny":
            config = package.PPOCRV6TinyRecConfig(backbone_config=backbone, hidden_size=80, head_out_channels=CLASSES)
            network = package.PPOCRV6TinyRecForTextRecognition(config)
        else:
            neck = {"hidden_size": 192, "mlp_ratio": 4.0} if kind == "medium" else {}
            config = package.PPOCRV6SmallRecConfig(backbone_config=backbone, head_out_channels=CLASSES, **neck)
            network = package.PPOCRV6SmallRecForTextRecognition(config)
        return network

    return build


def _v4(blocks: list[list[tuple[int, int, bool]]], first: int) -> list[list[list[Any]]]:
    """(channels, row stride, squeeze and excite) of every block as transformers writes it."""
    stages: list[list[list[Any]]] = []
    for stage in blocks:
        stages.append([])
        for channels, stride, weighted in stage:
            stages[-1].append([3, first, channels, [2, 1] if stride == 2 else 1, weighted])
            first = channels
    return stages


def _alternating(channels: int) -> list[tuple[int, int, bool]]:
    return [(channels, 1, index % 2 == 0) for index in range(6)]


_V4_BLOCKS = {
    "tiny": _v4(
        [
            [(48, 1, True)],
            [(48, 1, False)],
            [(96, 2, False), (96, 1, True), (96, 1, False)],
            [(160, 2, False), (160, 1, True), (160, 1, False), (160, 1, False)],
        ],
        48,
    ),
    "medium": _v4(
        [
            [(128, 1, True)],
            [(256, 1, False), (256, 1, False), (256, 1, True)],
            [(512, 2, False), *_alternating(512)],
            [(768, 2, False), (768, 1, True), (768, 1, False)],
        ],
        128,
    ),
}
_V4_STEMS: dict[str, dict[str, Any]] = {
    "tiny": {"stem_channels": [3, 24, 48], "stem_type": "small"},
    "small": {"stem_channels": [3, 48, 96]},
    "medium": {"stem_channels": [3, 64, 128]},
}
_V3_BLOCKS = [
    [[3, 16, 32, 1, False]],
    [[3, 32, 64, 1, False], [3, 64, 64, 1, False]],
    [[3, 64, 128, [2, 1], False], [3, 128, 128, 1, False]],
    [[3, 128, 256, [1, 2], False], *[[5, 256, 256, 1, False]] * 4],
    [[5, 256, 512, [2, 1], True], [5, 512, 512, 1, True], [5, 512, 512, [2, 1], False], [5, 512, 512, 1, False]],
]

_OPEN = "openocr-python 0.1.5"
_RAPID = "rapidocr 3.10 PyTorch classes, as .pdparams"
_HF = "transformers 5.23, as safetensors"

CASES = (
    Case("PP-OCRv3_mobile_rec", _RAPID, "rapidocr", rapidocr("latin_PP-OCRv3_rec_mobile"), save_pdparams),
    Case("PP-OCRv4_mobile_rec", _RAPID, "rapidocr", rapidocr("ch_PP-OCRv4_rec_mobile"), save_pdparams),
    Case("PP-OCRv4_server_rec", _RAPID, "rapidocr", rapidocr("ch_PP-OCRv4_rec_server"), save_pdparams),
    Case("PP-OCRv5_mobile_rec", _RAPID, "rapidocr", rapidocr("ch_PP-OCRv5_rec_mobile"), save_pdparams),
    Case("PP-OCRv5_server_rec", _RAPID, "rapidocr", rapidocr("ch_PP-OCRv5_rec_server"), save_pdparams),
    Case("PP-OCRv6_tiny_rec", _RAPID, "rapidocr", rapidocr("PP-OCRv6_rec_tiny"), save_pdparams),
    Case("PP-OCRv6_small_rec", _RAPID, "rapidocr", rapidocr("PP-OCRv6_rec_small"), save_pdparams),
    Case("PP-OCRv6_medium_rec", _RAPID, "rapidocr", rapidocr("PP-OCRv6_rec_medium"), save_pdparams),
    Case("PP-OCRv5_mobile_rec", _HF, "transformers", transformers("v5_mobile"), save_hf),
    Case("PP-OCRv5_server_rec", _HF, "transformers", transformers("v5_server"), save_hf),
    Case("PP-OCRv6_tiny_rec", _HF, "transformers", transformers("tiny"), save_hf),
    Case("PP-OCRv6_small_rec", _HF, "transformers", transformers("small"), save_hf),
    Case("PP-OCRv6_medium_rec", _HF, "transformers", transformers("medium"), save_hf),
    Case("SVTRv2_tiny", _OPEN, "openocr", openocr(svtrv2([64, 128, 256], [3, 6, 3], [3, 3, 0]), _RCTC), save_pth, 32),
    Case("SVTRv2_small", _OPEN, "openocr", openocr(svtrv2([96, 192, 384], [3, 6, 3], [3, 3, 0]), _RCTC), save_pth, 32),
    Case("SVTRv2_base", _OPEN, "openocr", openocr(svtrv2([128, 256, 384], [6, 6, 6], [6, 2, 0]), _RCTC), save_pth, 32),
    Case("ch_SVTRv2_rec", _OPEN, "openocr", openocr(_CHINESE, _CTC), save_pth),
    Case("ch_RepSVTR_rec", _OPEN, "openocr", openocr({"name": "RepSVTREncoder"}, _CTC), save_pth),
)

if __name__ == "__main__":
    main()
