"""Small datasets with chosen labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image


def write_noise_dataset(root: Path, train: Sequence[str], val: Sequence[str], size: tuple[int, int] = (64, 32)) -> Path:
    """Distinct noise images, ``train0.png`` and so on, labelled with the given texts in train.txt and val.txt."""
    root.mkdir(exist_ok=True)
    for part, texts in (("train", train), ("val", val)):
        rows = []
        for i, text in enumerate(texts):
            Image.effect_noise(size, 60).save(root / f"{part}{i}.png")
            rows.append(f"{part}{i}.png\t{text}\n")
        (root / f"{part}.txt").write_text("".join(rows), encoding="utf-8", newline="\n")
    return root
