"""The ``Decode`` section: how logits become text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ocrx.config.checks import at_least
from ocrx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocrx.decoding.ngram_model import NgramModel

    LexiconSource = str | Path | Sequence[str]
    LanguageModelSource = str | Path | NgramModel
else:
    # OmegaConf reads the annotations at run time; a configuration can only name files.
    LexiconSource = LanguageModelSource = str

# OmegaConf wants typing.Optional on Python 3.10.
# ruff: noqa: UP045


@dataclass(frozen=True)
class DecodeOptions:
    """Constraints on the text and settings of the search: one value for configuration, command line and Python.

    Without any of them a model is read by its best path, or with the language model that its folder bundles.
    All constraints hold together.

    Attributes:
        pattern: Regular expression that the whole line matches.
        lexicon: File with one possible line a line; in Python also the entries themselves.
        lexicon_margin: Nats by which the score of unconstrained text must exceed that of the best lexicon entry
            to be kept. None: the result is always an entry.
        allow: The only characters that may appear.
        deny: Characters that may not appear.
        lm: Character language model, a file made by ``ocrx lm build``; in Python also an ``NgramModel``.
        lm_weight: Factor of its log-probability; None: as tuned, else 0.5.
        lm_bonus: Nats added for each character; None: as tuned, else 0.5.
        lm_confidence_threshold: The language model is applied only to lines that contain a character with a score
            below this, and without a constraint only. None: as tuned, else to all lines.
        beam: Texts kept at once. None: 10 where a search is needed; 1: the best path alone where that suffices.
    """

    pattern: Optional[str] = None
    lexicon: Optional[LexiconSource] = None
    lexicon_margin: Optional[float] = None
    allow: Optional[str] = None
    deny: Optional[str] = None
    lm: Optional[LanguageModelSource] = None
    lm_weight: Optional[float] = None
    lm_bonus: Optional[float] = None
    lm_confidence_threshold: Optional[float] = None
    beam: Optional[int] = None

    def __post_init__(self) -> None:
        at_least("beam", self.beam, 1)
        for name in ("lexicon_margin", "lm_weight", "lm_bonus", "lm_confidence_threshold"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"{name}: {value}; expected a finite number")
        at_least("lexicon_margin", self.lexicon_margin, 0)
        threshold = self.lm_confidence_threshold
        if threshold is not None and not 0 <= threshold <= 1:
            raise ConfigError(f"lm_confidence_threshold: {threshold}; expected 0 to 1")

    @property
    def selects_decoder(self) -> bool:
        """Whether anything is set that replaces the model's default decoder."""
        chosen = (self.pattern, self.lexicon, self.lexicon_margin, self.allow, self.deny, self.lm, self.beam)
        return any(value is not None for value in chosen)
