"""An exported model inside RapidOCR against ocrx: the same lines, best paths on both, and with the language model.

ocrx export --model printed_en --format rapidocr --output DIR
python benchmarks/rapidocr_export.py --data ../shared/data/sroie_lines --model printed_en --file DIR/rapidocr.onnx
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ocrx import create_model
from ocrx.arrays import Pixels
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.export.host_graph import HOST_IMAGE
from ocrx.imaging.preparation import resize
from ocrx.imaging.reading import read_image
from ocrx.text.normalize import normalize


def in_rapidocr(file: Path, samples: list[Sample]) -> tuple[list[str], float]:
    """The texts that RapidOCR gives with its default settings: batches of 6; and seconds."""
    from rapidocr import RapidOCR
    from rapidocr.ch_ppocr_rec.typings import TextRecInput

    logging.disable(logging.CRITICAL)
    engine: Any = RapidOCR(params={"Rec.model_path": str(file)})
    lines = [bgr(read_image(sample.image)) for sample in samples]
    engine(lines[0], use_det=False, use_cls=False, use_rec=True)
    start = time.perf_counter()
    found = engine.text_rec(TextRecInput(img=lines, return_word_box=False))
    return list(found.txts), time.perf_counter() - start


def bgr(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def accuracy(texts: list[str], samples: list[Sample]) -> str:
    right = sum(normalize(text) == normalize(sample.text) for text, sample in zip(texts, samples, strict=True))
    return f"{right / len(samples):.2%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="printed_en")
    parser.add_argument("--file", type=Path, required=True)
    options = parser.parse_args()

    samples = list(read_dataset(options.data).val)
    model = create_model(options.model)
    paths = [str(sample.image) for sample in samples]
    results = list(model.predict(paths, beam=1))
    ours = [result.text for result in results]
    with_lm = [result.text for result in model.predict(paths)]
    # What RapidOCR gives the file, read by ocrx itself: the line at a height of 48, as OpenCV resizes it.
    seen = [Image.fromarray(resize(read_image(sample.image), HOST_IMAGE)[:, :, ::-1]) for sample in samples]
    ours_seen = [result.text for result in model.predict(seen, beam=1)]
    theirs, seconds = in_rapidocr(options.file, samples)

    equal = sum(one == other for one, other in zip(ours, theirs, strict=True))
    print(f"{equal} of {len(samples)} texts equal ({equal / len(samples):.2%}); RapidOCR took {seconds:.1f} s")
    same = sum(one == other for one, other in zip(ours_seen, theirs, strict=True))
    print(f"{same} equal if ocrx reads the lines as RapidOCR resizes them, without restoring them")
    print(f"accuracy: ocrx --beam 1 {accuracy(ours, samples)}, RapidOCR {accuracy(theirs, samples)}")
    print(f"accuracy: ocrx with the language model {accuracy(with_lm, samples)}")
    for sample, result, other in zip(samples, results, theirs, strict=True):
        if result.text != other:
            height = read_image(sample.image).height
            print(
                f"{sample.source}, {height} pixels high: ocrx {result.text!r} (least probable character "
                f"{result.min_score:.2f}), RapidOCR {other!r}, label {sample.text!r}"
            )


if __name__ == "__main__":
    main()
