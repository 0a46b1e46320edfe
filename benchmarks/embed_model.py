"""Put a trained model into the package: python benchmarks/embed_model.py output/latest DATASET [NAME]

On a few lines of the dataset it is measured how far characters stand from their frames. The weights are rounded to
half precision and stored so in the ONNX file, which computes with them in fp32; torch takes the same values from it.

Its confidence is calibrated on all lines of the dataset, of which the model must have learned none: 2,000 lines of
`ocrx synth -c printed_en --output DATASET --count 2000 --seed 101` do. `python benchmarks/confidence.py calibrate
DATASET [NAME]` does that alone, for a model that lies in the package already; run it again after lm.json.gz changed.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

import ocrx
from ocrx import create_model
from ocrx.backends.onnx import OnnxBackend
from ocrx.backends.pytorch import TorchBackend
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import ModelError
from ocrx.evaluation.calibration import calibrate_model
from ocrx.export.graph import check_parity, export_onnx
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.model_folder import INFERENCE_DIR, LM_FILE, ONNX_FILE, SPEC_FILE, atomic_folder
from ocrx.models.model_io import load_model
from ocrx.models.onnx_state import HALF_SUFFIX
from ocrx.training.frame_shift import measure_shift
from ocrx.zoo.embedded import DEFAULT


def main(source: Path, dataset: Path, name: str) -> None:
    model, spec = load_model(source)
    images = [prepare(read_image(sample.image), spec.image)[0] for sample in read_dataset(dataset).val[:12]]
    shift = measure_shift(model, spec.frames, images)
    spec = replace(spec, frames=replace(spec.frames, shift=shift), name=name, metrics={})
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half().float())
    target = Path(ocrx.__file__).parent / "zoo" / "weights" / name
    with atomic_folder(target) as partial:
        for file in (target / "README.md", target / LM_FILE):
            if file.is_file():
                shutil.copy(file, partial)
        (partial / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        file = partial / INFERENCE_DIR / ONNX_FILE
        batches = [image[None] for image in images]
        export_onnx(model, spec, file, batches)
        store_half(file)
        check_weights(model, partial)
        difference = check_parity(TorchBackend(model.eval(), spec), OnnxBackend(file), batches, str(file))
    lines = read_dataset(dataset)
    print(calibrate_model(target, create_model(model_dir=target), [*lines.train, *lines.val]))
    for path in sorted(target.rglob("*.*")):
        print(f"{path.relative_to(target)}: {path.stat().st_size / 1e6:.2f} MB")
    print(f"largest difference of a logit between torch and ONNX Runtime: {difference:.2g}")


def check_weights(model: nn.Module, folder: Path) -> None:
    """Check that torch finds the same weights in the folder."""
    found = load_model(folder)[0].state_dict()
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, found[name])]
    if changed:
        raise ModelError(f"{folder}: {changed[0]} is not what was stored ({len(changed)} tensors differ)")


def store_half(file: Path) -> None:
    """Store the weights of an ONNX file in half precision, each cast to fp32 once, when the file is loaded."""
    network = onnx.load(str(file))
    casts = []
    for weight in network.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT:
            continue
        name, values = weight.name, onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}{HALF_SUFFIX}"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}{HALF_SUFFIX}"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *network.graph.node]
    del network.graph.node[:]
    network.graph.node.extend(nodes)
    onnx.checker.check_model(network)
    onnx.save(network, str(file))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else DEFAULT)
