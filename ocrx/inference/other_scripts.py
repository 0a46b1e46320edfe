"""Reads the lines again that may be in another script than the main model knows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ocrx.config import DecodeOptions
from ocrx.errors import ConfigError
from ocrx.inference.lines import PreparedLine
from ocrx.inference.results import Prediction
from ocrx.model_spec import ModelSpec

if TYPE_CHECKING:
    from ocrx.inference.recognizer import Recognizer

_LOG = logging.getLogger(__name__)

LOW_CONFIDENCE = 0.8  # lines below it are read again, see benchmarks/embedded_model.md


class OtherScripts:
    """Models of other scripts for the lines of which the main model is not sure.

    A reading takes the place of the main model's if its confidence is higher and it has a character that the main
    model cannot write: what both can write, the main model reads better. Whether and how a line is read again depends
    on that line alone. Safe to call from many threads.

    Args:
        open_models: Opens the models when a line first needs them. They must be calibrated, and take images as the
            main model does.
        names: Their names.
    """

    def __init__(self, open_models: Callable[[], Sequence[Recognizer]], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._open = open_models
        self._opened: tuple[Recognizer, ...] | None = None
        self._lock = threading.Lock()

    def models(self) -> tuple[Recognizer, ...]:
        """Return the models, which are opened on the first call only.

        Returns:
            The models.
        """
        with self._lock:
            if self._opened is None:
                self._opened = tuple(self._open())
            return self._opened

    def with_options(self, options: DecodeOptions) -> OtherScripts:
        """Read with other settings of the decoder. A model whose characters cannot satisfy them is left out.

        Args:
            options: How logits become text.

        Returns:
            The same networks with these settings.
        """
        return OtherScripts(
            lambda: [found for model in self.models() if (found := _constrained(model, options))], self.names
        )

    def reread(
        self, lines: Sequence[PreparedLine], predictions: Sequence[Prediction], spec: ModelSpec
    ) -> list[Prediction]:
        """Read lines of low confidence with the other models.

        Args:
            lines: Lines of one bucket width.
            predictions: What the main model made of them.
            spec: The main model.

        Returns:
            The most trusted prediction of each line, with the name of its model.
        """
        best = [replace(prediction, model=spec.name) for prediction in predictions]
        uncertain = [n for n, found in enumerate(predictions) if (found.confidence or 0.0) < LOW_CONFIDENCE]
        if not uncertain:
            return best
        known = frozenset(spec.charset)

        for model in self.models():
            found = model.read_lines([lines[n] for n in uncertain])
            for n, other in zip(uncertain, found, strict=True):
                if (other.confidence or 0.0) > (best[n].confidence or 0.0) and not known.issuperset(other.text):
                    best[n] = replace(other, model=model.spec.name)
        return best


def _constrained(model: Recognizer, options: DecodeOptions) -> Recognizer | None:
    try:
        return model.with_options(options)
    except ConfigError as error:
        _LOG.info("%s does not read with these settings: %s", model.spec.name, error.message)
        return None
