from __future__ import annotations

from pathlib import Path

import pytest

from ocrx import create_model
from ocrx.evaluation.latency import STAGES, measure_latency
from ocrx.inference.inputs import iter_inputs


def test_a_measurement_holds_every_stage_and_the_share_of_other_texts(model_folder: Path, images: Path) -> None:
    recognizer = create_model(model_dir=model_folder, backend="onnx", threads=1)
    inputs = [item for item in iter_inputs(images) if item.load()]
    texts = [found.text for found in recognizer.predict_inputs(inputs)]
    texts[0] += "!"
    timing = measure_latency(recognizer, inputs, 4, seconds=0, precision="fp32", texts=texts)
    assert (timing.backend, timing.threads, timing.batch_size, timing.lines) == ("onnx", 1, 4, len(inputs))
    assert timing.text_mismatch_rate == pytest.approx(1 / len(inputs))
    assert all(timing.stage(name) > 0 for name in STAGES)
    assert 0 < timing.p50_ms <= timing.p95_ms
    assert timing.ms_per_line * timing.lines_per_second == pytest.approx(1000)
    assert timing.to_dict()["changed"] == timing.text_mismatch_rate
