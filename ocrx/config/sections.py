"""The sections of a configuration other than ``Train`` and ``Decode``: PaddleX's names, typed, with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from ocrx.config.ranges import BatchSize, Count, CountOrZero, Fraction, FractionInside, Weight, Workers, WorkersOrNone
from ocrx.errors import ConfigError
from ocrx.schema import Choice, Range

MODES = ("check_dataset", "train", "evaluate", "export", "predict")
DEFAULT_MODEL = "lcnetv4_tiny"
DATASET_TYPES = ("paddlex", "label", "csv", "tsv", "jsonl", "pairs", "lmdb")
PAGE_TYPES = ("page", "alto", "labelstudio", "ppocrlabel")
"""Formats of annotated pages, whose lines are cut out in the conversion."""


@dataclass(frozen=True)
class GlobalConfig:
    """Settings of all modes.

    Attributes:
        model: Name of the recipe whose settings are the defaults.
        mode: What ``ocrx run`` does.
        dataset_dir: Folder of the dataset.
        device: ``auto``, ``cpu``, ``gpu``, ``gpu:0`` or several GPUs such as ``gpu:0,1``.
        output: Folder for results.
        seed: Seed of all random numbers.
        threads: Threads of a network; by default one per core.
        charset: A named charset or a file with one character per line; by default ``dict.txt`` of the dataset, else
            the characters of the training labels.
    """

    model: str = DEFAULT_MODEL
    mode: Annotated[str, Choice(*MODES)] = "check_dataset"
    dataset_dir: str = ""
    device: str = "auto"
    output: str = "output"
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0
    threads: Workers | None = None
    charset: str | None = None


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        architecture: Name of the architecture.
        params: Parameters of the architecture, see ``ocrx.models.architectures``.
    """

    architecture: str = "lcnetv4"
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConvertConfig:
    """Conversion between dataset formats.

    Attributes:
        enable: Convert the dataset.
        src_dataset_type: Input format; by default it is detected.
        dst_dataset_type: Output format.
        output: Folder to write to; by default the dataset folder for ``paddlex``, else a folder beside it.
    """

    enable: bool = False
    src_dataset_type: Annotated[str, Choice(*DATASET_TYPES, *PAGE_TYPES)] | None = None
    dst_dataset_type: Annotated[str, Choice(*DATASET_TYPES)] = "paddlex"
    output: str | None = None


@dataclass(frozen=True)
class SplitConfig:
    """A new split into training and validation lines; the old lists are kept as ``.bak``.

    Attributes:
        enable: Split.
        train_percent: Percentage of the lines for training.
        val_percent: Percentage for validation; the two add up to 100.
        group: Regular expression over the image path; images with the same match stay together.
        undo: Restore the lists from the ``.bak`` files.
    """

    enable: bool = False
    train_percent: int | None = None
    val_percent: int | None = None
    group: str | None = None
    undo: bool = False

    def __post_init__(self) -> None:
        if not self.enable:
            return
        train, val = self.train_percent, self.val_percent
        if train is None or val is None or train + val != 100 or not 0 < train < 100:
            raise ConfigError(
                f"train_percent and val_percent: {train} and {val}; expected two numbers above 0 that add up to 100"
            )


@dataclass(frozen=True)
class CheckDatasetConfig:
    """Checks of a dataset.

    Attributes:
        convert: Conversion between formats.
        split: Split into training and validation lines.
        build_dict: Write ``dict.txt`` with the characters of the training labels.
        fix: Apply the fixes that cannot change a label's meaning.
        model: Model that ranks the labels by how likely they are wrong.
        write_back: Folder of annotated pages that the lines were cut from; corrected texts are written back to it.
        min_samples: Characters in fewer training labels than this give a warning.
        workers: Processes that open images; by default one per core for thousands of images.
    """

    convert: ConvertConfig = field(default_factory=ConvertConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    build_dict: bool = False
    fix: bool = False
    model: str | None = None
    write_back: str | None = None
    min_samples: CountOrZero = 5
    workers: WorkersOrNone | None = None


@dataclass(frozen=True)
class SynthConfig:
    """Synthetic lines: their texts and their appearance.

    Attributes:
        count: Lines that ``ocrx synth`` writes.
        val_percent: Percentage of them for ``val.txt``.
        workers: Processes; by default one per core.
        charset: Named charsets joined with ``+``, a ``.txt`` file with one character per line, or the characters.
        languages: Folder of word lists (``benchmarks/embed_words.py``) for texts in many languages.
        corpus: Text file to take words from.
        corpus_share: Share of lines whose text comes from the corpus; all lines if the charset has no English letters.
        word_lists: Files with words; ``system`` is the system's word list, if there is one.
        fonts: Folders with fonts; ``system``, the default, means the fonts that fontconfig finds.
        min_length: Minimum number of characters in a line.
        max_length: Maximum number of characters in a line.
        receipt: Weight of the scene "receipt".
        document: Weight of the scene "document".
        screen: Weight of the scene "screen".
        photo: Weight of the scene "photo".
        strength: Strength of all degradation, 0 to 1; 0 is clean black on white without distortion.
        color: How often colours are kept, 0 to 1. At 0.15 these are 3 % of receipts, 1 % of documents, 38 % of
            screens and 72 % of photos.
    """

    count: Count = 1000
    val_percent: Annotated[int, Range(0, 100)] = 10
    workers: Workers | None = None
    charset: str = "western"
    languages: str | None = None
    corpus: str | None = None
    corpus_share: Fraction = 0.5
    word_lists: tuple[str, ...] = ("system",)
    fonts: tuple[str, ...] = ()
    min_length: Annotated[int, Range(1, 10_000)] = 1
    max_length: Annotated[int, Range(1, 10_000)] = 40
    receipt: Weight = 0.5
    document: Weight = 0.25
    screen: Weight = 0.15
    photo: Weight = 0.1
    strength: Fraction = 1.0
    color: Fraction = 0.15

    def __post_init__(self) -> None:
        if self.max_length < self.min_length:
            raise ConfigError(f"max_length: {self.max_length}; expected at least min_length ({self.min_length})")
        if not any((self.receipt, self.document, self.screen, self.photo)):
            raise ConfigError("receipt, document, screen and photo: all 0; expected a scene with a weight above 0")


@dataclass(frozen=True)
class EvaluateConfig:
    """Evaluation of a model.

    Attributes:
        weight_path: The model; by default the best one of the last training.
        log_interval: Accepted for compatibility with PaddleX; results are reported once, at the end.
        batch_size: Images per batch.
        backend: ``auto``, ``torch``, ``onnx``, ``openvino`` or ``torchscript``.
        compare: A second model to evaluate on the same lines.
        wanted_precision: Accuracy of the lines above the score threshold that the report suggests.
        worst: Number of lines with the most errors to show in the report.
        ignore_case: Ignore differences of case.
        calibrate: Fit the confidence on these lines and write it into the model.
    """

    weight_path: str | None = None
    log_interval: Count = 1
    batch_size: BatchSize = 32
    backend: str = "auto"
    compare: str | None = None
    wanted_precision: FractionInside = 0.99
    worst: Annotated[int, Range(0, 100_000)] = 20
    ignore_case: bool = False
    calibrate: bool = False


@dataclass(frozen=True)
class ExportConfig:
    """Export to another format or precision.

    Attributes:
        weight_path: The model; by default the best one of the last training.
        format: Format of the exported model.
        precision: Precision of its weights.
        max_loss: Largest accepted drop of accuracy in reduced precision; 0.01 is one percentage point.
        lines: Lines of the dataset to compare accuracy on and to calibrate int8 with.
    """

    weight_path: str | None = None
    format: Annotated[str, Choice("onnx", "openvino", "torchscript", "rapidocr", "paddlex")] = "onnx"
    precision: Annotated[str, Choice("fp32", "fp16", "bf16", "int8")] = "fp32"
    max_loss: Fraction = 0.01
    lines: Count = 200


@dataclass(frozen=True)
class KernelOption:
    """PaddleX's choice of an inference engine.

    Attributes:
        run_mode: ``paddle``, PaddleX's default, means the default back end.
    """

    run_mode: str = "paddle"

    def __post_init__(self) -> None:
        if self.run_mode != "paddle":
            raise ConfigError(
                f"run_mode: {self.run_mode!r}; expected paddle, the only mode that ocrx knows",
                hint="choose the engine with Predict.backend and its precision with Predict.precision",
            )


@dataclass(frozen=True)
class PredictConfig:
    """Reading images.

    Attributes:
        batch_size: Images per batch; by default 16, or the tuned value with ``use_hpip``.
        model_dir: The model; by default the embedded one.
        lang: Language of the text, instead of ``model_dir``; ``auto`` detects the script of each line.
        input: Image, folder, PDF or URL.
        backend: ``auto``, ``torch``, ``onnx``, ``openvino`` or ``torchscript``.
        precision: By default fp32; others need a file from ``ocrx export``.
        use_hpip: Use the back end, precision, threads and batch size that ``ocrx benchmark --tune`` found fastest.
        kernel_option: PaddleX's choice of an inference engine.
        lines: ``one``: an image is a line; ``split``: a clean, upright page is cut into lines; ``detect``: the lines of
            any page are found (extra ``page``).
        orientation: ``auto`` turns lines that are upside down (extra ``page``), ``none`` reads them unchanged; by
            default ``auto`` with ``lines: detect``, else ``none``.
        split_lines: Former name of ``lines: split``.
        min_score: Lines with a lower score are omitted and counted.
        save_dir: Folder for a JSON file and a picture of each line.
    """

    batch_size: BatchSize | None = None
    model_dir: str | None = None
    lang: str | None = None
    input: str | None = None
    backend: str = "auto"
    precision: str | None = None
    use_hpip: bool = False
    kernel_option: KernelOption = field(default_factory=KernelOption)
    lines: Annotated[str, Choice("one", "split", "detect")] = "one"
    orientation: Annotated[str, Choice("none", "auto")] | None = None
    split_lines: bool = False
    min_score: Fraction = 0.0
    save_dir: str | None = None


@dataclass(frozen=True)
class BenchmarkConfig:
    """Measurements of ``ocrx benchmark``; empty lists mean all installed back ends, or defaults for this machine.

    Attributes:
        backends: Back ends.
        precisions: Precisions.
        threads: Numbers of threads.
        batch_sizes: Batch sizes.
        lines: Lines per measurement.
        seconds: Shortest duration of a measurement in seconds.
        tune: Store the fastest settings beside the model, or in the cache folder for an embedded one.
        max_loss: Largest share of exact lines that a reduced precision may lose to be chosen.
        max_changed: Largest share of the texts that it may change, where their true texts are not known.
    """

    backends: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp32",)
    threads: tuple[Workers, ...] = ()
    batch_sizes: tuple[BatchSize, ...] = (1, 8)
    lines: Count = 200
    seconds: Annotated[float, Range(0, 86_400)] = 2.0
    tune: bool = False
    max_loss: Fraction = 0.003
    max_changed: Fraction = 0.005
