"""A larger network that gives the same text: python benchmarks/widen_model.py SOURCE TARGET KEY=VALUE...

SOURCE is a folder with an ``lcnet_lstm`` in its fused form, ``KEY=VALUE`` its new parameters (``channels=[48,96,256]``,
``hidden=160``, ``layers=2``), none smaller than before. What is new starts as in a fresh network, but nothing old reads
it yet, so the logits are those of SOURCE until training changes them (Net2Net, Chen et al. 2016, with fresh units
instead of copies).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from ocrx.models import build_model
from ocrx.models.model_io import load_model, save_model


def main(source: Path, target: Path, changes: dict[str, object]) -> None:
    small, spec = load_model(source)
    if spec.architecture != "lcnet_lstm" or not spec.params.get("fused"):
        sys.exit(f"{source}: expected an lcnet_lstm with fused: true")
    spec = replace(spec, params={**spec.params, **changes})
    torch.manual_seed(1)
    large = build_model(spec)
    with torch.no_grad():
        widen(small, large)
    images = torch.rand(2, spec.image.channels, spec.image.height, 160)
    difference = (small.eval()(images) - large.eval()(images)).abs().max().item()
    if difference > 1e-3:
        sys.exit(f"the larger network differs by {difference:.2g}; expected channels, hidden and layers that only grow")
    target.mkdir(parents=True, exist_ok=True)
    save_model(large, spec, target)
    count = sum(value.numel() for value in large.parameters())
    print(f"{target}: {count / 1e6:.2f} M parameters; largest difference of a logit {difference:.2g}")


def widen(small: nn.Module, large: nn.Module) -> None:
    """Copy the weights of ``small`` into ``large``; what ``large`` has beside them does not reach the old outputs."""
    given = dict(small.named_modules())
    for name, module in large.named_modules():
        old = given.get(name)
        if isinstance(module, nn.LSTM):
            behind = name != "context"
            _widen_lstm(old if isinstance(old, nn.LSTM) else None, module, behind)
        elif isinstance(module, nn.Conv2d | nn.Linear) and isinstance(old, nn.Conv2d | nn.Linear):
            _insert(module.weight, old.weight, behind=name == "head")
            if module.bias is not None and old.bias is not None:
                module.bias[: len(old.bias)] = old.bias


def _insert(new: Tensor, old: Tensor, behind: bool = False) -> None:
    """Old rows get their weights back and zeros for inputs that are new; new rows stay as they are.

    ``behind``: the inputs are those of a bidirectional LSTM, [forward, backward], and both halves have grown.
    """
    rows, columns = old.shape[:2]
    kept = torch.arange(columns)
    if behind:
        kept[columns // 2 :] += (new.shape[1] - columns) // 2
    new[:rows] = 0
    new[:rows, kept] = old


def _widen_lstm(old: nn.LSTM | None, new: nn.LSTM, behind: bool) -> None:
    width = new.hidden_size
    for name, value in new.named_parameters():
        if old is None:
            # A cell whose candidates are 0 stays at 0: the layer adds nothing yet, and its gradient does not vanish.
            value[2 * width : 3 * width] = 0
            continue
        source = old.get_parameter(name)
        for gate in range(4):
            part, given = value[gate * width : (gate + 1) * width], source.chunk(4)[gate]
            if value.dim() == 1:
                part[: len(given)] = given
            else:
                _insert(part, given, behind and "weight_ih" in name)


if __name__ == "__main__":
    pairs = OmegaConf.to_object(OmegaConf.from_dotlist(sys.argv[3:]))
    assert isinstance(pairs, dict)
    main(Path(sys.argv[1]), Path(sys.argv[2]), {str(key): value for key, value in pairs.items()})
