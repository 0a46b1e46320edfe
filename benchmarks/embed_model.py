"""Put a trained model into the package: python benchmarks/embed_model.py output/latest [NAME]

The weights are rounded to half precision and stored so as safetensors; the ONNX file is made from the same rounded
weights in fp32, so that both give the same text.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import ocrx
from ocrx.folder import INFERENCE_DIR, ONNX_FILE, replaced_folder
from ocrx.inference.export import export_onnx
from ocrx.models.store import load_model, save_model
from ocrx.zoo.embedded import DEFAULT


def main(source: Path, name: str) -> None:
    model, spec = load_model(source)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half().float())
    target = Path(ocrx.__file__).parent / "zoo" / "weights" / name
    with replaced_folder(target) as partial:
        save_model(model, spec, partial, dtype=torch.float16)
        difference = export_onnx(model, spec, partial / INFERENCE_DIR / ONNX_FILE)
    for path in sorted(target.rglob("*.*")):
        print(f"{path.relative_to(target)}: {path.stat().st_size / 1e6:.2f} MB")
    print(f"largest difference of a logit between torch and ONNX Runtime: {difference:.2g}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else DEFAULT)
