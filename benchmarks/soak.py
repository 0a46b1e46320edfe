"""Memory over many lines of random widths: resident MiB after the first tenth and at the end.

python benchmarks/soak.py [--model M] [--backend onnx] [--lines 50000] [--batch-size 8]
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ocrx import create_model
from ocrx.process import resident_mib


def lines(count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Grey noise 20 to 64 pixels high and 8 to 1600 wide, short lines more often than long ones."""
    random = np.random.default_rng(0)
    paper = random.integers(0, 256, (64, 1600), dtype=np.uint8)
    for _ in range(count):
        height, width = int(random.integers(20, 65)), int(8 + 1592 * random.random() ** 3)
        yield paper[:height, :width]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--backend", default="onnx")
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--batch-size", type=int, default=8)
    given = parser.parse_args()
    reader = create_model(given.model, backend=given.backend, device="cpu")
    early = 0.0
    step = max(1, given.lines // 10)
    for number, _ in enumerate(reader.predict(lines(given.lines), batch_size=given.batch_size), start=1):
        if number % step == 0:
            gc.collect()
            print(f"{number:>8,} lines  {resident_mib():8.1f} MiB", flush=True)
            early = early or resident_mib()
    print(f"growth after the first {step:,} lines: {resident_mib() - early:+.1f} MiB")


if __name__ == "__main__":
    main()
