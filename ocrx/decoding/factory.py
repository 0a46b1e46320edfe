"""One decoder for predict and evaluate, on every back end: the best path, or a search under what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ocrx.arrays import Bools, Float64s, Floats
from ocrx.ctc.alignment import Spans, align_lines
from ocrx.ctc.reference import log_likelihoods, log_normalizer
from ocrx.decoding import constraints
from ocrx.decoding.beam import Hypothesis, beam_search
from ocrx.decoding.constraints import Automaton
from ocrx.decoding.greedy import Decoded, greedy
from ocrx.decoding.language_model import CharacterModel, NgramModel
from ocrx.decoding.single_line_beam import sparse_search
from ocrx.decoding.viterbi import best_path
from ocrx.errors import ConfigError, DataError
from ocrx.text.charset import Charset

if TYPE_CHECKING:
    from ocrx.config import DecodeConfig

Decoder = Callable[[Floats], Sequence[Decoded]]
"""Logits float32 [N, T, K] in, one ``Decoded`` a line out. A line's result does not depend on its batch."""

DEFAULT_BEAM = 10
DEFAULT_LM_WEIGHT = 0.5
DEFAULT_LM_BONUS = 0.5

# Up to here the exact search costs less than the beam; it then runs beside it on every line.
_SMALL_AUTOMATON = 2_000


def build_decoder(
    charset: Charset,
    *,
    pattern: str | None = None,
    lexicon: str | Path | Sequence[str] | None = None,
    lexicon_margin: float | None = None,
    allow: str | None = None,
    deny: str | None = None,
    lm: str | Path | NgramModel | None = None,
    lm_weight: float | None = None,
    lm_bonus: float | None = None,
    lm_below: float | None = None,
    beam: int | None = None,
    own_lm: Path | None = None,
) -> Decoder:
    """The decoder that satisfies what is asked; where nothing is, the best path or what the model brings.

    ``pattern``: regular expression that the whole line matches. ``lexicon``: a file with one entry a line, or
    the entries; a line is one of them. With a ``lexicon_margin`` the free reading is kept where it is more than
    e ** margin times as probable as the best entry. ``allow``, ``deny``: characters. All of them hold together.
    ``lm``: character language model; ``lm_weight``, ``lm_bonus`` and ``lm_below`` default to what it was tuned to.
    With ``lm_below``, and no constraint, a line whose every character is as sure as that keeps its best path.
    ``beam``: prefixes kept; default 10, and with nothing else set 1 means the best path.
    ``own_lm``: the model's own language model, which is used where none of the above is given.
    Raises ConfigError for a constraint that nothing can satisfy, DataError for a file.
    """
    if beam is not None and beam < 1:
        raise ConfigError(f"--beam: {beam}; expected at least 1")
    if own_lm is not None and all(v is None for v in (pattern, lexicon, lexicon_margin, allow, deny, lm, beam)):
        lm = own_lm
    if lm is None and any(v is not None for v in (lm_weight, lm_bonus, lm_below)):
        raise ConfigError("--lm-weight, lm_bonus and lm_below need a language model", hint="add --lm lm.json")
    if lexicon is None and lexicon_margin is not None:
        raise ConfigError("--lexicon-margin needs a lexicon", hint="add --lexicon words.txt")
    if charset.direction == "rtl" and (pattern is not None or lm is not None):
        raise ConfigError(
            f"--{'pattern' if pattern is not None else 'lm'}: not possible with a model of right-to-left lines",
            hint="their characters are found from left to right, the wrong way round; use --lexicon, --allow or --deny",
        )
    mask = constraints.from_allowed(charset, allow, deny) if allow is not None or deny else None
    if pattern is None and lexicon is None and lm is None and (beam or 1) == 1:
        return greedy if mask is None else MaskedDecoder(mask)
    automaton: Automaton | None = None
    if pattern is not None:
        automaton = constraints.from_pattern(pattern, charset, mask)
    elif mask is not None:
        automaton = constraints.from_mask(mask)
    model = character_model(charset, lm, lm_weight, lm_bonus) if lm is not None else None
    search = BeamDecoder(beam or DEFAULT_BEAM, automaton, model)
    if lexicon is None:
        below = lm_below if lm_below is not None or model is None else model.below
        return (
            search if model is None or below is None or automaton else ConfidenceGatedDecoder(model, below, search.beam)
        )
    words = read_lexicon(Path(lexicon)) if isinstance(lexicon, str | Path) else lexicon
    entries = constraints.from_lexicon(words, charset, automaton)
    bound = replace(search, automaton=entries.automaton, remark=entries.remark)
    return bound if lexicon_margin is None else LexiconDecoder(bound, search, lexicon_margin)


def decoder_for(charset: Charset, settings: DecodeConfig, own_lm: Path | None = None) -> Decoder:
    """``build_decoder`` with the settings of a configuration, for a model with or without a language model."""
    return build_decoder(
        charset,
        pattern=settings.pattern,
        lexicon=settings.lexicon,
        lexicon_margin=settings.lexicon_margin,
        allow=settings.allow,
        deny=settings.deny,
        lm=settings.lm,
        lm_weight=settings.lm_weight,
        lm_bonus=settings.lm_bonus,
        lm_below=settings.lm_below,
        beam=settings.beam,
        own_lm=own_lm,
    )


def decoder_notice(decoder: Decoder) -> str:
    """What a person should know about a decoder, such as entries of a lexicon that were left out; '' for nothing."""
    if isinstance(decoder, ConfidenceGatedDecoder):
        return f"language model for lines with a character less sure than {decoder.below:g}"
    searching = decoder.bound if isinstance(decoder, LexiconDecoder) else decoder
    return searching.remark if isinstance(searching, BeamDecoder) else ""


def character_model(
    charset: Charset, lm: str | Path | NgramModel, weight: float | None = None, bonus: float | None = None
) -> CharacterModel:
    """A language model over a charset, as strong as asked, as tuned, or as by default."""
    model = lm if isinstance(lm, NgramModel) else NgramModel.load(Path(lm))
    weights = (weight, model.weight, DEFAULT_LM_WEIGHT)
    bonuses = (bonus, model.bonus, DEFAULT_LM_BONUS)
    return CharacterModel(
        model, charset, next(w for w in weights if w is not None), next(b for b in bonuses if b is not None)
    )


def read_lexicon(path: Path) -> list[str]:
    """The lines of a UTF-8 word list, without those that are empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    words = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not words:
        raise DataError(f"{path}: empty; expected one entry a line")
    return words


@dataclass(frozen=True, eq=False)
class MaskedDecoder:
    """The best path over the allowed classes (bool [K]); scores remain the model's own probabilities."""

    mask: Bools

    def __call__(self, logits: Floats) -> list[Decoded]:
        masked = np.where(self.mask, logits, np.float32(-np.inf))
        return _scored(logits, greedy(masked), log_normalizer(logits))


@dataclass(frozen=True, eq=False)
class BeamDecoder:
    """Beam search; under a constraint its result always satisfies it.

    A constraint that is small, or one that the beam found no text for, is also searched exactly, by best path;
    of two texts the more probable one stands.
    """

    beam: int = DEFAULT_BEAM
    automaton: Automaton | None = None
    lm: CharacterModel | None = None
    remark: str = ""

    def __call__(self, logits: Floats) -> list[Decoded]:
        normalizer = log_normalizer(logits)
        best = [texts[0] if texts else None for texts in self.nbest(logits, normalizer)]
        return _aligned(logits, best, normalizer)

    def nbest(self, logits: Floats, normalizer: Float64s | None = None) -> list[list[Hypothesis]]:
        """Each line's texts, best first; empty where no text satisfies the constraint."""
        normalizer = log_normalizer(logits) if normalizer is None else normalizer
        with self.lm.search() if self.lm is not None else nullcontext():
            return self._search(logits, normalizer)

    def _search(self, logits: Floats, normalizer: Float64s) -> list[list[Hypothesis]]:
        found = beam_search(logits, self.beam, automaton=self.automaton, lm=self.lm, normalizer=normalizer)
        if self.automaton is None or logits.shape[1] == 0:
            return found
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
        """Whether a text satisfies the constraint."""
        return self.automaton is None or self.automaton.accepts(classes)


@dataclass(frozen=True, eq=False)
class ConfidenceGatedDecoder:
    """The best path; a line with a character less sure than ``below`` is searched, with the language model."""

    lm: CharacterModel
    below: float
    beam: int = DEFAULT_BEAM

    def __call__(self, logits: Floats) -> list[Decoded]:
        lines = list(greedy(logits))
        for n, line in enumerate(lines):
            if line.classes and line.min_score < self.below:
                normalizer = log_normalizer(logits[n])
                with self.lm.search():
                    classes = sparse_search(np.exp(logits[n] - normalizer[:, None]), self.lm, self.beam)
                if classes != line.classes:
                    lines[n] = _aligned(logits[n : n + 1], [Hypothesis(classes, 0.0, 0.0)], normalizer[None])[0]
        return lines


@dataclass(frozen=True, eq=False)
class LexiconDecoder:
    """A lexicon with a way out: the free reading stands where its score is more than ``margin`` (nats) above
    that of the best entry. It is then marked ``matched=False``, unless it is an entry."""

    bound: BeamDecoder
    free: BeamDecoder
    margin: float

    def __call__(self, logits: Floats) -> list[Decoded]:
        normalizer = log_normalizer(logits)
        chosen: list[Hypothesis | None] = []
        for entries, texts in zip(
            self.bound.nbest(logits, normalizer), self.free.nbest(logits, normalizer), strict=True
        ):
            freed = bool(texts) and (not entries or texts[0].score - entries[0].score > self.margin)
            chosen.append(texts[0] if freed else entries[0] if entries else None)
        lines = _aligned(logits, chosen, normalizer)
        return [replace(line, matched=self.bound.accepts(line.classes)) for line in lines]


def _aligned(logits: Floats, texts: Sequence[Hypothesis | None], normalizer: Float64s) -> list[Decoded]:
    """Frames and scores of known texts; None becomes an empty line that does not match."""
    kept = [text.classes if text else () for text in texts]
    spans: list[Spans] = [()] * len(kept)
    if logits.shape[1]:
        spans = [alignment.spans for alignment in align_lines(logits, kept, normalizer)]
    lines = [
        Decoded(classes, (0.0,) * len(classes), span, matched=text is not None)
        for classes, span, text in zip(kept, spans, texts, strict=True)
    ]
    return _scored(logits, lines, normalizer)


def _scored(logits: Floats, lines: Sequence[Decoded], normalizer: Float64s) -> list[Decoded]:
    """The same lines with the model's own probability of each character: the highest within its span."""
    scored = []
    for n, line in enumerate(lines):
        values = tuple(
            float(np.exp((logits[n, first : last + 1, c] - normalizer[n, first : last + 1]).max()))
            for c, (first, last) in zip(line.classes, line.spans, strict=True)
        )
        scored.append(replace(line, scores=values))
    return scored
