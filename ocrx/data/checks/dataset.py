"""What can be wrong with a dataset as a whole: characters, the dictionary, doubles, and leaks between the parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ocrx.data.checks.image_scan import ImageScan
from ocrx.data.checks.near_duplicates import find_near_duplicates
from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.layouts import Dataset
from ocrx.data.sample import Sample
from ocrx.results import Issue
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

_PLACES = 10
_SHOWN = 40


def count_characters(samples: Sequence[Sample]) -> Counter[str]:
    """In how many labels each character stands (in NFC)."""
    counts: Counter[str] = Counter()
    for sample in samples:
        counts.update(set(normalize(sample.text)))
    return counts


def check_charset(
    dataset: Dataset, charset: Charset, trained: Counter[str], validated: Counter[str]
) -> Iterator[Issue]:
    """Labels with characters outside the dictionary, and entries that no label has.

    ``trained`` and ``validated`` count the labels of either part that hold each character.
    Characters of validation labels alone are left to ``check_coverage``: they cannot be learned, but do no harm.
    """
    counts = trained + validated
    unseen = validated.keys() - trained.keys() if dataset.train else set()
    single = frozenset(character for character in charset if len(character) == 1)
    compound = len(single) < len(charset)
    for sample in dataset.samples:
        if single.issuperset(sample.text):
            continue
        missing = charset.missing(sample.text) if compound else sorted(set(normalize(sample.text)) - single)
        missing = [character for character in missing if character not in unseen]
        if missing:
            listed = ", ".join(f"{c!r} (in all {counts[c]}×)" for c in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            message = f"not in {DICT_FILE}: {listed}{more}"
            hint = f"add them to {DICT_FILE} (--build-dict writes it anew from the labels), or mend the label"
            yield Issue("error", "label-charset", sample.source, message, hint)
    yield from _unused(charset, counts)


def _unused(charset: Charset, counts: Counter[str]) -> Iterator[Issue]:
    unused = [(i, c) for i, c in enumerate(charset, start=1) if len(c) == 1 and c not in counts and c != " "]
    if not unused:
        return
    shown = " ".join(c for _, c in unused[:_SHOWN]) + (" …" if len(unused) > _SHOWN else "")
    message = f"{len(unused)} of {len(charset)} characters are in no label: {shown}"
    hint = "harmless, but classes that are never trained are never read right; is it the right dictionary?"
    yield Issue("warning", "dict-unused", DICT_FILE, message, hint)


def check_coverage(
    dataset: Dataset, counts: Counter[str], validated: Counter[str], min_samples: int
) -> Iterator[Issue]:
    """Characters with too few training labels, and characters that only the validation part has.

    ``counts`` and ``validated`` count the labels of either part that hold each character.
    """
    if not dataset.train:
        return
    few = {c: n for c, n in counts.items() if n < min_samples and c != " "}
    if few:
        places = _first_places(dataset.train, set(few))
        rarest = sorted(few, key=lambda c: (few[c], c))
        shown = " ".join(f"{c}×{few[c]}" for c in rarest[:_SHOWN]) + (" …" if len(few) > _SHOWN else "")
        where = ", ".join(list(dict.fromkeys(places[c] for c in rarest))[:_PLACES])
        message = f"{len(few)} of {len(counts)} characters stand in fewer than {min_samples} training labels: {shown}"
        hint = "add lines that hold them (ocrx synth can render some), or expect them to be misread"
        yield Issue("warning", "few-samples", where, message, hint)
    unseen = {c: n for c, n in validated.items() if c not in counts}
    places = _first_places(dataset.val, set(unseen))
    for character in sorted(unseen):
        message = f"{character!r} stands in {unseen[character]} validation labels and in no training label"
        hint = "it cannot be learned: move such lines to the training part, or split anew"
        yield Issue("warning", "val-unseen", places[character], message, hint)


def _first_places(samples: Sequence[Sample], wanted: set[str]) -> dict[str, str]:
    places: dict[str, str] = {}
    for sample in samples:
        for character in wanted.intersection(normalize(sample.text)):
            places.setdefault(character, sample.source)
    return places


def check_duplicates(dataset: Dataset, scan: ImageScan, near: bool) -> Iterator[Issue]:
    """The same image twice: with two labels, across the parts, or for nothing; and near doubles across the parts."""
    samples = [*dataset.train, *dataset.val]
    trained = len(dataset.train)
    rows = scan.row_of
    usable = np.ones(len(scan.facts), dtype=bool)
    usable[list(scan.problems)] = False
    digests = scan.facts["digest"][rows]
    kept = np.flatnonzero(usable[rows])
    for group in _equal(digests, kept):
        yield from _one_group([samples[i] for i in group], sum(i < trained for i in group))
    if near and dataset.val:
        train_at, val_at = kept[kept < trained], kept[kept >= trained]
        for a, b, similarity in find_near_duplicates(
            scan.facts[rows], train_at, val_at, [sample.image for sample in samples]
        ):
            first, second = samples[a], samples[b]
            other = "" if normalize(first.text) == normalize(second.text) else ", and the labels differ"
            message = (
                f"{first.image.name} and {second.image.name} are nearly the same image ({similarity:.0%} alike){other}"
            )
            hint = "take one out of the validation part, else it measures what was learned by heart"
            yield Issue("warning", "leak-near", f"{first.source}, {second.source}", message, hint)


def _equal(values: npt.NDArray[np.uint64], kept: npt.NDArray[np.int64]) -> Iterator[list[int]]:
    """Indices of equal values, two and more together, in the order of their first."""
    order = kept[np.argsort(values[kept], kind="stable")]
    bounds = np.flatnonzero(np.diff(values[order], prepend=values[order][:1] ^ np.uint64(1)))
    groups = [group.tolist() for group in np.split(order, bounds[1:]) if len(group) > 1]
    yield from sorted(groups)


def _one_group(group: Sequence[Sample], trained: int) -> Iterator[Issue]:
    by_label: dict[str, Sample] = {}
    for sample in group:
        by_label.setdefault(normalize(sample.text), sample)
    files = list(dict.fromkeys(sample.image.name for sample in group))
    name = files[0] if len(files) == 1 else f"{files[0]} (also {', '.join(files[1:4])})"
    if len(by_label) > 1:
        labels = " and ".join(repr(label) for label in list(by_label)[:3])
        hint = "at most one is right: look at the image"
        yield Issue("error", "label-conflict", _where(list(by_label.values())), f"{name} is labelled {labels}", hint)
    if 0 < trained < len(group):
        pair = [group[0], next(sample for i, sample in enumerate(group) if i >= trained)]
        others = [sample for sample in group if sample not in pair]
        message = f"{name} is in the training and in the validation part"
        hint = "take it out of one part, else the validation measures what was learned by heart"
        yield Issue("error", "leak", _where([*pair, *others]), message, hint)
    elif len(by_label) == 1:
        hint = "harmless, but it weighs twice: take one out"
        yield Issue("warning", "duplicate", _where(group), f"{name} is listed {len(group)} times with one label", hint)


def _where(samples: Sequence[Sample]) -> str:
    places = ", ".join(sample.source for sample in samples[:_PLACES])
    return places + (f" and {len(samples) - _PLACES} more" if len(samples) > _PLACES else "")
