"""The section ``Train``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ocrx.config.ranges import (
    BatchSize,
    Count,
    CountOrZero,
    Fraction,
    FractionBelowOne,
    FractionInside,
    Minutes,
    Workers,
    WorkersOrNone,
)
from ocrx.errors import ConfigError
from ocrx.results import FINDING_CODES
from ocrx.schema import Choice, Range


@dataclass(frozen=True)
class SynthTrainConfig:
    """Training on lines that are rendered on the fly.

    Attributes:
        enable: Train on rendered lines; the section ``Synth`` describes them.
        lines_per_epoch: Lines that count as an epoch.
    """

    enable: bool = False
    lines_per_epoch: Annotated[int, Range(64, 1_000_000_000)] = 20_000


@dataclass(frozen=True)
class GuideConfig:
    """A second decoder on the backbone's features, used in training only (PP-OCR's NRTR).

    Attributes:
        weight: Weight of its loss relative to that of CTC; 0 means none.
        dims: Width of the decoder, a multiple of 32.
        layers: Layers of the decoder.
        detach: Stop the gradient of CTC before the backbone, which then learns from the guide alone.
    """

    weight: Annotated[float, Range(0, 1000)] = 0.0
    dims: Annotated[int, Range(32, 4096)] = 384
    layers: Annotated[int, Range(1, 64)] = 4
    detach: bool = True

    def __post_init__(self) -> None:
        if self.dims % 32:
            raise ConfigError(f"dims: {self.dims}; expected a multiple of 32")


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes:
        epochs_iters: Epochs, under PaddleX's name.
        batch_size: Images of a micro-batch.
        learning_rate: Highest learning rate; by default 1e-3, or 5e-4 with pretrained weights.
        pretrain_weight_path: Model to fine-tune.
        extra_datasets: Folders or label files whose training lines are added.
        replay: Folders or label files with old lines, replayed to prevent forgetting.
        replay_ratio: Share of replayed lines in an epoch.
        freeze: Parts of the network to freeze, such as ``stem`` or ``blocks.0``.
        resume_path: Folder ``latest`` of the training to resume.
        log_interval: Steps between lines of the log.
        eval_interval: Epochs between evaluations.
        save_interval: Epochs between the folders ``epoch_N``.
        overwrite: Overwrite an existing training run.
        preflight: Checks before the first epoch: ``off``, ``basic``, or ``overfit``, which also trains a copy on
            one batch.
        max_minutes: Time limit of the training with its evaluations; the schedule ends with it.
        max_pixels: Most padded pixels of a batch of more than 8 lines.
        optimizer: Optimizer.
        momentum: Momentum of SGD.
        schedule: Schedule of the learning rate.
        warmup_steps: Updates of the warm-up; by default 5 % of the training, or 30 % with ``one_cycle``.
        processes: Processes on the CPU. On GPUs there is one per device of ``Global.device``; torchrun sets its own
            number.
        timeout_minutes: Longest time that processes wait for each other.
        accumulate: Micro-batches of an update; its loss is the mean over all their samples.
        patience: Evaluations without a better score before the training stops early.
        weight_decay: Weight decay.
        clip_norm: Norm that gradients are clipped to; 0 turns clipping off.
        ema_decay: Decay of the exponential moving average of the weights; 0 turns it off.
        tensorboard: Write curves to ``output/tensorboard``.
        focal_gamma: Reduces the weight of lines that are read well: 0 turns it off, PaddleOCR uses 2.
        precision: Precision of the computation.
        channels_last: Use the memory format channels_last, which is faster for convolutions.
        compile: Compile the network with torch.compile; meant for GPUs.
        sync_batch_norm: Compute batch statistics over all GPUs.
        skip_nonfinite: Skip an update whose loss or gradient is not finite, instead of stopping.
        save_steps: Updates between saves of ``latest`` within an epoch.
        save_minutes: Minutes between saves of ``latest`` within an epoch; None saves at the end of epochs only.
        augment: Strength of the augmentation of stored lines, 0 to 1.
        augment_rotation: Largest rotation in degrees; None derives it from ``augment``.
        augment_shift: Largest vertical shift as a fraction of the height; None derives it from ``augment``.
        augment_scale: Largest relative change of width and height; None derives it from ``augment``.
        concat: Share of stored lines to which another one is appended, after a space.
        flip_vertical: Share of lines mirrored top to bottom; not for letters, since b becomes p and W becomes M.
        workers: Threads that prepare batches; by default half of the cores, 1 to 4.
        ignore_checks: Codes of dataset errors that do not stop the training.
        guide: A second decoder, used in training only.
        synth: Training on lines that are rendered on the fly.
    """

    epochs_iters: Annotated[int, Range(1, 1_000_000)] = 20
    batch_size: BatchSize = 32
    learning_rate: Annotated[float, Range(above=0, most=100)] | None = None
    pretrain_weight_path: str | None = None
    extra_datasets: tuple[str, ...] = ()
    replay: tuple[str, ...] = ()
    replay_ratio: FractionInside = 0.25
    freeze: tuple[str, ...] = ()
    resume_path: str | None = None
    log_interval: Count = 20
    eval_interval: Count = 1
    save_interval: Count = 1
    overwrite: bool = False
    preflight: Annotated[str, Choice("off", "basic", "overfit")] = "basic"
    max_minutes: Minutes | None = None
    max_pixels: Annotated[int, Range(1, 100_000_000_000)] = 1_000_000
    optimizer: Annotated[str, Choice("adamw", "adam", "sgd", "adadelta")] = "adamw"
    momentum: FractionBelowOne = 0.9
    schedule: Annotated[str, Choice("cosine", "one_cycle", "constant")] = "cosine"
    warmup_steps: CountOrZero | None = None
    processes: Workers | None = None
    timeout_minutes: Minutes = 30.0
    accumulate: Annotated[int, Range(1, 10_000)] = 1
    patience: Count | None = None
    weight_decay: Annotated[float, Range(0, 100)] = 0.01
    clip_norm: Annotated[float, Range(0, 1_000_000)] = 5.0
    ema_decay: FractionBelowOne = 0.999
    tensorboard: bool = False
    focal_gamma: Annotated[float, Range(0, 100)] = 0.0
    precision: Annotated[str, Choice("auto", "fp32", "bf16", "fp16")] = "auto"
    channels_last: bool = True
    compile: bool = False
    sync_batch_norm: bool = False
    skip_nonfinite: bool = False
    save_steps: Count | None = None
    save_minutes: Annotated[float, Range(0, 1_000_000)] | None = 15.0
    augment: Fraction = 0.5
    augment_rotation: Annotated[float, Range(0, 45)] | None = None
    augment_shift: Annotated[float, Range(0, 0.5)] | None = None
    augment_scale: Annotated[float, Range(0, 1)] | None = None
    concat: Fraction = 0.0
    flip_vertical: Fraction = 0.0
    workers: WorkersOrNone | None = None
    ignore_checks: tuple[Annotated[str, Choice(*FINDING_CODES)], ...] = ()
    guide: GuideConfig = field(default_factory=GuideConfig)
    synth: SynthTrainConfig = field(default_factory=SynthTrainConfig)

    def __post_init__(self) -> None:
        if 0 < self.focal_gamma < 1:
            raise ConfigError(f"focal_gamma: {self.focal_gamma}; expected 0 (off) or at least 1")
        if not self.synth.enable:
            return

        if self.concat or self.flip_vertical:
            raise ConfigError(
                "concat and flip_vertical: not possible with Train.synth.enable; expected stored training lines",
                hint="rendered lines have Synth.max_length and Synth.strength",
            )
        if self.extra_datasets or self.replay:
            raise ConfigError(
                "extra_datasets and replay: not possible with Train.synth.enable; expected stored training lines",
                hint="write lines with `ocrx synth` and give that folder",
            )

    @property
    def rate(self) -> float:
        """Highest learning rate: the configured one, else 5e-4 with pretrained weights and 1e-3 without."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 5e-4 if self.pretrain_weight_path else 1e-3
