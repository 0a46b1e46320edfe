"""The ``Decode`` section: how logits become text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from ocrx.config.ranges import Fraction
from ocrx.errors import ConfigError
from ocrx.schema import Choice, Range, check_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocrx.decoding.ngram_model import NgramModel

    LexiconSource = str | Path | Sequence[str]
    LanguageModelSource = str | Path | NgramModel
else:
    # The annotations are the schema of a configuration, which can only name files.
    LexiconSource = LanguageModelSource = str


EFFORTS = ("normal", "high")


@dataclass(frozen=True)
class DecodeOptions:
    """Constraints on the text and settings of the search: one value for configuration, command line and Python.

    If nothing is set, the result is the best path, corrected by the language model of the model's folder if it has one.
    All constraints apply together.

    Attributes:
        pattern: Regular expression that the whole line matches.
        lexicon: File with one possible text per line; in Python also the texts themselves.
        lexicon_margin: Nats by which the score of unconstrained text must exceed that of the best lexicon entry
            to be kept. None: the result is always an entry.
        allow: The only characters that may occur.
        deny: Characters that may not occur.
        lm: Character language model, a file made by ``ocrx lm build``; in Python also an ``NgramModel``.
        lm_weight: Factor of its log-probability; None means the tuned value, else 0.5.
        lm_bonus: Nats added per character; None means the tuned value, else 0.5.
        lm_confidence_threshold: Apply the language model only to lines that contain a character with a score below
            this; has no effect together with a constraint. None means the tuned value, else all lines.
        beam: Beam width. None means 10 if a search is needed; 1 means the best path if that suffices.
        effort: ``high`` reads lines of low confidence a second time, a little wider; ``normal`` reads each line once.
            None means the setting of the opened model, else ``normal``.
    """

    pattern: str | None = None
    lexicon: LexiconSource | None = None
    lexicon_margin: Annotated[float, Range(0, 1_000_000)] | None = None
    allow: str | None = None
    deny: str | None = None
    lm: LanguageModelSource | None = None
    lm_weight: Annotated[float, Range(-1000, 1000)] | None = None
    lm_bonus: Annotated[float, Range(-1000, 1000)] | None = None
    lm_confidence_threshold: Fraction | None = None
    beam: Annotated[int, Range(1, 10_000)] | None = None
    effort: Annotated[str, Choice(*EFFORTS)] | None = None

    def __post_init__(self) -> None:
        check_ranges(self, error=ConfigError)

    @property
    def selects_decoder(self) -> bool:
        """Whether any field is set that replaces the model's default decoder."""
        chosen = (self.pattern, self.lexicon, self.lexicon_margin, self.allow, self.deny, self.lm, self.beam)
        return any(value is not None for value in chosen)
