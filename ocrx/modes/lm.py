"""``ocrx lm build`` and ``ocrx lm tune``: build a character language model and tune its weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ocrx.arrays import Floats
from ocrx.backends import Backend
from ocrx.config import Config, DecodeOptions
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.decoding.factory import DEFAULT_BEAM, BeamDecoder, ConfidenceGatedDecoder, Decoder, build_decoder
from ocrx.decoding.greedy import greedy
from ocrx.decoding.language_model import CharacterModel
from ocrx.decoding.ngram_model import DEFAULT_ORDER, NgramModel
from ocrx.errors import DataError
from ocrx.files import read_lines
from ocrx.imaging.preparation import resize
from ocrx.imaging.reading import read_image
from ocrx.inference.batching import batch_logits
from ocrx.inference.opening import describe, open_model
from ocrx.results import Progress
from ocrx.text.charset import Charset
from ocrx.text.metrics import compute_metrics

WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
BONUSES = (0.0, 0.5, 1.0, 2.0, 3.0)
DEFAULT_LINES = 300
_BATCH = 32


@dataclass(frozen=True)
class BuildReport:
    """A language model that was written.

    Attributes:
        path: The file.
        order: Length of its longest n-grams.
        lines: Lines of the corpus.
        characters: Characters of the corpus.
        contexts: Number of contexts.
        ngrams: Number of n-grams of all lengths.
    """

    path: str
    order: int
    lines: int
    characters: int
    contexts: int
    ngrams: int

    @property
    def summary(self) -> str:
        """One line for people."""
        counts = (
            f"{self.lines:,} lines, {self.characters:,} characters, {self.ngrams:,} n-grams up to order {self.order}"
        )
        return f"{self.path}: {counts}"

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values.

        Returns:
            The fields by name.
        """
        return asdict(self)


@dataclass(frozen=True)
class Trial:
    """Character error rate and accuracy with one weight and bonus."""

    weight: float
    bonus: float
    cer: float
    accuracy: float


@dataclass(frozen=True)
class TuneReport:
    """The effect of a language model on labelled lines.

    Attributes:
        path: File of the language model.
        lines: Lines that it was tuned on.
        greedy: Character error rate and accuracy of the best path.
        beam: The same for beam search without the language model.
        best: The trial whose weight and bonus were written into the file; None if none was better than beam search
            alone (the weight is then 0).
        trials: All trials.
    """

    path: str
    lines: int
    greedy: tuple[float, float]
    beam: tuple[float, float]
    best: Trial | None
    trials: tuple[Trial, ...]

    @property
    def summary(self) -> str:
        """One line for people."""
        without = f"CER {self.greedy[0]:.2%} by best path, {self.beam[0]:.2%} by beam"
        if self.best is None:
            return f"{self.path}: no weight helps on {self.lines} lines ({without}); weight 0 was written"
        best = f"{self.best.cer:.2%} with weight {self.best.weight:g} and bonus {self.best.bonus:g}"
        return f"{self.path}: {without}, {best} on {self.lines} lines; written into the file"

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values.

        Returns:
            The fields by name.
        """
        return asdict(self)


def build(corpus: Sequence[Path], output: Path, order: int = DEFAULT_ORDER, prune: int = 0) -> BuildReport:
    """Count the character n-grams of a corpus and write them to a file.

    Args:
        corpus: Text files and dataset folders; of the latter the training labels are used.
        output: The file to write.
        order: Length of the longest n-grams.
        prune: n-grams of k characters that occur fewer than ``(k - 1) * prune`` times are left out.

    Returns:
        The report.

    Raises:
        DataError: The corpus is missing or empty, or the model would be too large to be read.
    """
    texts = [text for path in corpus for text in _texts(path)]
    model = NgramModel.from_texts(texts, order, prune)
    model.save(output)
    return BuildReport(str(output), order, model.lines, sum(map(len, texts)), len(model.counts), model.ngrams)


def tune(
    config: Config,
    lm: Path,
    dataset_dir: Path,
    lines: int = DEFAULT_LINES,
    confidence_threshold: float | None = None,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
) -> TuneReport:
    """Find the weight and bonus with the lowest character error rate, and write them into the language model.

    The reported error rate is optimistic, since it is measured on the lines of the tuning: evaluate on others.

    Args:
        config: ``Predict`` names the recognition model, ``Decode.beam`` the beam width.
        lm: File of the language model; it is replaced.
        dataset_dir: Dataset whose validation lines are used, or all lines if it is not split.
        lines: Most lines to use.
        confidence_threshold: The language model is applied only to lines that contain a character with a score below
            this. The threshold is written into the file too.
        progress: Called with (trials done, trials in all).
        log: Takes one line that describes the model.

    Returns:
        Error rates with and without the language model.

    Raises:
        ConfigError: The recognition model reads right-to-left lines.
        DataError: A file or image cannot be read, or there are no labelled lines.
    """
    folder, recognizer = open_model(config)
    if log is not None:
        log(describe(folder, recognizer.backend))
    model, charset = NgramModel.load(lm), Charset.from_spec(recognizer.spec)
    build_decoder(charset, DecodeOptions(lm=model))  # raises before images are read

    dataset = read_dataset(dataset_dir)
    samples = (dataset.val or dataset.train)[:lines]
    if not samples:
        raise DataError(f"{dataset_dir}: no labelled lines to tune on")

    batches = list(_logits(recognizer.backend, samples))
    width = config.Decode.beam or DEFAULT_BEAM
    plain = _measure(batches, charset, greedy)
    beam = _measure(batches, charset, BeamDecoder(width))

    trials: list[Trial] = []
    grid = list(product(WEIGHTS, BONUSES))
    for weight, bonus in grid:
        weighted = CharacterModel(model, charset, weight, bonus)
        decoder: Decoder = BeamDecoder(width, lm=weighted)
        if confidence_threshold is not None:
            decoder = ConfidenceGatedDecoder(weighted, confidence_threshold, width)
        trials.append(Trial(weight, bonus, *_measure(batches, charset, decoder)))
        if progress is not None:
            progress(len(trials), len(grid))

    best = min(trials, key=lambda trial: (trial.cer, trial.weight, trial.bonus))
    useful = best.cer < beam[0]
    model.tuned(best.weight if useful else 0.0, best.bonus if useful else 0.0, confidence_threshold).save(lm)
    count = sum(len(texts) for _, texts in batches)
    return TuneReport(str(lm), count, plain, beam, best if useful else None, tuple(trials))


def _texts(path: Path) -> list[str]:
    if path.is_dir():
        return [sample.text for sample in read_dataset(path).train]
    lines = [line for line in read_lines(path) if line]
    if lines and all("\t" in line for line in lines):
        raise DataError(f"{path}: every line has a TAB, as in a label file", hint=f"give its folder: {path.parent}")
    return lines


def _logits(backend: Backend, samples: Sequence[Sample]) -> Iterator[tuple[Floats, list[str]]]:
    """Logits [N, T, K] and labels, in batches of one width; an unreadable image is an error here."""
    lines = [resize(read_image(sample.image), backend.spec.image) for sample in samples]
    for indices, logits in batch_logits(lines, backend, _BATCH):
        yield logits, [samples[index].text for index in indices]


def _measure(batches: Sequence[tuple[Floats, list[str]]], charset: Charset, decoder: Decoder) -> tuple[float, float]:
    """Character error rate and accuracy of a decoder."""
    pairs = [
        (truth, charset.decode(line.classes))
        for logits, truths in batches
        for truth, line in zip(truths, decoder(logits), strict=True)
    ]
    metrics = compute_metrics(pairs)
    return metrics.cer, metrics.accuracy
