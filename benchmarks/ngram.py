"""What a language model made of the training labels does for the character error rate.

    python benchmarks/ngram.py --data FOLDER --model FOLDER [--order 5]

The weight is tuned on every second validation line; the figures are those of the other lines.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ocrx.backends import open_backend
from ocrx.config import DecodeOptions, load_config
from ocrx.data.formats.layouts import read_dataset
from ocrx.decoding.factory import BeamDecoder, Decoder, build_decoder
from ocrx.decoding.greedy import greedy
from ocrx.decoding.ngram_model import NgramModel
from ocrx.evaluation.evaluate import evaluate
from ocrx.inference.discovery import find_model
from ocrx.inference.recognizer import Recognizer
from ocrx.modes import lm
from ocrx.text.charset import Charset


def main() -> int:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model")
    parser.add_argument("--order", type=int, default=5)
    options = parser.parse_args()
    folder = find_model(options.model)
    backend = open_backend(folder)
    dataset = read_dataset(options.data)
    with tempfile.TemporaryDirectory() as work:
        path, half = Path(work) / "lm.json", Path(work) / "val.txt"
        lm.build([options.data], path, options.order)
        rows = [f"{sample.image.resolve()}\t{sample.text}\n" for sample in dataset.val[::2]]
        half.write_text("".join(rows), encoding="utf-8")
        report = lm.tune(load_config(None, (), {"Predict.model_dir": str(folder)}), path, half)
        tuned = NgramModel.load(path)
    charset, gated = Charset.from_spec(backend.spec), DecodeOptions(lm=tuned, lm_confidence_threshold=0.9)
    decoders: dict[str, Decoder] = {
        "best path": greedy,
        "beam 10": BeamDecoder(),
        "beam 10, language model": build_decoder(charset, DecodeOptions(lm=tuned)),
        "language model, confidence threshold 0.9": build_decoder(charset, gated),
    }
    use = f"weight {tuned.weight:g}, bonus {tuned.bonus:g}, tuned on {report.lines} lines"
    print(f"{options.data.name}, order {options.order}, {use}\n\n| decoder | n | CER | exact |\n|---|---:|---:|---:|")
    for name, decoder in decoders.items():
        metrics = evaluate(Recognizer(backend, decoder), dataset.val[1::2]).metrics
        print(f"| {name} | {metrics.count} | {metrics.cer:.2%} | {metrics.accuracy:.1%} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
