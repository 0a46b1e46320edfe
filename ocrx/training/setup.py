"""What is decided and checked before a training starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ocrx.config import Config, to_yaml
from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.run import CACHE_FILE, require_no_errors, run_checks
from ocrx.data.fingerprint import fingerprint
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.data.loading.training_data import TrainingData, combine_datasets
from ocrx.errors import ConfigError, DataError, ModelError
from ocrx.model_folder import SPEC_FILE, find_model_folder, read_spec
from ocrx.model_spec import ModelSpec
from ocrx.models import frame_spec, parsed_params
from ocrx.results import Progress
from ocrx.synth.generator import LineGenerator
from ocrx.synth.text import charset_characters
from ocrx.text.charset import Charset
from ocrx.text.charsets import resolve_charset
from ocrx.text.direction import runs_right_to_left
from ocrx.training.loop import Log
from ocrx.training.pretrained import is_backbone, resolve_pretrained
from ocrx.training.tensorboard import require_tensorboard

_TRAINED = ("latest", "best_accuracy")

ShowProgress = Callable[[str], AbstractContextManager[Progress | None]]
"""Opens a progress display for the work it names."""


@dataclass(frozen=True)
class TrainingSetup:
    """What is decided before a training starts; the same in all of its processes."""

    config: Config
    training_data: TrainingData
    spec: ModelSpec
    resume: Path | None
    start: Path | None


def prepare_training(config: Config, log: Log, progress: ShowProgress) -> TrainingSetup:
    """Read and check all that is given, and open the output folder."""
    output = Path(config.Global.output)
    if config.Train.tensorboard:
        require_tensorboard()
    resume = _resume_folder(config, output)
    goes_on = resume is not None and resume.resolve().parent == output.resolve()
    if not goes_on and not config.Train.overwrite:
        _refuse_overwriting(output)
    if config.Train.synth.enable:
        LineGenerator(config.Synth)  # refuses wrong settings here, where the error is seen
    training_data = combine_datasets(
        read_dataset(_dataset_dir(config)), config.Train.extra_datasets, config.Train.replay
    )
    _refuse_empty(training_data.dataset, config)
    start = None if resume else _start(config)
    spec = _resumed_spec(resume, config) if resume else new_spec(config, training_data.dataset, start)
    training_data = _trainable(training_data, spec, config, log, progress, resumed=resume is not None)
    output.mkdir(parents=True, exist_ok=True)
    if config.Train.overwrite and not goes_on:
        _clear(output, resume or start)
    return TrainingSetup(config, training_data, spec, resume, start)


def write_run_files(setup: TrainingSetup) -> None:
    """Leave ``config.yaml`` and ``label_dict.txt`` of a training that begins or goes on; the old result is none now."""
    config, output = setup.config, Path(setup.config.Global.output)
    again = replace(config, Train=replace(config.Train, overwrite=False, resume_path=None))
    (output / "config.yaml").write_text(to_yaml(again), encoding="utf-8")
    Charset.from_spec(setup.spec).save(output / "label_dict.txt")
    (output / "train_result.json").unlink(missing_ok=True)


def new_spec(config: Config, dataset: Dataset, start: Path | None = None) -> ModelSpec:
    """The spec of the model to train: charset from ``Global.charset``, else dict.txt, else the training labels."""
    image = config.Image
    params = _params(config, start)
    characters = _charset(config, dataset).characters
    return ModelSpec(
        architecture=config.Model.architecture,
        params=params,
        charset=characters,
        image=image,
        frames=frame_spec(config.Model.architecture, params, image),
        name=config.Global.model,
        direction="rtl" if runs_right_to_left(characters) else "ltr",
    )


def _params(config: Config, start: Path | None) -> dict[str, Any]:
    """Those of the configuration, in the form that the weights to start from have: imported ones may be fused."""
    params = dict(config.Model.params)
    given = read_spec(start) if start else None
    if given is not None and given.architecture == config.Model.architecture:
        params |= _form(given)
    return params


def _form(spec: ModelSpec) -> dict[str, Any]:
    """The parameters that the weights to start from decide."""
    return {name: spec.params[name] for name in ("fused", "single_token") if name in spec.params}


def _resumed_spec(folder: Path, config: Config) -> ModelSpec:
    """The spec in ``folder``. Raises ModelError where the configuration asks for another network."""
    spec = read_spec(folder)
    if changed := _changes(spec, config):
        raise ModelError(
            f"{folder}: this training is of another network: {'; '.join(changed)}",
            hint="go on with the settings of its config.yaml: --resume without -c and -o",
        )
    return spec


def _changes(spec: ModelSpec, config: Config) -> list[str]:
    """What the configuration asks for and ``spec`` is not."""
    model, form = config.Model, _form(spec)
    if model.architecture != spec.architecture:
        return [f"Model.architecture was {spec.architecture}, is {model.architecture}"]
    # What the setup took from the start is no wish of the configuration.
    asked = {**model.params, **form} if config.Train.pretrain_weight_path else {**form, **model.params}
    frame_spec(model.architecture, asked, config.Image)  # refuses what no network can be
    params = [parsed_params(model.architecture, values) for values in (spec.params, asked)]
    changed = [*_differences("Model.params", *params), *_differences("Image", spec.image, config.Image)]
    if config.Global.charset and resolve_charset(config.Global.charset).characters != spec.charset:
        changed.append(f"Global.charset was another one of {len(spec.charset)} characters")
    if config.Train.synth.enable and (new := set(charset_characters(config.Synth.charset)) - set(spec.charset)):
        changed.append(f"Synth.charset was without {' '.join(map(repr, sorted(new)[:5]))}")
    return changed


def _differences(section: str, was: Any, wanted: Any) -> list[str]:
    """The fields in which two dataclasses of a kind differ."""
    pairs = [(field.name, getattr(was, field.name), getattr(wanted, field.name)) for field in fields(was)]
    return [f"{section}.{name} was {old}, is {new}" for name, old, new in pairs if old != new]


def data_order_key(setup: TrainingSetup) -> dict[str, object]:
    """What the order of the training lines follows from."""
    config, train = setup.config, setup.config.Train
    plan: dict[str, object] = {
        "Global.seed": config.Global.seed,
        "Train.batch_size": train.batch_size,
        "Train.max_pixels": train.max_pixels,
    }
    if train.synth.enable:
        return {**plan, "Train.synth.lines_per_epoch": train.synth.lines_per_epoch, "Synth": str(config.Synth)}
    lines = fingerprint(setup.training_data.dataset.train)
    return {**plan, "Train.concat": train.concat, "Train.replay_ratio": train.replay_ratio, "training lines": lines}


def _resume_folder(config: Config, output: Path) -> Path | None:
    path = config.Train.resume_path
    if path is None:
        return None
    return find_model_folder(output / "latest" if path == "latest" else Path(path))


def _start(config: Config) -> Path | None:
    """The model to start from, if there is one."""
    source = config.Train.pretrain_weight_path
    if not source or is_backbone(source, config.Model.architecture):
        return None
    return resolve_pretrained(source, Path(config.Global.output))


def _refuse_overwriting(output: Path) -> None:
    for name in _TRAINED:
        if (output / name).exists():
            raise DataError(
                f"{output}: an earlier training lies here ({name}/)",
                hint="go on with --resume, start anew with --overwrite, or choose another --output",
            )


def _clear(output: Path, start: Path | None) -> None:
    """Remove what an earlier training left, so that nothing of it is taken for the new one's."""
    old = [file.parent for name in (*_TRAINED, "epoch_[0-9]*") for file in output.glob(f"{name}/{SPEC_FILE}")]
    old += [curves] if (curves := output / "tensorboard").is_dir() else []
    if start and any(start.resolve().is_relative_to(folder.resolve()) for folder in old):
        raise DataError(
            f"{start}: the start of the training lies in the output that --overwrite clears",
            hint="choose another --output",
        )
    for folder in old:
        shutil.rmtree(folder)
    for name in ("train.log", "history.csv", "curves.png", "augment.png", "train_result.json"):
        (output / name).unlink(missing_ok=True)


def _dataset_dir(config: Config) -> Path:
    if not config.Global.dataset_dir:
        raise ConfigError("Global.dataset_dir: not given", hint="add --data FOLDER or -o Global.dataset_dir=FOLDER")
    return Path(config.Global.dataset_dir)


def _refuse_empty(dataset: Dataset, config: Config) -> None:
    if not config.Train.synth.enable and not dataset.train:
        first = next((f" ({issue.where}: {issue.message})" for issue in dataset.issues), "")
        hint = f"see why: ocrx check-dataset {dataset.root}"
        raise DataError(f"{dataset.root}: no training lines{first}", hint=hint)
    if not dataset.val:
        hint = f"divide them: ocrx check-dataset {dataset.root} --split 90"
        raise DataError(f"{dataset.root}: no validation lines", hint=hint)


def _trainable(
    training_data: TrainingData, spec: ModelSpec, config: Config, log: Log, progress: ShowProgress, *, resumed: bool
) -> TrainingData:
    """The lines that can be trained, if ``check-dataset`` finds no error but those of ``Train.ignore_checks``.

    They are applied with the model that is trained; images it has looked at are not opened again. Lines rendered on
    the fly have its characters anyway.
    """
    dataset = training_data.dataset
    ignored = config.Train.ignore_checks
    if config.Train.synth.enable:
        ignored = (*ignored, "list-missing", "list-empty")
    charset = Charset.from_spec(spec) if config.Global.charset or (resumed and not config.Train.synth.enable) else None
    with progress("checking images") as tick:
        findings = run_checks(
            replace(dataset, charset=charset) if charset else dataset,
            Geometry.of(spec),
            min_samples=config.CheckDataset.min_samples,
            near_duplicates=False,
            cache=Path(config.Global.output) / CACHE_FILE,
            workers=config.CheckDataset.workers,
            progress=tick,
        )
    require_no_errors(findings, ignored)
    if findings.issues:
        log(f"{len(findings.issues)} findings in the dataset, none of which forbids training; see ocrx check-dataset")
    left = training_data.without(findings.untrainable_sources)
    if dropped := len(dataset.train) - len(left.dataset.train):
        log(f"left out: {dropped} training lines that cannot be read or trained; see ocrx check-dataset")
        _refuse_empty(left.dataset, config)
    return left


def _charset(config: Config, dataset: Dataset) -> Charset:
    if config.Global.charset:
        return resolve_charset(config.Global.charset)
    if config.Train.synth.enable:
        return Charset(charset_characters(config.Synth.charset))
    return dataset.charset or Charset.from_texts(sample.text for sample in dataset.train)
