"""The section ``Train``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ocrx.config.checks import at_least, choice
from ocrx.errors import ConfigError
from ocrx.results import FINDING_CODES

# OmegaConf reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045


@dataclass(frozen=True)
class SynthTrainConfig:
    """Training lines rendered on the fly by the ``Synth`` section."""

    enable: bool = False
    lines_per_epoch: int = 20000

    def __post_init__(self) -> None:
        at_least("Train.synth.lines_per_epoch", self.lines_per_epoch, 64)


@dataclass(frozen=True)
class GuideConfig:
    """A second reader of the backbone's features while training, dropped afterwards: PP-OCR's NRTR. Weight 0: none."""

    weight: float = 0.0  # of its loss, beside CTC's
    dims: int = 384
    layers: int = 4
    detach: bool = True  # CTC then trains neck and head alone, and the backbone learns from the guide

    def __post_init__(self) -> None:
        at_least("Train.guide.weight", self.weight, 0)
        at_least("Train.guide.layers", self.layers, 1)
        if self.dims < 32 or self.dims % 32:
            raise ConfigError(f"Train.guide.dims: {self.dims}; expected a multiple of 32")


@dataclass(frozen=True)
class TrainConfig:
    """How to train. ``epochs_iters`` counts epochs, as in PaddleX."""

    epochs_iters: int = 20
    batch_size: int = 32
    learning_rate: Optional[float] = None  # default: 1e-3 from nothing, half of it from a start
    pretrain_weight_path: Optional[str] = None
    extra_datasets: tuple[str, ...] = ()  # folders or lists whose training lines are added
    replay: tuple[str, ...] = ()  # folders or lists of old lines, against forgetting
    replay_ratio: float = 0.25  # share of each epoch's lines that is drawn from them
    freeze: tuple[str, ...] = ()  # parts of the network that are not trained, e.g. stem, blocks.0
    resume_path: Optional[str] = None
    log_interval: int = 20
    eval_interval: int = 1
    save_interval: int = 1
    overwrite: bool = False
    preflight: str = (
        "basic"  # checks before the first epoch: off, basic, or overfit, which also trains a copy on a batch
    )
    max_minutes: Optional[float] = None  # bounds the training with its evaluations; the schedule ends with it
    max_pixels: int = 1_000_000  # most padded pixels of a batch of more than 8 lines
    optimizer: str = "adamw"  # adamw, adam, sgd or adadelta
    momentum: float = 0.9  # of sgd
    schedule: str = "cosine"  # cosine, one_cycle or constant
    warmup_steps: Optional[int] = None  # default: 5 % of the training, 30 % with one_cycle
    processes: Optional[int] = None  # on CPU; on GPUs one for each that Global.device names; torchrun says it itself
    timeout_minutes: float = 30.0  # a process that keeps the others waiting for longer ends the training
    accumulate: int = 1  # micro-batches of an update; its loss is the mean over all their samples
    patience: Optional[int] = None  # evaluations without a better score before the training stops early
    weight_decay: float = 0.01
    clip_norm: float = 5.0
    ema_decay: float = 0.999
    tensorboard: bool = False  # curves in output/tensorboard
    focal_gamma: float = 0.0  # lines that are read well count less; 0 is off, PaddleOCR has 2
    precision: str = "auto"
    channels_last: bool = True
    compile: bool = False  # torch.compile: for GPUs; on CPU no gain was seen, and each new width took a minute
    sync_batch_norm: bool = False  # batch statistics over all GPUs instead of each one's micro-batch
    skip_nonfinite: bool = False  # leave an update out when loss or gradient is not finite, instead of stopping
    save_steps: Optional[int] = None  # updates after which latest/ is saved inside an epoch
    save_minutes: Optional[float] = 15.0  # the same by time; null: at the end of epochs only
    augment: float = 0.5  # strength of the augmentation of stored lines, 0 to 1
    concat: float = 0.0  # share of stored lines that get another one behind them, after a space
    flip_vertical: float = 0.0  # share mirrored top to bottom; off: it makes other letters (b of p, W of M)
    workers: Optional[int] = None  # threads that prepare batches; default: half of the cores, 1 to 4
    ignore_checks: tuple[str, ...] = ()  # codes of dataset errors that do not stop the training
    guide: GuideConfig = field(default_factory=GuideConfig)
    synth: SynthTrainConfig = field(default_factory=SynthTrainConfig)

    def __post_init__(self) -> None:
        for code in self.ignore_checks:
            choice("Train.ignore_checks", code, FINDING_CODES)
        if self.preflight == "False":  # YAML reads off as a boolean
            object.__setattr__(self, "preflight", "off")
        choice("Train.preflight", self.preflight, ("off", "basic", "overfit"))
        choice("Train.precision", self.precision, ("auto", "fp32", "bf16", "fp16"))
        choice("Train.optimizer", self.optimizer, ("adamw", "adam", "sgd", "adadelta"))
        choice("Train.schedule", self.schedule, ("cosine", "one_cycle", "constant"))
        for name in ("processes", "accumulate", "patience", "save_steps"):
            at_least(f"Train.{name}", getattr(self, name), 1)
        at_least("Train.save_minutes", self.save_minutes, 0)
        if self.timeout_minutes <= 0:
            raise ConfigError(f"Train.timeout_minutes: {self.timeout_minutes}; expected more than 0")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"Train.momentum: {self.momentum}; expected 0 up to below 1")
        if self.focal_gamma and self.focal_gamma < 1:
            raise ConfigError(f"Train.focal_gamma: {self.focal_gamma}; expected 0 (off) or at least 1")
        for name in ("epochs_iters", "batch_size", "log_interval", "eval_interval", "save_interval", "max_pixels"):
            at_least(f"Train.{name}", getattr(self, name), 1)
        for name in ("warmup_steps", "weight_decay", "clip_norm", "workers"):
            at_least(f"Train.{name}", getattr(self, name), 0)
        if self.rate <= 0 or (self.max_minutes is not None and self.max_minutes <= 0):
            raise ConfigError("Train.learning_rate and Train.max_minutes: expected more than 0")
        for name in ("augment", "concat", "flip_vertical"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"Train.{name}: {getattr(self, name)}; expected 0 (off) to 1")
        if not 0 < self.replay_ratio < 1:
            raise ConfigError(f"Train.replay_ratio: {self.replay_ratio}; expected between 0 and 1")
        if self.synth.enable and (self.concat or self.flip_vertical):
            raise ConfigError(
                "Train.concat and Train.flip_vertical: expected stored training lines, but Train.synth.enable is set",
                hint="rendered lines have Synth.max_length and Synth.strength",
            )
        if self.synth.enable and (self.extra_datasets or self.replay):
            raise ConfigError(
                "Train.extra_datasets and Train.replay: expected stored training lines, but Train.synth.enable is set",
                hint="write lines with `ocrx synth` and give that folder",
            )
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"Train.ema_decay: {self.ema_decay}; expected 0 (off) up to below 1")

    @property
    def rate(self) -> float:
        """The highest learning rate: the given one, else what suits the start."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 5e-4 if self.pretrain_weight_path else 1e-3
