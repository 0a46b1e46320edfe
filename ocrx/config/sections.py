"""The sections of a configuration, but for ``Train``: PaddleX's names, typed, with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from ocrx.config.checks import at_least, choice
from ocrx.errors import ConfigError, ModelError
from ocrx.model_spec import ImageSpec

MODES = ("check_dataset", "train", "evaluate", "export", "predict")
DEFAULT_MODEL = "lcnetv4_tiny"
DATASET_TYPES = ("paddlex", "label", "csv", "tsv", "jsonl", "pairs", "lmdb")

# OmegaConf reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045


@dataclass(frozen=True)
class GlobalConfig:
    """What every mode needs."""

    model: str = DEFAULT_MODEL
    mode: str = "check_dataset"
    dataset_dir: str = ""
    device: str = "auto"
    output: str = "output"
    seed: int = 0
    threads: Optional[int] = None
    charset: Optional[str] = None  # a name or a file; default: dict.txt, else the training labels

    def __post_init__(self) -> None:
        choice("Global.mode", self.mode, MODES)
        at_least("Global.threads", self.threads, 1)


@dataclass(frozen=True)
class ModelConfig:
    """Which network; ``params`` are the fields of its own parameter class."""

    architecture: str = "lcnetv4"
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageConfig:
    """The fields of ``ImageSpec``."""

    height: int = 32
    order: str = "L"
    filter: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    pad: float = 0.0
    bucket: int = 32
    min_width: int = 32
    max_width: int = 2560
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.spec()

    def spec(self) -> ImageSpec:
        try:
            return ImageSpec(
                height=self.height,
                order=self.order,
                filter=self.filter,
                scale=self.scale,
                mean=tuple(self.mean),
                std=tuple(self.std),
                pad=self.pad,
                bucket=self.bucket,
                min_width=self.min_width,
                max_width=self.max_width,
                steps=tuple(self.steps),
            )
        except ModelError as error:
            raise ConfigError(error.message.replace("image: ", "Image: ")) from None


@dataclass(frozen=True)
class ConvertConfig:
    """Other formats in and out; ``src_dataset_type`` null means: as found."""

    enable: bool = False
    src_dataset_type: Optional[str] = None
    dst_dataset_type: str = "paddlex"
    output: Optional[str] = None  # default: for paddlex the dataset folder itself, else beside it

    def __post_init__(self) -> None:
        if self.src_dataset_type is not None:
            choice("CheckDataset.convert.src_dataset_type", self.src_dataset_type, DATASET_TYPES)
        choice("CheckDataset.convert.dst_dataset_type", self.dst_dataset_type, DATASET_TYPES)


@dataclass(frozen=True)
class SplitConfig:
    """A new division into train and val; the lists that were there are kept as ``.bak``."""

    enable: bool = False
    train_percent: Optional[int] = None
    val_percent: Optional[int] = None
    group: Optional[str] = None  # pattern over the image path; images whose match is equal stay together
    undo: bool = False  # put the .bak lists back

    def __post_init__(self) -> None:
        if not self.enable:
            return
        percents = (self.train_percent, self.val_percent)
        if None in percents or sum(p or 0 for p in percents) != 100 or not 0 < (self.train_percent or 0) < 100:
            raise ConfigError(
                f"CheckDataset.split: train_percent {percents[0]}, val_percent {percents[1]}; "
                "expected two numbers above 0 that add up to 100"
            )


@dataclass(frozen=True)
class CheckDatasetConfig:
    """``model``: rank the labels by how much this model disagrees with them."""

    convert: ConvertConfig = field(default_factory=ConvertConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    build_dict: bool = False
    fix: bool = False
    model: Optional[str] = None
    min_samples: int = 5  # fewer training labels than this that hold a character are warned of
    workers: Optional[int] = None  # processes that open images; default: one per processor for thousands of images

    def __post_init__(self) -> None:
        at_least("CheckDataset.min_samples", self.min_samples, 0)
        at_least("CheckDataset.workers", self.workers, 0)


@dataclass(frozen=True)
class SynthConfig:
    """What the synthetic lines say and look like. The four scenes are weights."""

    count: int = 1000  # how many lines `ocrx synth` writes
    val_percent: int = 10  # of these, for val.txt
    workers: Optional[int] = None  # processes; default: one for each processor
    charset: str = "western"  # names, joined with +, a .txt file with one character a line, or the characters
    languages: Optional[str] = None  # a folder of word lists (benchmarks/embed_words.py): texts in many languages
    corpus: Optional[str] = None  # a text file to take words from
    corpus_share: float = 0.5  # of the lines; all of them where the charset has no English letters
    word_lists: tuple[str, ...] = ("system",)  # files; system is the machine's own list, where there is one
    fonts: tuple[str, ...] = ()  # folders; system, and the default: what fontconfig finds
    min_length: int = 1
    max_length: int = 40
    receipt: float = 0.5
    document: float = 0.25
    screen: float = 0.15
    photo: float = 0.1
    strength: float = 1.0  # of all degradation, 0 to 1; 0 is clean black on white, unbent
    # How often colours are kept; at 0.15 in 3 % of receipts, 1 % of documents, 38 % of screens, 72 % of photographs.
    color: float = 0.15

    def __post_init__(self) -> None:
        for name in ("count", "workers", "min_length"):
            at_least(f"Synth.{name}", getattr(self, name), 1)
        if not 0 <= self.val_percent <= 100:
            raise ConfigError(f"Synth.val_percent: {self.val_percent}; expected 0 to 100")
        at_least("Synth.max_length", self.max_length, self.min_length)
        scenes = ("receipt", "document", "screen", "photo")
        for name in (*scenes, "strength", "color", "corpus_share"):
            at_least(f"Synth.{name}", getattr(self, name), 0)
        if self.strength > 1 or not any(getattr(self, name) for name in scenes):
            raise ConfigError("Synth: expected strength of at most 1, and a scene with a weight above 0")


@dataclass(frozen=True)
class EvaluateConfig:
    """``compare``: a second model that reads the same lines; ``wanted_precision``: of lines above the advised score."""

    weight_path: Optional[str] = None
    log_interval: int = 1
    batch_size: int = 32
    backend: str = "auto"
    compare: Optional[str] = None
    wanted_precision: float = 0.99
    worst: int = 20  # worst lines shown in the report
    ignore_case: bool = False  # differences of case are no errors
    calibrate: bool = False  # fit the confidence on these lines and write it into the model

    def __post_init__(self) -> None:
        at_least("Evaluate.batch_size", self.batch_size, 1)
        at_least("Evaluate.worst", self.worst, 0)
        if not 0 < self.wanted_precision < 1:
            raise ConfigError(f"Evaluate.wanted_precision: {self.wanted_precision}; expected between 0 and 1")


@dataclass(frozen=True)
class ExportConfig:
    """``max_loss``: accuracy that a reduced precision may cost before the export counts as failed."""

    weight_path: Optional[str] = None
    format: str = "onnx"
    precision: str = "fp32"
    max_loss: float = 0.01
    lines: int = 200  # lines of the dataset for the comparison and for calibration

    def __post_init__(self) -> None:
        choice("Export.format", self.format, ("onnx", "openvino", "torchscript"))
        choice("Export.precision", self.precision, ("fp32", "fp16", "bf16", "int8"))
        at_least("Export.lines", self.lines, 1)
        at_least("Export.max_loss", self.max_loss, 0)


@dataclass(frozen=True)
class KernelOption:
    """PaddleX's run mode; ``paddle`` is its default and means ocrx's own default back end."""

    run_mode: str = "paddle"


@dataclass(frozen=True)
class PredictConfig:
    batch_size: Optional[int] = None  # default: 16, with use_hpip as tuned
    model_dir: Optional[str] = None
    input: Optional[str] = None
    backend: str = "auto"
    precision: Optional[str] = None  # default: fp32; another: of a file that `ocrx export` made
    use_hpip: bool = False  # back end, precision, threads and batch size as `ocrx benchmark --tune` found them fastest
    kernel_option: KernelOption = field(default_factory=KernelOption)
    split_lines: bool = False  # cut clean, upright pages into lines
    min_score: float = 0.0  # lines below are left out, and counted
    save_dir: Optional[str] = None  # a JSON file and a picture of each line

    def __post_init__(self) -> None:
        at_least("Predict.batch_size", self.batch_size, 1)
        at_least("Predict.min_score", self.min_score, 0)


@dataclass(frozen=True)
class BenchmarkConfig:
    """What `ocrx benchmark` measures; lists left empty mean all that is installed, or what suits this machine."""

    backends: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp32",)
    threads: tuple[int, ...] = ()
    batch_sizes: tuple[int, ...] = (1, 8)
    lines: int = 200  # lines read in each measurement
    seconds: float = 2.0  # least duration of each measurement
    tune: bool = False  # note the fastest choice, beside the model or for an embedded one in the cache folder
    max_changed: float = 0.005  # share of texts that a reduced precision may change to be chosen

    def __post_init__(self) -> None:
        at_least("Benchmark.lines", self.lines, 1)
        at_least("Benchmark.seconds", self.seconds, 0)
        for number in (*self.threads, *self.batch_sizes):
            at_least("Benchmark.threads and Benchmark.batch_sizes", number, 1)
