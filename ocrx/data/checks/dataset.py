"""Checks across a dataset: characters, the dictionary, duplicates, and leaks between the parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Ints
from ocrx.data.checks.image_scan import ImageScan
from ocrx.data.checks.near_duplicates import find_near_duplicates
from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.layouts import Dataset
from ocrx.data.sample import Sample, quote
from ocrx.results import Issue
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

_PLACES = 10
_CHARACTERS = 40
_LEAK_HINT = "remove one of them; otherwise validation rewards memorised lines"


def count_characters(samples: Sequence[Sample]) -> Counter[str]:
    """Count the labels that contain each character.

    Args:
        samples: The lines.

    Returns:
        Number of labels by character, in NFC.
    """
    counts: Counter[str] = Counter()
    for sample in samples:
        counts.update(set(normalize(sample.text)))
    return counts


def check_charset(
    dataset: Dataset, charset: Charset, train_counts: Counter[str], val_counts: Counter[str]
) -> Iterator[Issue]:
    """Compare the labels with the dictionary.

    Characters that occur in validation labels only are left to ``check_coverage``: they cannot be learned but do no
    harm.

    Args:
        dataset: The lines.
        charset: The dictionary.
        train_counts: Number of training labels that contain each character.
        val_counts: The same for the validation labels.

    Yields:
        A finding for each label with characters missing from the dictionary, and one for unused entries.
    """
    counts = train_counts + val_counts
    unseen = val_counts.keys() - train_counts.keys() if dataset.train else set()
    single = frozenset(character for character in charset if len(character) == 1)
    compound = len(single) < len(charset)

    for sample in dataset.samples:
        if single.issuperset(sample.text):
            continue
        missing = charset.missing(sample.text) if compound else sorted(set(normalize(sample.text)) - single)
        missing = [character for character in missing if character not in unseen]
        if missing:
            listed = ", ".join(f"{c!r} (in {counts[c]} labels)" for c in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            hint = f"add them to {DICT_FILE} (--build-dict creates it from the labels), or correct the label"
            yield Issue("error", "label-charset", sample.source, f"not in {DICT_FILE}: {listed}{more}", hint)

    yield from _unused_entries(charset, counts)


def _unused_entries(charset: Charset, counts: Counter[str]) -> Iterator[Issue]:
    unused = [c for c in charset if len(c) == 1 and c not in counts and c != " "]
    if unused:
        shown = " ".join(unused[:_CHARACTERS]) + (" …" if len(unused) > _CHARACTERS else "")
        message = f"{len(unused)} of {len(charset)} characters occur in no label: {shown}"
        hint = "harmless, but a class without examples cannot be learned; is it the right dictionary?"
        yield Issue("warning", "dict-unused", DICT_FILE, message, hint)


def check_coverage(
    dataset: Dataset, train_counts: Counter[str], val_counts: Counter[str], min_samples: int
) -> Iterator[Issue]:
    """Find characters with few or no training labels.

    Args:
        dataset: The lines.
        train_counts: Number of training labels that contain each character.
        val_counts: The same for the validation labels.
        min_samples: Characters in fewer training labels are reported.

    Yields:
        One finding for all rare characters, and one for each character that occurs in validation labels only.
    """
    if not dataset.train:
        return
    few = {c: n for c, n in train_counts.items() if n < min_samples and c != " "}
    if few:
        places = _first_places(dataset.train, set(few))
        rarest = sorted(few, key=lambda c: (few[c], c))
        shown = " ".join(f"{c}×{few[c]}" for c in rarest[:_CHARACTERS]) + (" …" if len(few) > _CHARACTERS else "")
        where = ", ".join(list(dict.fromkeys(places[c] for c in rarest))[:_PLACES])
        message = (
            f"{len(few)} of {len(train_counts)} characters occur in fewer than {min_samples} training labels: {shown}"
        )
        hint = "add lines with them (ocrx synth can render some), or expect them to be misread"
        yield Issue("warning", "few-samples", where, message, hint)

    unseen = {c: n for c, n in val_counts.items() if c not in train_counts}
    places = _first_places(dataset.val, set(unseen))
    for character in sorted(unseen):
        message = f"{character!r} occurs in {unseen[character]} validation labels but in no training label"
        hint = "it cannot be learned: move such lines to the training part, or split again"
        yield Issue("warning", "val-unseen", places[character], message, hint)


def _first_places(samples: Sequence[Sample], wanted: set[str]) -> dict[str, str]:
    places: dict[str, str] = {}
    for sample in samples:
        for character in wanted.intersection(normalize(sample.text)):
            places.setdefault(character, sample.source)
    return places


def check_duplicates(dataset: Dataset, scan: ImageScan, near_duplicates: bool) -> Iterator[Issue]:
    """Find images that are listed more than once.

    Args:
        dataset: The lines.
        scan: Facts about their images; ``scan.row_of`` follows train, then val.
        near_duplicates: Whether to search for near duplicates between the parts, too.

    Yields:
        Identical images with different labels, in both parts, or listed repeatedly; then near duplicates.
    """
    samples = [*dataset.train, *dataset.val]
    train_size = len(dataset.train)
    rows = scan.row_of
    readable = np.ones(len(scan.facts), dtype=bool)
    readable[list(scan.problems)] = False
    at = np.flatnonzero(readable[rows])

    for group in _equal_groups(scan.facts["digest"][rows], at):
        yield from _check_group([samples[i] for i in group], sum(i < train_size for i in group))

    if near_duplicates and dataset.val:
        paths = [sample.image for sample in samples]
        pairs = find_near_duplicates(scan.facts[rows], at[at < train_size], at[at >= train_size], paths)
        for a, b, similarity in pairs:
            yield _near_duplicate(samples[a], samples[b], similarity)


def _near_duplicate(first: Sample, second: Sample, similarity: float) -> Issue:
    differ = "" if normalize(first.text) == normalize(second.text) else ", and the labels differ"
    message = f"{first.image.name} and {second.image.name} are nearly the same image ({similarity:.0%} alike){differ}"
    return Issue("warning", "leak-near", f"{first.source}, {second.source}", message, _LEAK_HINT)


def _equal_groups(values: npt.NDArray[np.uint64], at: Ints) -> Iterator[list[int]]:
    """Group the indices in ``at`` by equal values; yields groups of two or more, ordered by their first index."""
    order = at[np.argsort(values[at], kind="stable")]
    bounds = np.flatnonzero(np.diff(values[order], prepend=values[order][:1] ^ np.uint64(1)))
    groups = [group.tolist() for group in np.split(order, bounds[1:]) if len(group) > 1]
    yield from sorted(groups)


def _check_group(group: Sequence[Sample], train_size: int) -> Iterator[Issue]:
    """Check the lines that share an image, of which the first ``train_size`` are in the training part."""
    by_label: dict[str, Sample] = {}
    for sample in group:
        by_label.setdefault(normalize(sample.text), sample)
    files = list(dict.fromkeys(sample.image.name for sample in group))
    name = files[0] if len(files) == 1 else f"{files[0]} (also {', '.join(files[1:4])})"

    if len(by_label) > 1:
        labels = " and ".join(quote(label) for label in list(by_label)[:3])
        hint = "at most one is right: check the image"
        yield Issue(
            "error", "label-conflict", _join_places(list(by_label.values())), f"{name} is labelled {labels}", hint
        )
    if 0 < train_size < len(group):
        pair = [group[0], group[train_size]]
        others = [sample for sample in group if sample not in pair]
        message = f"{name} is in both the training and the validation part"
        yield Issue("error", "leak", _join_places([*pair, *others]), message, _LEAK_HINT)
    elif len(by_label) == 1:
        message = f"{name} is listed {len(group)} times with one label"
        hint = "harmless, but the line gets more weight than others: keep one"
        yield Issue("warning", "duplicate", _join_places(group), message, hint)


def _join_places(samples: Sequence[Sample]) -> str:
    places = ", ".join(sample.source for sample in samples[:_PLACES])
    return places + (f" and {len(samples) - _PLACES} more" if len(samples) > _PLACES else "")
