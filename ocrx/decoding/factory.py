"""Builds the decoder that a ``DecodeOptions`` describes, for every command and back end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ocrx.arrays import Bools, Float64s, Floats
from ocrx.config import DecodeOptions
from ocrx.ctc.reference import log_likelihoods, log_normalizer
from ocrx.decoding import constraints
from ocrx.decoding.beam import Hypothesis, beam_search
from ocrx.decoding.constraints import Automaton
from ocrx.decoding.greedy import Decoded, greedy
from ocrx.decoding.language_model import CharacterModel
from ocrx.decoding.ngram_model import NgramModel
from ocrx.decoding.scoring import align_texts, score_characters
from ocrx.decoding.single_line_beam import single_line_beam_search
from ocrx.errors import ConfigError, DataError
from ocrx.files import read_lines
from ocrx.text.charset import Charset

Decoder = Callable[[Floats], Sequence[Decoded]]
"""Takes logits float32 [N, T, K] and returns one ``Decoded`` per line, which does not depend on the other lines."""

DEFAULT_BEAM = 10
DEFAULT_LM_WEIGHT = 0.5
DEFAULT_LM_BONUS = 0.5

# Up to this many edges exact search is cheaper than the beam, and runs on every line in addition.
_SMALL_AUTOMATON = 2_000


def build_decoder(charset: Charset, options: DecodeOptions | None = None, bundled_lm: Path | None = None) -> Decoder:
    """Build the decoder that options describe.

    Args:
        charset: Characters of the model.
        options: Constraints and settings of the search. If none is set, the decoder returns the best path, corrected
            by the bundled language model if there is one.
        bundled_lm: The language model in the model's folder, used only if the options choose no other decoder. Its
            counts are read when a line first needs them.

    Returns:
        A decoder whose lines satisfy every constraint, or are empty and marked ``matched=False``.

    Raises:
        ConfigError: Options contradict each other or the charset, or no text satisfies the constraints.
        DataError: A lexicon or language model cannot be read.
    """
    options = options or DecodeOptions()
    if bundled_lm is not None and not options.selects_decoder:
        options = replace(options, lm=NgramModel.open(bundled_lm))
    _reject_contradictions(charset, options)

    mask = None
    if options.allow is not None or options.deny:
        mask = constraints.from_allowed(charset, options.allow, options.deny)
    if options.pattern is None and options.lexicon is None and options.lm is None and (options.beam or 1) == 1:
        return greedy if mask is None else MaskedDecoder(mask)

    automaton = _automaton(charset, options.pattern, mask)
    model = None
    if options.lm is not None:
        model = character_model(charset, options.lm, options.lm_weight, options.lm_bonus)
    search = BeamDecoder(options.beam or DEFAULT_BEAM, automaton, model)
    if options.lexicon is not None:
        return _lexicon_decoder(charset, options, search)

    if model is None or automaton is not None:
        return search
    threshold = options.lm_confidence_threshold
    threshold = model.confidence_threshold if threshold is None else threshold
    return search if threshold is None else ConfidenceGatedDecoder(model, threshold, search.beam)


def _reject_contradictions(charset: Charset, options: DecodeOptions) -> None:
    """Raise ConfigError for settings that lack others, and for those that right-to-left lines do not support."""
    for name in ("lm_weight", "lm_bonus", "lm_confidence_threshold"):
        if options.lm is None and getattr(options, name) is not None:
            raise ConfigError(f"{name}: needs a language model", hint="add `lm`, a file made by `ocrx lm build`")
    if options.lexicon is None and options.lexicon_margin is not None:
        raise ConfigError("lexicon_margin: needs a lexicon", hint="add `lexicon`, a file with one entry per line")
    if charset.direction == "rtl" and (options.pattern is not None or options.lm is not None):
        raise ConfigError(
            f"{'pattern' if options.pattern is not None else 'lm'}: not possible with a model of right-to-left lines",
            hint="characters are found from left to right, the reverse of the text; use `lexicon`, `allow` or `deny`",
        )


def _automaton(charset: Charset, pattern: str | None, mask: Bools | None) -> Automaton | None:
    """The constraint of pattern and allowed classes (bool [K]) together; None without either."""
    if pattern is not None:
        return constraints.from_pattern(pattern, charset, mask)
    return constraints.from_mask(mask) if mask is not None else None


def _lexicon_decoder(charset: Charset, options: DecodeOptions, search: BeamDecoder) -> Decoder:
    """``search`` restricted to the entries of the lexicon that satisfy the other constraints."""
    source = options.lexicon or ()
    words = read_lexicon(Path(source)) if isinstance(source, str | Path) else source
    lexicon = constraints.from_lexicon(words, charset, search.automaton)
    bound = replace(search, automaton=lexicon.automaton, notice=lexicon.notice)
    return bound if options.lexicon_margin is None else LexiconDecoder(bound, search, options.lexicon_margin)


def decoder_notice(decoder: Decoder) -> str:
    """Describe a decoder where the user should know about it.

    Args:
        decoder: Any decoder.

    Returns:
        When the language model is applied, or how many lexicon entries were left out; else ''.
    """
    if isinstance(decoder, ConfidenceGatedDecoder):
        return f"language model for lines that contain a character with a score below {decoder.confidence_threshold:g}"
    search = decoder.bound if isinstance(decoder, LexiconDecoder) else decoder
    return search.notice if isinstance(search, BeamDecoder) else ""


def decode_beside_best_path(decoder: Decoder, logits: Floats) -> tuple[Sequence[Decoded], Sequence[Decoded]]:
    """Decode lines and return their best paths too, which are computed once where the decoder starts from them.

    Args:
        decoder: Any decoder.
        logits: float32 [N, T, K].

    Returns:
        The N lines of the decoder, and the N best paths.
    """
    best_paths = greedy(logits)
    if decoder is greedy:
        return best_paths, best_paths
    if isinstance(decoder, ConfidenceGatedDecoder):
        return decoder.refine(logits, best_paths), best_paths
    return decoder(logits), best_paths


def language_model_of(decoder: Decoder) -> CharacterModel | None:
    """Find the language model that a decoder applies.

    Args:
        decoder: Any decoder.

    Returns:
        The model, or None.
    """
    search = decoder.free if isinstance(decoder, LexiconDecoder) else decoder
    return search.lm if isinstance(search, BeamDecoder | ConfidenceGatedDecoder) else None


def character_model(
    charset: Charset, lm: str | Path | NgramModel, weight: float | None = None, bonus: float | None = None
) -> CharacterModel:
    """Bind a language model to the classes of a charset.

    Args:
        charset: Characters of the network.
        lm: The model or its file.
        weight: Factor of its log-probability; None takes the tuned value, else 0.5.
        bonus: Nats added per character; None takes the tuned value, else 0.5.

    Returns:
        The model as beam search needs it.

    Raises:
        DataError: The file cannot be read.
    """
    model = lm if isinstance(lm, NgramModel) else NgramModel.load(Path(lm))
    weights = (weight, model.weight, DEFAULT_LM_WEIGHT)
    bonuses = (bonus, model.bonus, DEFAULT_LM_BONUS)
    return CharacterModel(
        model, charset, next(w for w in weights if w is not None), next(b for b in bonuses if b is not None)
    )


def read_lexicon(path: Path) -> list[str]:
    """Read a word list in UTF-8 with one entry per line.

    Args:
        path: The file.

    Returns:
        Its non-empty lines.

    Raises:
        DataError: The file is missing, empty or not UTF-8.
    """
    words = [line for line in read_lines(path) if line]
    if not words:
        raise DataError(f"{path}: empty; expected one entry per line")
    return words


@dataclass(frozen=True, eq=False)
class MaskedDecoder:
    """The best path over the allowed classes; scores are still the model's own probabilities.

    Attributes:
        mask: bool [K], the allowed classes.
    """

    mask: Bools

    def __call__(self, logits: Floats) -> list[Decoded]:
        """Decode logits float32 [N, T, K]."""
        masked = np.where(self.mask, logits, np.float32(-np.inf))
        return score_characters(logits, greedy(masked), log_normalizer(logits))


@dataclass(frozen=True, eq=False)
class BeamDecoder:
    """Beam search, whose result always satisfies the constraint.

    For a constraint with few edges, and where the beam finds no text that satisfies a larger one, exact Viterbi search
    runs too, and the more probable of the two texts is the result.

    Attributes:
        beam: Beam width.
        automaton: The constraint.
        lm: The language model.
        notice: A note for the user about the constraint.
    """

    beam: int = DEFAULT_BEAM
    automaton: Automaton | None = None
    lm: CharacterModel | None = None
    notice: str = ""

    def __call__(self, logits: Floats) -> list[Decoded]:
        """Decode logits float32 [N, T, K]."""
        normalizer = log_normalizer(logits)
        best = [texts[0].classes if texts else None for texts in self.nbest(logits, normalizer)]
        return align_texts(logits, best, normalizer)

    def nbest(self, logits: Floats, normalizer: Float64s | None = None) -> list[list[Hypothesis]]:
        """Find the most probable texts of each line.

        Args:
            logits: float32 [N, T, K].
            normalizer: float64 [N, T], the ``log_normalizer`` of the logits if it was computed before.

        Returns:
            The texts of each line, best first; empty where no text satisfies the constraint.
        """
        normalizer = log_normalizer(logits) if normalizer is None else normalizer
        with self.lm.search() if self.lm is not None else nullcontext():
            return self._search(logits, normalizer)

    def _search(self, logits: Floats, normalizer: Float64s) -> list[list[Hypothesis]]:
        found = beam_search(logits, self.beam, automaton=self.automaton, lm=self.lm, normalizer=normalizer)
        if self.automaton is None or logits.shape[1] == 0:
            return found

        from ocrx.decoding.viterbi import best_path  # needed with a constraint alone

        small = self.automaton.source.size <= _SMALL_AUTOMATON
        lines = [n for n, texts in enumerate(found) if small or not texts]
        exact = best_path(logits[lines], self.automaton, normalizer[lines]) if lines else []

        for n, classes in zip(lines, exact, strict=True):
            if classes is not None and all(text.classes != classes for text in found[n]):
                log_prob = float(log_likelihoods(logits[n : n + 1], [classes], None, normalizer[n : n + 1])[0])
                text = Hypothesis(classes, log_prob, log_prob + (self.lm.score(classes) if self.lm else 0.0))
                found[n] = sorted([*found[n], text], key=lambda text: -text.score)
        return found

    def accepts(self, classes: Sequence[int]) -> bool:
        """Test a text against the constraint.

        Args:
            classes: The text as classes (>= 1).

        Returns:
            Whether the text satisfies the constraint; True without one.
        """
        return self.automaton is None or self.automaton.accepts(classes)


@dataclass(frozen=True, eq=False)
class ConfidenceGatedDecoder:
    """The best path, except for lines with a low-confidence character, which are searched with the language model.

    Attributes:
        lm: The language model.
        confidence_threshold: A character has low confidence if its score is below this.
        beam: Beam width.
    """

    lm: CharacterModel
    confidence_threshold: float
    beam: int = DEFAULT_BEAM

    def __call__(self, logits: Floats) -> list[Decoded]:
        """Decode logits float32 [N, T, K]."""
        return self.refine(logits, greedy(logits))

    def refine(self, logits: Floats, best_paths: Sequence[Decoded]) -> list[Decoded]:
        """Decode lines from their best paths.

        Args:
            logits: float32 [N, T, K].
            best_paths: The result of ``greedy``.

        Returns:
            The N lines; those without a low-confidence character are the best paths.
        """
        lines = list(best_paths)
        for n, line in enumerate(lines):
            if not line.classes or line.min_score >= self.confidence_threshold:
                continue
            normalizer = log_normalizer(logits[n])
            with self.lm.search():
                classes = single_line_beam_search(np.exp(logits[n] - normalizer[:, None]), self.lm, self.beam)
            if classes != line.classes:
                lines[n] = align_texts(logits[n : n + 1], [classes], normalizer[None])[0]
        return lines


@dataclass(frozen=True, eq=False)
class LexiconDecoder:
    """A soft lexicon: unconstrained text wins if its score exceeds that of the best entry by more than a margin.

    Such a line is marked ``matched=False``.

    Attributes:
        bound: Search among the entries.
        free: Search without the lexicon.
        margin: Nats by which the score of the unconstrained text must exceed that of the best entry.
    """

    bound: BeamDecoder
    free: BeamDecoder
    margin: float

    def __call__(self, logits: Floats) -> list[Decoded]:
        """Decode logits float32 [N, T, K]."""
        normalizer = log_normalizer(logits)
        entries = self.bound.nbest(logits, normalizer)
        texts = self.free.nbest(logits, normalizer)
        chosen = [self._choose(*found) for found in zip(entries, texts, strict=True)]
        lines = align_texts(logits, [text.classes if text else None for text in chosen], normalizer)
        return [replace(line, matched=self.bound.accepts(line.classes)) for line in lines]

    def _choose(self, entries: Sequence[Hypothesis], texts: Sequence[Hypothesis]) -> Hypothesis | None:
        """The best text if it beats the best entry by more than the margin, else that entry."""
        if texts and (not entries or texts[0].score - entries[0].score > self.margin):
            return texts[0]
        return entries[0] if entries else None
