"""Put a trained model into the package: python benchmarks/embed_model.py output/latest DATASET [NAME]

On a few lines of the dataset it is measured how far characters stand from their frames. The weights are rounded to
half precision and stored so as safetensors; the ONNX file is made from the same rounded weights in fp32, so that both
give the same text.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch

import ocrx
from ocrx.ctc.drift import measure_shift
from ocrx.data.formats import read_dataset
from ocrx.folder import INFERENCE_DIR, ONNX_FILE, replaced_folder
from ocrx.images import prepare, read_image
from ocrx.inference.export import export_onnx
from ocrx.models.store import load_model, save_model
from ocrx.zoo.embedded import DEFAULT


def main(source: Path, dataset: Path, name: str) -> None:
    model, spec = load_model(source)
    images = [prepare(read_image(sample.image), spec.image)[0] for sample in read_dataset(dataset).val[:12]]
    shift = measure_shift(model, spec.frames, images)
    spec = replace(spec, frames=replace(spec.frames, shift=shift))
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half().float())
    target = Path(ocrx.__file__).parent / "zoo" / "weights" / name
    card = target / "README.md"
    with replaced_folder(target) as partial:
        if card.is_file():
            shutil.copy(card, partial)
        save_model(model, spec, partial, dtype=torch.float16)
        difference = export_onnx(model, spec, partial / INFERENCE_DIR / ONNX_FILE, [image[None] for image in images])
    for path in sorted(target.rglob("*.*")):
        print(f"{path.relative_to(target)}: {path.stat().st_size / 1e6:.2f} MB")
    print(f"largest difference of a logit between torch and ONNX Runtime: {difference:.2g}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else DEFAULT)
