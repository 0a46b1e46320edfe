"""The mean of the weights of models of one network: python benchmarks/average_models.py OUTPUT FOLDER FOLDER...

Source: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time". It needs trainings that began with the same weights, or one that went on from the other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ocrx.model_folder import atomic_folder
from ocrx.models.model_io import load_model, save_model


def main(output: Path, sources: list[Path]) -> None:
    model, spec = load_model(sources[0])
    others = [load_model(source)[0].state_dict() for source in sources[1:]]
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.stack([value, *(other[name] for other in others)]).mean(dim=0))
    with atomic_folder(output) as partial:
        save_model(model, spec, partial)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(source) for source in sys.argv[2:]])
