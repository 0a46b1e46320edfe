"""Writes PaddleOCR's own networks with random weights as Paddle does, in one of its inference formats.

    PADDLE3/bin/python benchmarks/paddle_networks.py pir --paddleocr CHECKOUT --output DIR [NAME …]
    PADDLE2/bin/python benchmarks/paddle_networks.py pdmodel --paddleocr CHECKOUT --output DIR [NAME …]

Runs without ocrx in environments with paddlepaddle 3.3.1, which writes ``inference.json``, and 2.6.2, which writes
``inference.pdmodel`` (3.3.1 no longer writes these networks in that form). CHECKOUT is a copy of PaddleOCR. For every
NAME (a file in ``configs/rec``; default: the networks of all model names) DIR/NAME holds ``weights.pdparams``,
``expected.npz`` (what Paddle computes for random images), ``dict.txt``, and ``pir/`` or ``pdmodel/`` with the inference
form and ``inference.yml``. The second form takes the weights of the first.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import Any

NAMES = (
    "PP-OCRv3_mobile_rec",
    "en_PP-OCRv3_mobile_rec",
    "korean_PP-OCRv3_mobile_rec",
    "PP-OCRv4_mobile_rec",
    "en_PP-OCRv4_mobile_rec",
    "PP-OCRv4_server_rec",
    "PP-OCRv4_server_rec_doc",
    "ch_SVTRv2_rec",
    "ch_RepSVTR_rec",
    "PP-OCRv5_mobile_rec",
    "th_PP-OCRv5_mobile_rec",
    "PP-OCRv5_server_rec",
    "PP-OCRv6_tiny_rec",
    "PP-OCRv6_small_rec",
    "PP-OCRv6_medium_rec",
)
WIDTHS = (320, 480)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=("pdmodel", "pir"))
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--paddleocr", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    sys.path.insert(0, str(options.paddleocr))
    for name in options.names:
        write(name, options.form, options.paddleocr, options.output / name)


def write(name: str, form: str, paddleocr: Path, folder: Path) -> None:
    """One network in one form."""
    import numpy as np
    import paddle
    import yaml
    from ppocr.modeling.architectures import build_model

    file = next(path for path in sorted((paddleocr / "configs/rec").rglob("*.y*ml")) if path.stem == name)
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    characters = (paddleocr / config["Global"]["character_dict_path"]).read_text(encoding="utf-8").split("\n")
    characters = [line.strip("\r") for line in characters[:-1]]
    (folder / form).mkdir(parents=True, exist_ok=True)

    model = build_model(architecture_of(config, len(characters) + 2))
    weights = folder / "weights.npz"  # Paddle 2 does not read the pickles of NumPy 2
    if weights.is_file():
        with np.load(weights) as stored:
            model.set_state_dict({key: paddle.to_tensor(stored[key]) for key in stored.files})
    else:
        paddle.seed(7)
        randomise(model)
        spread_logits(model, len(characters) + 2)
        paddle.save(model.state_dict(), str(folder / "weights.pdparams"))
        arrays: dict[str, Any] = {key: value.numpy() for key, value in model.state_dict().items()}
        np.savez(weights, **arrays)
    model.eval()
    if not (folder / "expected.npz").is_file():
        write_expected(model, folder / "expected.npz")

    for layer in model.sublayers():
        if hasattr(layer, "rep") and not getattr(layer, "is_repped", False):
            layer.rep()
    images = paddle.static.InputSpec(shape=[None, 3, 48, None], dtype="float32")
    paddle.jit.save(paddle.jit.to_static(model, input_spec=[images]), str(folder / form / "inference"))

    settings = {
        "Global": {"model_name": name},
        "PreProcess": {"transform_ops": config["Eval"]["dataset"]["transforms"]},
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": characters},
    }
    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
    (folder / form / "inference.yml").write_text(text, encoding="utf-8")
    (folder / "dict.txt").write_text("".join(f"{line}\n" for line in characters), encoding="utf-8")
    print(name, form, flush=True)


def write_expected(model: Any, file: Path) -> None:
    """Random images, and what the network in training form computes for them."""
    import numpy as np
    import paddle

    rng = np.random.default_rng(0)
    images = {str(width): rng.uniform(-1, 1, (2, 3, 48, width)).astype(np.float32) for width in WIDTHS}
    outputs = {f"out{width}": model(paddle.to_tensor(image)).numpy() for width, image in images.items()}
    np.savez(file, **images, **outputs)  # type: ignore[arg-type]  # NumPy's stub takes a keyword for allow_pickle


def architecture_of(config: dict[str, Any], classes: int) -> dict[str, Any]:
    """The network of a training configuration with ``classes`` outputs, as PaddleOCR's exporter sets them."""
    architecture: dict[str, Any] = copy.deepcopy(config["Architecture"])
    if architecture.get("algorithm") == "Distillation":
        architecture = architecture["Models"]["Student"]
        architecture.setdefault("model_type", "rec")
    head = architecture["Head"]
    if head["name"] == "MultiHead":
        head["out_channels_list"] = {
            "CTCLabelDecode": classes,
            "SARLabelDecode": classes + 2,
            "NRTRLabelDecode": classes + 3,
        }
    else:
        head["out_channels"] = classes
    return architecture


def randomise(model: Any) -> None:
    """Statistics and affines that a wrong fusion or a swapped layer would show."""
    import paddle

    for name, value in model.state_dict().items():
        low, high = None, None
        if name.endswith("_variance") or (value.ndim == 1 and name.endswith(("weight", "scale"))):
            low, high = 0.7, 1.3
        elif name.endswith(("_mean", "bias")):
            low, high = -0.2, 0.2
        if low is not None:
            value.set_value(paddle.uniform(value.shape, min=low, max=high))


def spread_logits(model: Any, classes: int) -> None:
    """Scale the last layer so that outputs are decided: near-uniform and saturated ones would hide a difference."""
    import paddle

    linear = [layer for layer in model.sublayers() if isinstance(layer, paddle.nn.Linear)]
    head: Any = next(layer for layer in reversed(linear) if layer.weight.shape[1] == classes)
    seen: list[float] = []
    hook = head.register_forward_post_hook(lambda _layer, _inputs, output: seen.append(float(output.std())))
    model.eval()
    model(paddle.uniform([2, 3, 48, 320], min=-1, max=1))
    hook.remove()
    head.weight.set_value(head.weight * (3 / seen[0]))
    head.bias.set_value(head.bias * 0)


if __name__ == "__main__":
    main()
