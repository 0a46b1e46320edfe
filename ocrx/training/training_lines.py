"""Reads the lines to train on and checks them as ``ocrx check-dataset`` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ocrx.config import Config
from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.run import CACHE_FILE, require_no_errors, run_checks
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.data.loading.training_data import TrainingData, combine_datasets
from ocrx.errors import ConfigError, DataError
from ocrx.model_spec import ModelSpec
from ocrx.results import Progress
from ocrx.synth.text import charset_characters
from ocrx.text.charset import Charset
from ocrx.text.charsets import resolve_charset
from ocrx.training.run_log import Log


def read_training_data(config: Config) -> TrainingData:
    """Read the dataset, the extra datasets and the replayed ones.

    Args:
        config: The configuration.

    Returns:
        All training lines and the validation lines.

    Raises:
        ConfigError: If no dataset is given.
        DataError: If there are no training or no validation lines.
    """
    if not config.Global.dataset_dir:
        raise ConfigError("Global.dataset_dir: not given", hint="add --data FOLDER or -o Global.dataset_dir=FOLDER")
    dataset = read_dataset(Path(config.Global.dataset_dir))
    data = combine_datasets(dataset, config.Train.extra_datasets, config.Train.replay)
    _require_lines(data.dataset, config)
    return data


def check_training_data(
    data: TrainingData, spec: ModelSpec, config: Config, log: Log, progress: Progress | None, *, resumed: bool
) -> TrainingData:
    """Check the dataset for the model to be trained, and leave out lines that cannot be trained on.

    Images that an earlier check has opened are not opened again.

    Args:
        data: What ``read_training_data`` found.
        spec: The model.
        config: The configuration; errors in ``Train.ignore_checks`` do not stop the training.
        log: Takes one line for the user: how many findings there are.
        progress: Called with (images checked, images in all).
        resumed: Whether the training is resumed, so that the charset is fixed.

    Returns:
        The lines to train on.

    Raises:
        DataError: If the checks find errors that are not ignored, or leave no lines.
    """
    dataset, ignored = data.dataset, config.Train.ignore_checks
    if config.Train.synth.enable:
        ignored = (*ignored, "list-missing", "list-empty")
    fixed = config.Global.charset or (resumed and not config.Train.synth.enable)

    findings = run_checks(
        replace(dataset, charset=Charset.from_spec(spec)) if fixed else dataset,
        Geometry.of(spec),
        min_samples=config.CheckDataset.min_samples,
        near_duplicates=False,
        cache=Path(config.Global.output) / CACHE_FILE,
        workers=config.CheckDataset.workers,
        progress=progress,
    )
    require_no_errors(findings, ignored)
    if findings.issues:
        log(
            f"{len(findings.issues)} findings in the dataset, none of which prevents training; see `ocrx check-dataset`"
        )

    left = data.without(findings.untrainable_sources)
    if dropped := len(dataset.train) - len(left.dataset.train):
        log(f"left out: {dropped} training lines that cannot be read or trained on; see `ocrx check-dataset`")
        _require_lines(left.dataset, config)
    return left


def choose_charset(config: Config, dataset: Dataset) -> Charset:
    """Choose the characters of a new model.

    Args:
        config: The configuration.
        dataset: The dataset.

    Returns:
        The charset of ``Global.charset``, else of the rendered lines, else of ``dict.txt``, else the characters of the
        training labels.
    """
    if config.Global.charset:
        return resolve_charset(config.Global.charset)
    if config.Train.synth.enable:
        return Charset(charset_characters(config.Synth.charset))
    return dataset.charset or Charset.from_texts(sample.text for sample in dataset.train)


def _require_lines(dataset: Dataset, config: Config) -> None:
    if not config.Train.synth.enable and not dataset.train:
        first = next((f" ({issue.where}: {issue.message})" for issue in dataset.issues), "")
        hint = f"see why: ocrx check-dataset {dataset.root}"
        raise DataError(f"{dataset.root}: no training lines{first}", hint=hint)
    if not dataset.val:
        hint = f"divide them: ocrx check-dataset {dataset.root} --split 90"
        raise DataError(f"{dataset.root}: no validation lines", hint=hint)
