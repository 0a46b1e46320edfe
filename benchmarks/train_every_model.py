"""Train every network on the demo set for a minute: python benchmarks/train_every_model.py [--minutes M] [NAME ...]

One recipe for each network; the other PaddleX names differ from these in their characters only. Prints a Markdown
table: what the training said, and what its exported model reads.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RECIPES = (
    "lcnetv4_tiny", "lcnetv4_small", "lcnetv4_medium", "cnn_bilstm", "crnn", "resnet_bilstm", "printed_en",
    "PP-OCRv3_mobile_rec", "PP-OCRv4_mobile_rec", "PP-OCRv4_server_rec", "PP-OCRv5_mobile_rec", "PP-OCRv5_server_rec",
    "PP-OCRv6_tiny_rec", "PP-OCRv6_small_rec", "PP-OCRv6_medium_rec", "ch_RepSVTR_rec", "ch_SVTRv2_rec",
    "SVTRv2_tiny", "SVTRv2_small", "SVTRv2_base",
)  # fmt: skip
DEMO = Path(__file__).parents[1] / "datasets" / "demo"


def main(names: list[str], minutes: float) -> None:
    print("| recipe | million parameters | steps | images/s | loss, first and last steps | exact lines of 61 | CER |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(row(name, Path(folder), minutes), flush=True)


def row(name: str, output: Path, minutes: float) -> str:
    """Train in a process of its own, then read the validation lines with what it exported."""
    command = [sys.executable, "-m", "ocrx", "train", "-c", name, "--data", str(DEMO), "--output", str(output)]
    settings = {
        "Train.max_minutes": minutes,
        "Train.epochs_iters": 100_000,
        "Train.eval_interval": 100_000,
        "Train.save_interval": 100_000,
        "Train.batch_size": 8,
        "Train.log_interval": 1,
        "Train.learning_rate": 0.0005,
        "Train.warmup_steps": 5,
        "Train.synth.enable": "false",
    }
    for key, value in settings.items():
        command += ["-o", f"{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"| {name} | failed: {done.stderr.strip().splitlines()[-1]} | | | | | |"
    log = (output / "train.log").read_text(encoding="utf-8")
    losses = [float(found) for found in re.findall(r" loss ([\d.]+) ", log)]
    few = max(1, min(10, len(losses) // 4))
    size = re.search(r"([\d.]+) M parameters", log)
    with (output / "history.csv").open(encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    assert (output / "best_accuracy" / "inference").is_dir()
    return (
        f"| {name} | {size[1] if size else '?'} | {last['step']} | {last['images_per_second']}"
        f" | {sum(losses[:few]) / few:.1f} → {sum(losses[-few:]) / few:.1f}"
        f" | {round(61 * float(last['val_accuracy']))} | {100 * float(last['val_cer']):.1f} % |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=RECIPES)
    parser.add_argument("--minutes", type=float, default=1.0)
    given = parser.parse_args()
    main(list(given.names), given.minutes)
