"""The embedded model beside other readers: the same images, one metric, one run.

    python benchmarks/accuracy.py [--data ../shared/data] [--peers ~/.cache/ocrx-peers] [--model FOLDER]

Needs Debian's tesseract-ocr for its row; RapidOCR is installed into --peers. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from peers import TITLES, environments, read_peer, read_tesseract

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.text.metrics import compute_metrics

ROOT = Path(__file__).resolve().parents[1]
SETS = (
    "sroie_lines",
    "captcha_v2",
    "typewritten_cs_sk",
    "fraktur_de",
    "early_print_latin",
    "handwriting_en",
    "handwriting_fr",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--peers", type=Path, default=Path.home() / ".cache" / "ocrx-peers")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--sets", nargs="*", default=SETS)
    options = parser.parse_args()
    pythons = environments(options.peers)
    model = create_model(model_dir=options.model)
    print("| set | reader | exact, case ignored | CER, case ignored | exact | CER | norm_edit_dis |")
    print("|---|---|---|---|---|---|---|")
    for name in options.sets:
        samples = read_dataset(options.data / name).val
        images = [sample.image for sample in samples]
        texts = {"ocrx": [result.text for result in model.predict(images)]}
        for peer, python in pythons.items():
            texts[TITLES[peer]] = read_peer(peer, python, images, threads=2).texts
        tesseract = read_tesseract(images)
        if tesseract is not None:
            texts[TITLES["tesseract"]] = tesseract.texts
        for reader, found in texts.items():
            result = compute_metrics((sample.text, text) for sample, text in zip(samples, found, strict=True))
            cells = [result.accuracy_ci, result.cer_ci, result.accuracy, result.cer]
            row = " | ".join(f"{100 * cell:.1f} %" for cell in cells)
            print(f"| {name} ({result.count}) | {reader} | {row} | {result.norm_edit_dis:.4f} |", flush=True)


if __name__ == "__main__":
    main()
