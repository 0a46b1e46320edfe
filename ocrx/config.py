"""Every setting of ocrx: PaddleX's sections and field names, typed, with what PaddleX hides added.

Order: defaults here ← the recipe that ``Global.model`` names ← the YAML file ← ``-o Section.key=value``.
A key that does not exist, a value of the wrong type and an unknown recipe are errors; nothing is ignored.
The only module that imports omegaconf, inside the functions that read
files and overrides: `ocrx predict` without either starts faster.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ocrx.errors import ConfigError, ModelError
from ocrx.spec import ImageSpec

if TYPE_CHECKING:
    from omegaconf import DictConfig

MODES = ("check_dataset", "train", "evaluate", "export", "predict")
DEFAULT_MODEL = "lcnetv4_tiny"
DATASET_TYPES = ("paddlex", "label", "csv", "tsv", "jsonl", "pairs", "lmdb")

# OmegaConf reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045


def _choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ConfigError(f"{key}: {value!r}; expected one of {', '.join(choices)}", hint=_closest(value, choices))


def _at_least(key: str, value: float | None, least: float) -> None:
    if value is not None and value < least:
        raise ConfigError(f"{key}: {value}; expected at least {least}")


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
        _choice("Global.mode", self.mode, MODES)
        _at_least("Global.threads", self.threads, 1)


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
            _choice("CheckDataset.convert.src_dataset_type", self.src_dataset_type, DATASET_TYPES)
        _choice("CheckDataset.convert.dst_dataset_type", self.dst_dataset_type, DATASET_TYPES)


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
        _at_least("CheckDataset.min_samples", self.min_samples, 0)
        _at_least("CheckDataset.workers", self.workers, 0)


@dataclass(frozen=True)
class SynthTrainConfig:
    """Training lines rendered on the fly by the ``Synth`` section."""

    enable: bool = False
    lines_per_epoch: int = 20000

    def __post_init__(self) -> None:
        _at_least("Train.synth.lines_per_epoch", self.lines_per_epoch, 64)


@dataclass(frozen=True)
class GuideConfig:
    """A second reader of the backbone's features while training, dropped afterwards: PP-OCR's NRTR. Weight 0: none."""

    weight: float = 0.0  # of its loss, beside CTC's
    dims: int = 384
    layers: int = 4
    detach: bool = True  # CTC then trains neck and head alone, and the backbone learns from the guide

    def __post_init__(self) -> None:
        _at_least("Train.guide.weight", self.weight, 0)
        _at_least("Train.guide.layers", self.layers, 1)
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
    max_minutes: Optional[float] = None  # bounds the whole training; the schedule ends with it
    max_pixels: int = 1_000_000  # most padded pixels of a batch; wide lines then come in smaller batches
    optimizer: str = "adamw"  # adamw, adam, sgd or adadelta
    momentum: float = 0.9  # of sgd
    schedule: str = "cosine"  # cosine, one_cycle or constant
    warmup_steps: Optional[int] = None  # default: 5 % of the training, 30 % with one_cycle
    processes: Optional[int] = None  # on CPU; on GPUs one for each that Global.device names; torchrun says it itself
    timeout_minutes: float = 30.0  # a process that keeps the others waiting for longer ends the training
    accumulate: int = 1  # part-batches of an update; its loss is the mean over all their samples
    patience: Optional[int] = None  # evaluations without a better score before the training stops early
    weight_decay: float = 0.01
    clip_norm: float = 5.0
    ema_decay: float = 0.999
    tensorboard: bool = False  # curves in output/tensorboard
    focal_gamma: float = 0.0  # lines that are read well count less; 0 is off, PaddleOCR has 2
    precision: str = "auto"
    channels_last: bool = True
    compile: bool = False  # torch.compile: for GPUs; on CPU no gain was seen, and each new width took a minute
    sync_batch_norm: bool = False  # batch statistics over all GPUs instead of each one's part-batch
    skip_nonfinite: bool = False  # leave an update out when loss or gradient is not finite, instead of stopping
    save_steps: Optional[int] = None  # updates after which latest/ is saved inside an epoch
    save_minutes: Optional[float] = 15.0  # the same by time; null: at the end of epochs only
    augment: float = 0.5  # strength of the augmentation of stored lines, 0 to 1
    concat: float = 0.0  # share of stored lines that get another one behind them, after a space
    flip_vertical: float = 0.0  # share mirrored top to bottom; off: it makes other letters (b of p, W of M)
    workers: Optional[int] = None  # default: one, or none on a single core
    allow: tuple[str, ...] = ()  # codes of dataset errors to train in spite of
    guide: GuideConfig = field(default_factory=GuideConfig)
    synth: SynthTrainConfig = field(default_factory=SynthTrainConfig)

    def __post_init__(self) -> None:
        if self.preflight == "False":  # YAML reads off as a boolean
            object.__setattr__(self, "preflight", "off")
        _choice("Train.preflight", self.preflight, ("off", "basic", "overfit"))
        _choice("Train.precision", self.precision, ("auto", "fp32", "bf16", "fp16"))
        _choice("Train.optimizer", self.optimizer, ("adamw", "adam", "sgd", "adadelta"))
        _choice("Train.schedule", self.schedule, ("cosine", "one_cycle", "constant"))
        for name in ("processes", "accumulate", "patience", "save_steps"):
            _at_least(f"Train.{name}", getattr(self, name), 1)
        _at_least("Train.save_minutes", self.save_minutes, 0)
        if self.timeout_minutes <= 0:
            raise ConfigError(f"Train.timeout_minutes: {self.timeout_minutes}; expected more than 0")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"Train.momentum: {self.momentum}; expected 0 up to below 1")
        if self.focal_gamma and self.focal_gamma < 1:
            raise ConfigError(f"Train.focal_gamma: {self.focal_gamma}; expected 0 (off) or at least 1")
        for name in ("epochs_iters", "batch_size", "log_interval", "eval_interval", "save_interval", "max_pixels"):
            _at_least(f"Train.{name}", getattr(self, name), 1)
        for name in ("warmup_steps", "weight_decay", "clip_norm", "workers"):
            _at_least(f"Train.{name}", getattr(self, name), 0)
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


@dataclass(frozen=True)
class SynthConfig:
    """What the synthetic lines say and look like. The four scenes are weights."""

    count: int = 1000  # how many lines `ocrx synth` writes
    val_percent: int = 10  # of these, for val.txt
    workers: Optional[int] = None  # processes; default: one for each processor
    charset: str = "western"  # western, ascii, digits, a .txt file with one character a line, or the characters
    corpus: Optional[str] = None  # a text file to take words from
    corpus_share: float = 0.5  # of the lines; all of them where the charset has no English letters
    word_lists: tuple[str, ...] = ("system",)  # files; system is the machine's own list, where there is one
    fonts: tuple[str, ...] = ()  # folders; default: what fontconfig finds
    min_length: int = 1
    max_length: int = 40
    receipt: float = 0.5
    document: float = 0.25
    screen: float = 0.15
    photo: float = 0.1
    strength: float = 1.0  # of all degradation, 0 to 1; 0 is clean black on white, unbent
    color: float = 0.15  # share of coloured lines on paper; three times that on screens and photographs

    def __post_init__(self) -> None:
        for name in ("count", "workers", "min_length"):
            _at_least(f"Synth.{name}", getattr(self, name), 1)
        if not 0 <= self.val_percent <= 100:
            raise ConfigError(f"Synth.val_percent: {self.val_percent}; expected 0 to 100")
        _at_least("Synth.max_length", self.max_length, self.min_length)
        scenes = ("receipt", "document", "screen", "photo")
        for name in (*scenes, "strength", "color", "corpus_share"):
            _at_least(f"Synth.{name}", getattr(self, name), 0)
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

    def __post_init__(self) -> None:
        _at_least("Evaluate.batch_size", self.batch_size, 1)
        _at_least("Evaluate.worst", self.worst, 0)
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
        _choice("Export.format", self.format, ("onnx", "openvino", "torchscript"))
        _choice("Export.precision", self.precision, ("fp32", "fp16", "bf16", "int8"))
        _at_least("Export.lines", self.lines, 1)
        _at_least("Export.max_loss", self.max_loss, 0)


@dataclass(frozen=True)
class KernelOption:
    """PaddleX's run mode; ``paddle`` is its default and means ocrx's own default back end."""

    run_mode: str = "paddle"


@dataclass(frozen=True)
class PredictConfig:
    batch_size: int = 16
    model_dir: Optional[str] = None
    input: Optional[str] = None
    backend: str = "auto"
    precision: str = "fp32"  # other than fp32: of a file that `ocrx export` made
    use_hpip: bool = False  # back end, precision, threads and batch size as `ocrx benchmark --tune` found them fastest
    kernel_option: KernelOption = field(default_factory=KernelOption)
    split_lines: bool = False  # cut clean, upright pages into lines
    min_score: float = 0.0  # lines below are left out, and counted
    save_dir: Optional[str] = None  # a JSON file and a picture of each line

    def __post_init__(self) -> None:
        _at_least("Predict.batch_size", self.batch_size, 1)
        _at_least("Predict.min_score", self.min_score, 0)


@dataclass(frozen=True)
class BenchmarkConfig:
    """What `ocrx benchmark` measures; lists left empty mean all that is installed, or what suits this machine."""

    backends: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp32",)
    threads: tuple[int, ...] = ()
    batch_sizes: tuple[int, ...] = (1, 8)
    lines: int = 200  # lines read in each measurement
    seconds: float = 2.0  # least duration of each measurement
    tune: bool = False  # write the fastest choice beside the model
    max_changed: float = 0.005  # share of texts that a reduced precision may change to be chosen

    def __post_init__(self) -> None:
        _at_least("Benchmark.lines", self.lines, 1)
        _at_least("Benchmark.seconds", self.seconds, 0)
        for number in (*self.threads, *self.batch_sizes):
            _at_least("Benchmark.threads and Benchmark.batch_sizes", number, 1)


@dataclass(frozen=True)
class DecodeConfig:
    """What predict and evaluate know about the text beforehand; nothing set: the most probable path."""

    pattern: Optional[str] = None  # regular expression that the whole line matches
    lexicon: Optional[str] = None  # file with one possible line a line
    lexicon_margin: Optional[float] = None  # nats by which the free reading must win to be kept; none: never
    allow: Optional[str] = None  # characters that may appear, all others may not
    deny: Optional[str] = None  # characters that may not appear
    lm: Optional[str] = None  # language model, made by `ocrx lm build`
    lm_weight: Optional[float] = None  # default: as tuned, else 0.5
    lm_bonus: Optional[float] = None  # nats for each character; default: as tuned, else 0.5
    beam: Optional[int] = None  # texts kept at once; default: 10 where a search is needed

    def __post_init__(self) -> None:
        _at_least("Decode.beam", self.beam, 1)
        _at_least("Decode.lexicon_margin", self.lexicon_margin, 0)


@dataclass(frozen=True)
class Config:
    """All sections; the names are PaddleX's."""

    Global: GlobalConfig = field(default_factory=GlobalConfig)
    Model: ModelConfig = field(default_factory=ModelConfig)
    Image: ImageConfig = field(default_factory=ImageConfig)
    CheckDataset: CheckDatasetConfig = field(default_factory=CheckDatasetConfig)
    Train: TrainConfig = field(default_factory=TrainConfig)
    Evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    Export: ExportConfig = field(default_factory=ExportConfig)
    Predict: PredictConfig = field(default_factory=PredictConfig)
    Benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    Synth: SynthConfig = field(default_factory=SynthConfig)
    Decode: DecodeConfig = field(default_factory=DecodeConfig)


def load_config(
    source: str | None = None, overrides: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> Config:
    """Build the configuration of a run.

    ``source`` is a YAML file or a recipe's name; ``overrides`` are ``Section.key=value`` with YAML values;
    ``options`` maps ``Section.key`` to plain values and comes last (None: not given).
    Raises ConfigError that names the key, what was expected, and the closest existing key.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    schema = OmegaConf.structured(Config)
    layers = [_from_file(find_config(source))] if source else []
    layers += [_from_overrides(overrides), _from_options(options or {})]
    for layer in layers:
        _refuse_unknown(layer, schema, "")
    model = DEFAULT_MODEL
    for layer in layers:
        model = str((layer.get("Global") or {}).get("model") or model)
    recipe = recipe_path(model)
    if recipe is None:
        names = recipe_names()
        raise ConfigError(
            f"Global.model: no recipe named {model!r}", hint=_closest(model, names) or "see `ocrx models`"
        )
    layers.insert(0, _from_file(recipe))
    _halve_rate(layers, recipes=2 if source and find_config(source).parent == recipes_dir() else 1)
    try:
        merged = OmegaConf.merge(schema, *layers, {"Global": {"model": model}})
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "config"
        raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from None
    assert isinstance(config, Config)  # for the type checker; the schema makes it so
    return config


def _halve_rate(layers: Sequence[dict[str, Any]], recipes: int) -> None:
    """A recipe's learning rate is for the start that the recipe names; from another model half of it is enough.

    The first ``recipes`` layers are recipes.
    """
    own = [layer.get("Train") or {} for layer in layers]
    starts = [train["pretrain_weight_path"] for train in own if "pretrain_weight_path" in train]
    if starts and starts[-1]:
        for train in own[:recipes]:
            if "learning_rate" in train and not train.get("pretrain_weight_path"):
                train["learning_rate"] /= 2


def from_options(options: Mapping[str, object]) -> Config:
    """Defaults and ``options`` as of ``load_config``, without any recipe: enough for a mode that builds no network."""
    config = Config()
    for dotted, value in options.items():
        if value is not None:
            section, key = dotted.split(".")
            config = replace(config, **{section: replace(getattr(config, section), **{key: value})})
    return config


def find_config(source: str) -> Path:
    """A YAML file, or the recipe of that name."""
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or path.exists():
        if not path.is_file():
            raise ConfigError(f"{source}: no such config file")
        return path
    recipe = recipe_path(source)
    if recipe is None:
        raise ConfigError(f"{source}: neither a file nor a recipe", hint=_closest(source, recipe_names()))
    return recipe


def recipes_dir() -> Path:
    """Where the recipes lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in recipes_dir().glob("*.yaml"))


def recipe_path(name: str) -> Path | None:
    path = recipes_dir() / f"{name}.yaml"
    return path if path.is_file() and "/" not in name else None


def to_yaml(config: Config) -> str:
    """The whole configuration as YAML; ``load_config`` reads it back to an equal value."""
    from omegaconf import OmegaConf

    text: str = OmegaConf.to_yaml(OmegaConf.structured(config))
    return text


def _from_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML ({getattr(error, 'problem', error)})") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected sections such as Global and Train, found {type(tree).__name__}")
    return tree


def _from_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for item in overrides:
        key, equals, _ = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"-o {item}: expected Section.key=value")
    try:
        tree = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)))
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"-o {' '.join(overrides)}: {str(error).splitlines()[0]}") from None
    assert isinstance(tree, dict)  # a dot list always gives a mapping
    return {str(key): value for key, value in tree.items()}


def _from_options(options: Mapping[str, object]) -> dict[str, Any]:
    """Values of the command line as they are: a folder may be called ``on`` or ``a=b``."""
    tree: dict[str, Any] = {}
    for dotted, value in options.items():
        if value is not None:
            *sections, key = dotted.split(".")
            node = tree
            for section in sections:
                node = node.setdefault(section, {})
            node[key] = value
    return tree


def _refuse_unknown(tree: Mapping[Any, Any], schema: DictConfig, prefix: str) -> None:
    from omegaconf import DictConfig, OmegaConf

    for key, value in tree.items():
        if str(key) not in schema:
            name = f"{prefix}{key}"
            raise ConfigError(
                f"{name}: no such key", hint=_closest(name, list(_keys(OmegaConf.structured(Config), "")))
            )
        node = schema[str(key)]
        typed = isinstance(node, DictConfig) and OmegaConf.get_type(node) is not dict
        if typed and isinstance(value, Mapping):
            _refuse_unknown(value, node, f"{prefix}{key}.")
        elif typed and value is not None:
            raise ConfigError(f"{prefix}{key}: expected a section with keys, found {value!r}")


def _keys(schema: DictConfig, prefix: str) -> Iterator[str]:
    from omegaconf import DictConfig

    for key in map(str, schema):
        yield f"{prefix}{key}"
        if isinstance(schema[key], DictConfig):
            yield from _keys(schema[key], f"{prefix}{key}.")


def _closest(word: str, known: Sequence[str]) -> str | None:
    by_folded = {name.casefold(): name for name in known}
    match = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f"did you mean {by_folded[match[0]]}?" if match else None
