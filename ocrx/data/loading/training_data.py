"""Adds the training lines of extra and replayed datasets to a dataset."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.results import Issue
from ocrx.text.charset import Charset


@dataclass(frozen=True)
class TrainingData:
    """All lines of a training.

    Attributes:
        dataset: The dataset; its training lines are its own, then those of extra datasets, then replayed ones.
        replayed: How many training lines, at the end, are replayed.
    """

    dataset: Dataset
    replayed: int

    def without(self, sources: Container[str]) -> TrainingData:
        """Leave out training lines.

        Args:
            sources: Sources such as ``train.txt:17``.

        Returns:
            The remaining lines.
        """
        lines = self.dataset.train
        replayed = lines[len(lines) - self.replayed :]
        return TrainingData(
            replace(self.dataset, train=tuple(line for line in lines if line.source not in sources)),
            sum(line.source not in sources for line in replayed),
        )


def combine_datasets(dataset: Dataset, extra: Sequence[str], replay: Sequence[str]) -> TrainingData:
    """Add the training lines of other datasets.

    Their validation lines and dictionaries are not used. If the dataset has a dictionary, it is extended by the
    characters of the added labels. Sources and findings name the folder that they come from.

    Args:
        dataset: The dataset to train on.
        extra: Folders or lists whose training lines are added.
        replay: Folders or lists of old lines.

    Returns:
        The combined lines.

    Raises:
        DataError: A folder has no training lines.
    """
    added = [read_dataset(Path(folder)) for folder in (*extra, *replay)]
    lines: list[Sample] = []
    issues: list[Issue] = []
    replayed = 0

    for number, (name, part) in enumerate(zip((*extra, *replay), added, strict=True)):
        if not part.train:
            key = "Train.extra_datasets" if number < len(extra) else "Train.replay"
            raise DataError(f"{key}: {name} holds no training lines", hint=f"see why: ocrx check-dataset {name}")
        replayed += len(part.train) if number >= len(extra) else 0
        lines += [Sample(sample.image, sample.text, f"{part.root}/{sample.source}") for sample in part.train]
        issues += [_in_folder(issue, part.root) for issue in part.issues if _about_training(issue, part)]

    return TrainingData(
        replace(
            dataset,
            train=(*dataset.train, *lines),
            charset=_grown(dataset.charset, lines) if dataset.charset else None,
            issues=(*dataset.issues, *issues),
            extra_roots=tuple(part.root for part in added),
        ),
        replayed,
    )


def _grown(charset: Charset, lines: Sequence[Sample]) -> Charset:
    new = {character for sample in lines for character in charset.missing(sample.text)}
    return Charset((*charset, *sorted(new)))


def _about_training(issue: Issue, part: Dataset) -> bool:
    """Whether a finding concerns neither the dictionary nor the validation lines, which are not used."""
    unused = [DICT_FILE, *(path.relative_to(part.root).as_posix() for path in part.label_files[1:])]
    return issue.code != "list-missing" and not issue.where.startswith(tuple(unused))


def _in_folder(issue: Issue, root: Path) -> Issue:
    return replace(issue, where=", ".join(f"{root}/{place}" for place in issue.where.split(", ")))
