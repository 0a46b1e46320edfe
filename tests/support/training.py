"""Small networks and short trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from ocrx.backends.pytorch import TorchBackend
from ocrx.config import TrainConfig
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.augment import Augmentation
from ocrx.data.loading.batches import Share
from ocrx.data.loading.loader import Lines, LineSource, LoaderOptions
from ocrx.data.sample import Sample
from ocrx.evaluation.evaluate import evaluate
from ocrx.inference.recognizer import Recognizer
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import build_model, frame_spec
from ocrx.models.model_io import load_model
from ocrx.text.charset import Charset
from ocrx.text.metrics import Metrics
from ocrx.training.loop import Trainer, TrainerParts
from ocrx.training.step import ProcessContext

FAST = TrainConfig(epochs_iters=3, batch_size=4, learning_rate=3e-3, augment=0.3, precision="fp32", log_interval=1)


CPU = torch.device("cpu")


SMALL = {"channels": [8, 8, 8], "depths": [1, 1, 1], "hidden": 8}


def spec_for(
    samples: tuple[Sample, ...], architecture: str = "lcnetv4", params: dict[str, object] | None = None
) -> ModelSpec:
    image = ImageSpec(height=32, bucket=32, max_width=640)
    charset = Charset.from_texts(sample.text for sample in samples)
    params = params or {}
    return ModelSpec(architecture, params, charset.characters, image, frame_spec(architecture, params, image))


class RecordedTrainer(Trainer):
    """A trainer with the lines that it has logged."""

    lines: list[str]


def trainer(
    folder: Path,
    output: Path,
    config: TrainConfig = FAST,
    seed: int = 0,
    *,
    small: bool = False,
    stop: Callable[[], bool] = lambda: False,
    validate: Callable[[nn.Module], Metrics] | None = None,
    log: Callable[[str], None] | None = None,
    data_order: Mapping[str, object] | None = None,
    evaluate_first: bool = False,
) -> RecordedTrainer:
    """``small``: a network of 3000 parameters with convolutions, batch norms and an LSTM."""
    dataset = read_dataset(folder)
    spec = spec_for(dataset.train, "lcnet_lstm", SMALL) if small else spec_for(dataset.train)
    torch.manual_seed(seed)
    model = build_model(spec)
    source = LineSource(
        Lines(dataset.train, spec),
        LoaderOptions(
            batch_size=config.batch_size,
            max_pixels=config.max_pixels,
            seed=seed,
            augmentation=Augmentation(config.augment),
            workers=1,
        ),
        share=Share(accumulate=config.accumulate),
    )

    def read(network: nn.Module) -> Metrics:
        return evaluate(Recognizer(TorchBackend(network, spec, CPU)), dataset.val).metrics

    output.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    parts = TrainerParts(
        model,
        spec,
        source,
        validate or read,
        config,
        output,
        seed=seed,
        data_order=data_order or {},
        evaluate_first=evaluate_first,
    )
    result = RecordedTrainer(parts, ProcessContext(CPU, log or lines.append, stop=stop))
    result.lines = lines
    return result


def weights(folder: Path) -> dict[str, torch.Tensor]:
    model, _ = load_model(folder)
    return dict(model.state_dict())


def assert_equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name
