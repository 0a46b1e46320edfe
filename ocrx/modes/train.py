"""``ocrx train``: a dataset and a configuration to a model folder."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from ocrx.backends.pytorch import TorchBackend
from ocrx.config import Config
from ocrx.data.fingerprint import fingerprint
from ocrx.data.formats.layouts import Dataset
from ocrx.data.loading.batches import Share
from ocrx.data.loading.loader import Lines, LineSource
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.evaluation.evaluate import evaluate
from ocrx.export.graph import export_onnx
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import INFERENCE_DIR, ONNX_FILE, SPEC_FILE
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.results import write_result
from ocrx.synth.source import SynthSource
from ocrx.text.metrics import Metrics, compute_metrics
from ocrx.training.augmentation_preview import write_augmentation_preview
from ocrx.training.checkpoint import FinalizeFolder
from ocrx.training.distributed.group import Group
from ocrx.training.distributed.launcher import distributed_context, run_in_processes
from ocrx.training.frame_shift import measure_shift
from ocrx.training.freeze import freeze
from ocrx.training.history import Row
from ocrx.training.loop import Log, Outcome, Source, Trainer
from ocrx.training.preflight import preflight
from ocrx.training.pretrained import load_backbone, load_pretrained
from ocrx.training.setup import ShowProgress, TrainingSetup, data_order_key, prepare_training, write_run_files
from ocrx.training.signals import catch_signals
from ocrx.training.tensorboard import event_file
from ocrx.version import __version__


@dataclass(frozen=True)
class TrainReport:
    """What a training left behind. ``interrupted``: it was stopped and can be resumed."""

    output: Path
    epochs: int
    steps: int
    minutes: float
    best_epoch: int
    best_accuracy: float
    best_cer: float
    interrupted: bool
    nothing_to_do: bool
    skipped_updates: int
    processes: int

    @property
    def evaluated(self) -> bool:
        """Whether there is a best model yet."""
        return self.best_accuracy >= 0

    def to_dict(self) -> dict[str, Any]:
        """Of plain values; ``best_accuracy`` and ``best_cer`` None while nothing has been evaluated."""
        values = {**asdict(self), "output": str(self.output)}
        return values if self.evaluated else {**values, "best_accuracy": None, "best_cer": None}


def run(config: Config, log: Log, progress: ShowProgress = lambda _: nullcontext()) -> TrainReport:
    """Train as ``config`` says and leave the result in ``Global.output``.

    ``log`` gets one line at a time; they also go to ``train.log``. SIGINT and SIGTERM finish the step, save and
    return with ``interrupted``.
    """
    with distributed_context(config) as place:
        main = place.group.is_main
        if not main:
            log, progress = lambda line: None, lambda _: nullcontext()
        setup = place.group.run_on_main(lambda: prepare_training(config, log, progress))
        output = Path(config.Global.output)
        with (output / "train.log").open("a", encoding="utf-8") if main else nullcontext() as file:

            def tell(line: str) -> None:
                if file is not None:
                    file.write(line + "\n")
                    file.flush()
                log(line)

            if len(place.devices) > 1:
                outcome, already = run_in_processes(_work, [setup], config, place, tell)
            else:
                with catch_signals(ignore_repeats=place.group.size > 1) as stopped:
                    outcome, already = _work(place.group, place.devices[0], tell, stopped, setup, progress)
    report = _report(output, outcome, already, max(place.group.size, len(place.devices)))
    if main:
        write_result(output, "train", _result(config, report, outcome.rows, setup.training_data.dataset))
    return report


def _work(
    group: Group,
    device: torch.device,
    tell: Log,
    stopped: Callable[[], bool],
    setup: TrainingSetup,
    progress: ShowProgress = lambda _: nullcontext(),
) -> tuple[Outcome, bool]:
    """What each process of a training does; see ``_train``."""
    torch.manual_seed(setup.config.Global.seed)
    with _source(setup, group, progress) as source:
        return _train(setup, group, device, source, tell, stopped)


def _train(
    setup: TrainingSetup, group: Group, device: torch.device, source: Source, tell: Log, stopped: Callable[[], bool]
) -> tuple[Outcome, bool]:
    """Run the trainer; the second value says that there was nothing left to do."""
    config, spec, dataset, resume = setup.config, setup.spec, setup.training_data.dataset, setup.resume
    model = build_model(spec)
    if setup.start and group.is_main:
        tell(load_pretrained(model, spec, setup.start))
    elif config.Train.pretrain_weight_path and not resume and group.is_main:
        tell(load_backbone(model, config.Train.pretrain_weight_path))
    frozen = freeze(model, config.Train.freeze)

    def validate(network: nn.Module) -> Metrics:
        """Each process reads its share of the lines; all count the same texts."""
        own = evaluate(Recognizer(TorchBackend(network, spec, device)), dataset.val[group.rank :: group.size], 64)
        texts = group.gather([line.prediction for line in own.lines])
        return compute_metrics(
            (line.text, texts[i % group.size][i // group.size]) for i, line in enumerate(dataset.val)
        )

    trainer = Trainer(
        model,
        spec,
        source,
        validate,
        config.Train,
        device=device,
        output=Path(config.Global.output),
        log=tell,
        seed=config.Global.seed,
        stop=stopped,
        finish=_exporter(dataset),
        group=group,
        data_order=data_order_key(setup),
    )
    parameters = sum(p.numel() for p in model.parameters())
    place = f"{group.size} processes on {device.type}" if group.size > 1 else str(device)
    kept = f" ({frozen / 1e6:.2f} M of them frozen)" if frozen else ""
    tell(
        f"{spec.name}: {spec.architecture}, {parameters / 1e6:.2f} M parameters{kept}, {len(spec.charset)} characters,"
        f" {place}, {str(trainer.precision).removeprefix('torch.')}; {len(dataset.train)} training lines,"
        f" {len(dataset.val)} validation lines, {len(source)} updates an epoch, learning rate {config.Train.rate:g}"
    )
    if resume:
        trainer.resume(resume)
        if trainer.state.finished:
            tell(f"{resume}: this training is finished after {trainer.state.epoch} epochs; nothing to do")
            return Outcome(trainer.state, tuple(trainer.rows), interrupted=False), True
        tell(f"resumed from {resume} at step {trainer.state.step}")
    elif config.Train.preflight != "off":
        for batch in next(source.updates(0), [])[:1]:
            tell(preflight(trainer.model, spec, batch, device, overfit=config.Train.preflight == "overfit"))
    if group.is_main:
        write_run_files(setup)
    curves = Path(config.Global.output) / "tensorboard" if config.Train.tensorboard and group.is_main else None
    with event_file(curves, trainer.state.step) as trainer.record:
        if setup.start:
            trainer.evaluate_pretrained()
        return trainer.run(), False


@contextmanager
def _source(setup: TrainingSetup, group: Group, progress: ShowProgress) -> Iterator[Source]:
    """The training batches: stored lines, or lines rendered on the fly."""
    config, spec, training_data = setup.config, setup.spec, setup.training_data
    train, seed = config.Train, config.Global.seed
    share = Share(group.rank, group.size, train.accumulate)
    workers = train.workers if train.workers is not None else min(4, max(1, (torch.get_num_threads() or 2) // 2))
    if not train.synth.enable:
        with progress("reading images") as tick:
            lines = Lines(training_data.dataset.train, spec, tick)
        source = LineSource(
            lines,
            batch_size=train.batch_size,
            max_pixels=train.max_pixels,
            seed=seed,
            strength=train.augment,
            workers=workers,
            concat=train.concat,
            flip=train.flip_vertical,
            replayed=training_data.replayed,
            replay_ratio=train.replay_ratio,
            share=share,
        )
        if group.is_main:
            write_augmentation_preview(source, Path(config.Global.output) / "augment.png")
        yield source
        return
    rendered = SynthSource(
        config.Synth,
        spec,
        lines_per_epoch=train.synth.lines_per_epoch,
        batch_size=train.batch_size,
        max_pixels=train.max_pixels,
        seed=seed,
        processes=workers,
        share=share,
    )
    try:
        yield rendered
    finally:
        rendered.close()


def _exporter(dataset: Dataset) -> FinalizeFolder:
    """Measures where characters stand, and adds ``inference/``, the exported model, checked on validation lines."""

    def finish(network: nn.Module, spec: ModelSpec, folder: Path) -> None:
        images = [prepare(image, spec.image)[0][None] for image in islice(_readable(dataset.val), 16)]
        shift = measure_shift(network, spec.frames, [image[0] for image in images[:5]])
        spec = replace(spec, frames=replace(spec.frames, shift=shift))
        (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        export_onnx(network, spec, folder / INFERENCE_DIR / ONNX_FILE, images)

    return finish


def _readable(samples: Sequence[Sample]) -> Iterator[Image.Image]:
    for sample in samples:
        with suppress(DataError):  # left to Train.ignore_checks; counts as read wrongly
            yield read_image(sample.image)


def _report(output: Path, outcome: Outcome, already: bool, processes: int) -> TrainReport:
    place = outcome.state
    return TrainReport(
        output=output,
        epochs=place.epoch,
        steps=place.step,
        minutes=place.seconds / 60,
        best_epoch=place.best_epoch,
        best_accuracy=place.best_accuracy,
        best_cer=place.best_cer,
        interrupted=outcome.interrupted,
        nothing_to_do=already,
        skipped_updates=place.skipped,
        processes=processes,
    )


def _result(config: Config, report: TrainReport, rows: Sequence[Row], dataset: Dataset) -> dict[str, Any]:
    """PaddleX's fields, and what reproduces the training. Paths are relative to the output.

    ``last_1`` is the newest of the five; those that a short training lacks are empty, as in PaddleX. A training that
    was stopped is not done, and has not failed.
    """
    best: dict[str, Any] = {}
    if report.evaluated:
        best = {"score": report.best_accuracy, "inference": "best_accuracy/inference"}
        best["weights"] = "best_accuracy/model.safetensors"
    latest = {"weights": "latest/model.safetensors"} if (report.output / "latest").is_dir() else {}
    saved = sorted(report.output.glob("epoch_[0-9]*"), key=lambda path: int(path.name.partition("_")[2]), reverse=True)
    scores = {f"epoch_{row.epoch}": row.val_accuracy for row in rows}
    last: dict[str, dict[str, Any]] = {f"last_{i}": {} for i in range(1, 6)}
    for entry, path in zip(last.values(), saved, strict=False):
        entry |= {"score": scores.get(path.name), "weights": f"{path.name}/model.safetensors"}
    return {
        "done_flag": not report.interrupted,
        "model_name": config.Global.model,
        "label_dict": "label_dict.txt",
        "train_log": "train.log",
        "visualdl_log": "",
        "tensorboard_log": "tensorboard" if config.Train.tensorboard else "",
        "config": "config.yaml",
        "models": {**last, "best": best, "latest": latest},
        **report.to_dict(),
        "reproduce": {
            "command": " ".join(sys.argv),
            "seed": config.Global.seed,
            "device": config.Global.device,
            "dataset_fingerprint": fingerprint(dataset.samples),
            "ocrx": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
