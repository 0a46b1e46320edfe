"""Images that disappear during a training are an error with their names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.training import CPU, SMALL, spec_for

from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError
from ocrx.models import build_model
from ocrx.training.distributed.group import ALONE
from ocrx.training.validation import Validation


def test_images_that_disappear_are_named(line_folder: Path) -> None:
    dataset = read_dataset(line_folder)
    spec = spec_for(dataset.train, "lcnet_lstm", SMALL)
    torch.manual_seed(0)
    model = build_model(spec).eval()
    validation = Validation(dataset.val, spec, CPU, ALONE)
    assert validation(model).count == len(validation.lines) == 4

    dataset.val[1].image.unlink()
    with pytest.raises(DataError, match=r"val\.txt:2 .*09\.png.*1 images disappeared"):
        validation(model)


def test_missing_images_count_as_errors(line_folder: Path) -> None:
    dataset = read_dataset(line_folder)
    dataset.val[1].image.unlink()
    spec = spec_for(dataset.train, "lcnet_lstm", SMALL)
    metrics = Validation(dataset.val, spec, CPU, ALONE)(build_model(spec).eval())
    assert metrics.count == 4 and metrics.exact < 4
