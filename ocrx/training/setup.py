"""Assembles a training: reads and checks everything before it starts, then builds batches, network and trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from ocrx.config import Config, to_yaml
from ocrx.data.fingerprint import fingerprint
from ocrx.data.formats.layouts import Dataset
from ocrx.data.loading.augment import Augmentation
from ocrx.data.loading.batches import Share
from ocrx.data.loading.loader import Lines, LineSource, LoaderOptions
from ocrx.data.loading.training_data import TrainingData
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.evaluation.calibration import fit_calibration
from ocrx.export.graph import export_onnx
from ocrx.files import write_file
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.model_folder import INFERENCE_DIR, ONNX_FILE, SPEC_FILE, read_spec
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model, frame_spec
from ocrx.models.ctc_network import CTCNetwork
from ocrx.results import Progress
from ocrx.synth.generator import LineGenerator
from ocrx.synth.source import SynthOptions, SynthSource
from ocrx.text.charset import Charset
from ocrx.text.direction import runs_right_to_left
from ocrx.training.augmentation_preview import write_augmentation_preview
from ocrx.training.checkpoint import FinalizeFolder
from ocrx.training.data_order import data_order_key
from ocrx.training.distributed.group import Group
from ocrx.training.frame_shift import measure_shift
from ocrx.training.freeze import freeze
from ocrx.training.loop import Source, Trainer, TrainerParts
from ocrx.training.output_folder import (
    PREVIEW_FILE,
    RESULT_FILE,
    TENSORBOARD_DIR,
    clear_output,
    refuse_overwriting,
)
from ocrx.training.preflight import preflight
from ocrx.training.pretrained import is_backbone, load_backbone, load_pretrained, resolve_pretrained
from ocrx.training.resume import CONFIG_FILE, changed_settings, resume_folder, resumed_spec, weight_form
from ocrx.training.run_log import Log
from ocrx.training.step import ProcessContext
from ocrx.training.tensorboard import TensorBoardWriter, require_tensorboard
from ocrx.training.training_lines import check_training_data, choose_charset, read_training_data
from ocrx.training.validation import Validation

EXPORT_LINES = 16  # validation lines that an exported model is checked on
SHIFT_LINES = 5  # of them, those that the frame shift is measured on

ShowProgress = Callable[[str], AbstractContextManager[Progress | None]]
"""Opens a progress display for the work it names."""


@dataclass(frozen=True)
class TrainingSetup:
    """What is decided before a training starts; the same in all of its processes.

    Attributes:
        config: The configuration.
        data: The lines to train on.
        spec: The model to train.
        resume: The checkpoint to resume, None for a new training.
        pretrained: The model folder whose weights a new training starts from, None for none.
        dataset_fingerprint: Hash of all lines as they were found, see ``ocrx.data.fingerprint``.
    """

    config: Config
    data: TrainingData
    spec: ModelSpec
    resume: Path | None
    pretrained: Path | None
    dataset_fingerprint: str

    @property
    def output(self) -> Path:
        """The output folder."""
        return Path(self.config.Global.output)


def prepare_training(config: Config, log: Log, progress: ShowProgress) -> TrainingSetup:
    """Read and check everything, then open the output folder.

    Args:
        config: The configuration.
        log: Takes one line for the user.
        progress: Opens a progress display.

    Returns:
        The setup.

    Raises:
        ConfigError: If settings are missing or contradict each other.
        DataError: If the dataset cannot be trained on, or the output holds an existing training run.
        ModelError: If the model to resume or to start from is missing or does not fit.
        BackendError: If a package is missing.
    """
    output = Path(config.Global.output)
    if config.Train.tensorboard:
        require_tensorboard()
    resume = resume_folder(config)
    continues = resume is not None and resume.resolve().parent == output.resolve()
    if not continues and not config.Train.overwrite:
        refuse_overwriting(output)
    if config.Train.synth.enable:
        LineGenerator(config.Synth)  # wrong settings fail here, before any process starts

    data = read_training_data(config)
    pretrained = None if resume else _pretrained_folder(config)
    spec = resumed_spec(resume, config) if resume else new_spec(config, data.dataset, pretrained)
    with progress("checking images") as tick:
        data = check_training_data(data, spec, config, log, tick, resumed=resume is not None)

    output.mkdir(parents=True, exist_ok=True)
    if config.Train.overwrite and not continues:
        clear_output(output, resume or pretrained)
    return TrainingSetup(config, data, spec, resume, pretrained, fingerprint(data.dataset.samples))


def new_spec(config: Config, dataset: Dataset, pretrained: Path | None = None) -> ModelSpec:
    """Describe the model of a new training.

    Args:
        config: The configuration.
        dataset: The dataset, for its characters.
        pretrained: The model folder to start from; its weights decide whether the network is fused.

    Returns:
        The spec.

    Raises:
        ModelError: If the architecture takes no such parameters or images.
    """
    params = dict(config.Model.params)
    given = read_spec(pretrained) if pretrained else None
    if given is not None and given.architecture == config.Model.architecture:
        params |= weight_form(given)
    characters = choose_charset(config, dataset).characters

    return ModelSpec(
        architecture=config.Model.architecture,
        params=params,
        charset=characters,
        image=config.Image,
        frames=frame_spec(config.Model.architecture, params, config.Image),
        name=config.Global.model,
        direction="rtl" if runs_right_to_left(characters) else "ltr",
    )


def write_run_files(setup: TrainingSetup) -> None:
    """Write ``config.yaml`` and ``label_dict.txt``, and remove the result of an earlier run.

    Args:
        setup: The training that starts or resumes.
    """
    config, output = setup.config, setup.output
    again = replace(config, Train=replace(config.Train, overwrite=False, resume_path=None))
    write_file(output / CONFIG_FILE, to_yaml(again))
    Charset.from_spec(setup.spec).save(output / "label_dict.txt")
    (output / RESULT_FILE).unlink(missing_ok=True)


@contextmanager
def open_source(setup: TrainingSetup, group: Group, progress: ShowProgress) -> Iterator[Source]:
    """Open the training batches: stored lines, or lines rendered on the fly.

    Args:
        setup: The training.
        group: The processes that share the batches.
        progress: Opens a progress display.

    Yields:
        The batches of this process.

    Raises:
        DataError: If an image cannot be read.
    """
    config, train = setup.config, setup.config.Train
    share = Share(group.rank, group.size, train.accumulate)
    workers = train.workers if train.workers is not None else min(4, max(1, (torch.get_num_threads() or 2) // 2))
    if not train.synth.enable:
        with progress("reading images") as tick:
            lines = Lines(setup.data.dataset.train, setup.spec, tick)
        source = LineSource(
            lines,
            LoaderOptions(
                batch_size=train.batch_size,
                max_pixels=train.max_pixels,
                seed=config.Global.seed,
                augmentation=Augmentation(
                    train.augment, train.augment_rotation, train.augment_shift, train.augment_scale
                ),
                workers=workers,
                concat=train.concat,
                flip=train.flip_vertical,
                replayed=setup.data.replayed,
                replay_ratio=train.replay_ratio,
            ),
            share=share,
        )
        if group.is_main:
            write_augmentation_preview(source, setup.output / PREVIEW_FILE)
        yield source
        return

    rendered = SynthSource(
        config.Synth,
        setup.spec,
        SynthOptions(
            lines_per_epoch=train.synth.lines_per_epoch,
            batch_size=train.batch_size,
            max_pixels=train.max_pixels,
            seed=config.Global.seed,
            processes=workers,
        ),
        share,
    )
    try:
        yield rendered
    finally:
        rendered.close()


def changed_images(source: Source, log: Log) -> int:
    """Count the images that disappeared or changed while the training used what it had read of them before.

    Args:
        source: The batches of this process.
        log: Gets the names of the first ones.

    Returns:
        Their number; 0 for rendered lines.
    """
    changed = source.lines.changed() if isinstance(source, LineSource) else []
    if changed:
        shown = ", ".join(f"{sample.source} ({sample.image})" for sample in changed[:5])
        more = " ..." if len(changed) > 5 else ""
        log(f"{len(changed)} training images disappeared or changed; trained with what they were before: {shown}{more}")
    return len(changed)


def build_trainer(setup: TrainingSetup, source: Source, process: ProcessContext) -> Trainer:
    """Build the network with its initial or resumed weights, and its trainer; log what is trained.

    Args:
        setup: The training.
        source: The batches of this process.
        process: How this process takes part.

    Returns:
        A trainer that is ready to run, or finished.

    Raises:
        ConfigError: If the network or the device cannot do what the configuration asks for.
        ModelError: If the weights do not fit, or a preflight check fails.
    """
    config, group = setup.config, process.group
    model = _initial_network(setup, process)
    frozen = freeze(model, config.Train.freeze)
    validation = Validation(setup.data.dataset.val, setup.spec, process.device, group)
    curves = config.Train.tensorboard and group.is_main
    parts = TrainerParts(
        model,
        setup.spec,
        source,
        validation,
        config.Train,
        setup.output,
        seed=config.Global.seed,
        data_order=data_order_key(config, setup.data),
        finalize=_finalizer(validation),
        observers=(TensorBoardWriter(setup.output / TENSORBOARD_DIR),) if curves else (),
        evaluate_first=setup.pretrained is not None,
    )
    trainer = Trainer(parts, process)
    process.log(_summary(setup, trainer, frozen))

    if setup.resume:
        _resume(trainer, setup, process.log)
    elif config.Train.preflight != "off":
        for batch in next(source.updates(0), [])[:1]:
            overfit = config.Train.preflight == "overfit"
            process.log(preflight(trainer.model, setup.spec, batch, process.device, overfit=overfit))

    return trainer


def _pretrained_folder(config: Config) -> Path | None:
    source = config.Train.pretrain_weight_path
    if not source or is_backbone(source, config.Model.architecture):
        return None
    return resolve_pretrained(source, Path(config.Global.output))


def _initial_network(setup: TrainingSetup, process: ProcessContext) -> CTCNetwork:
    """The network with random or pretrained weights; other processes get those of the main process later."""
    model = build_model(setup.spec)
    source = setup.config.Train.pretrain_weight_path
    if not process.group.is_main:
        return model
    if setup.pretrained:
        process.log(load_pretrained(model, setup.spec, setup.pretrained))
    elif source and not setup.resume:
        process.log(load_backbone(model, source))
    return model


def _resume(trainer: Trainer, setup: TrainingSetup, log: Log) -> None:
    folder = setup.resume
    if folder is None:
        return
    changed = changed_settings(folder, setup.config)
    trainer.resume(folder)
    if trainer.state.finished:
        log(f"{folder}: this training is finished after {trainer.state.epoch} epochs; nothing to do")
        return
    if changed:
        log(f"settings changed since the training was saved: {'; '.join(changed)}")
    log(f"resumed from {folder} at step {trainer.state.step}")


def _summary(setup: TrainingSetup, trainer: Trainer, frozen: int) -> str:
    """One line for the log: the network, the device and the data."""
    spec, dataset, group = setup.spec, setup.data.dataset, trainer.group
    parameters = sum(p.numel() for p in trainer.model.parameters())
    where = f"{group.size} processes on {trainer.device.type}" if group.size > 1 else str(trainer.device)
    kept = f" ({frozen / 1e6:.2f} M of them frozen)" if frozen else ""
    precision = str(trainer.train_step.precision).removeprefix("torch.")
    return (
        f"{spec.name}: {spec.architecture}, {parameters / 1e6:.2f} M parameters{kept}, {len(spec.charset)} characters,"
        f" {where}, {precision}; {len(dataset.train)} training lines, {len(dataset.val)} validation lines,"
        f" {len(trainer.source)} updates an epoch, learning rate {setup.config.Train.rate:g}"
    )


def _finalizer(validation: Validation) -> FinalizeFolder:
    """Adds frame shift, calibration and ``inference/``, the exported model, to the folder of a best model."""

    def finalize(network: nn.Module, spec: ModelSpec, folder: Path) -> None:
        readable = islice(_readable(validation.samples), EXPORT_LINES)
        images = [prepare(image, spec.image)[0][None] for image in readable]
        shift = measure_shift(network, spec.frames, [image[0] for image in images[:SHIFT_LINES]])
        calibration = fit_calibration(validation.lines)

        spec = replace(spec, frames=replace(spec.frames, shift=shift), calibration=calibration or spec.calibration)
        write_file(folder / SPEC_FILE, spec.to_json())
        export_onnx(network, spec, folder / INFERENCE_DIR / ONNX_FILE, images)

    return finalize


def _readable(samples: Sequence[Sample]) -> Iterator[Image.Image]:
    for sample in samples:
        with suppress(DataError):  # Train.ignore_checks allowed it; it counts as read wrongly
            yield read_image(sample.image)
