"""The one predictor for every back end: images in, texts out, in order.

Threads open and resize images ahead. Within a window, lines are sorted by bucket width, read by the network in batches
of one width, and decoded while the next batch runs. The text of an image does not depend on its batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from ocrx.backends import Backend
from ocrx.config import DecodeOptions
from ocrx.decoding.factory import Decoder, build_decoder, decode_beside_best_path
from ocrx.decoding.greedy import Decoded, greedy
from ocrx.errors import ConfigError
from ocrx.inference.batching import stack_lines, width_batches
from ocrx.inference.confidence import line_confidence, typical_score, unfamiliar_warning
from ocrx.inference.inputs import ImageInput, Input, iter_inputs
from ocrx.inference.lines import ONE_LINE, Layout, PreparedLine, load_lines
from ocrx.inference.results import Prediction
from ocrx.inference.spans import ColumnProfile, DeferredSpans, PixelSpans, character_spans, word_spans
from ocrx.model_spec import CalibrationSpec, ModelSpec
from ocrx.pages.finder import LineFinder
from ocrx.text.charset import Charset

if TYPE_CHECKING:
    from ocrx.decoding.ngram_model import NgramModel
    from ocrx.inference.other_scripts import OtherScripts

BATCH_SIZE = 16
WINDOW = 512  # images sorted together; also bounds memory

LINES = ("one", "split", "detect")
ORIENTATIONS = ("none", "auto")

_CHUNK = 8  # images opened by one task


@dataclass(frozen=True)
class _Window:
    """Lines in the order of the input, and their batches: indices into ``lines`` with pending results."""

    lines: list[PreparedLine]
    batches: list[tuple[list[int], Future[list[Prediction]]]]


class Recognizer:
    """Reads lines with one model on one back end.

    A recognizer may be used from many threads at once, with the same or different decoding options; results are the
    same as from a single thread. As many threads run the network at a time as the back end allows.

    Attributes:
        backend: The network.
        decoder: Turns logits float32 [N, T, K] into classes, scores and frames.
        batch_size: Lines in a batch, unless ``predict`` is given another number.
        spec: The model's spec.
        charset: Its characters.
        calibration: Maps character scores to a confidence; None for a model that was never calibrated.
        others: Models that read lines of low confidence too, see ``create_model(lang="auto")``.
        effort: ``normal``, or ``high``: lines of low confidence are read twice, see ``DecodeOptions``.
    """

    def __init__(
        self,
        backend: Backend,
        decoder: Decoder = greedy,
        batch_size: int = BATCH_SIZE,
        calibration: CalibrationSpec | None = None,
        others: OtherScripts | None = None,
        effort: str | None = None,
    ) -> None:
        """Wrap a back end.

        Args:
            backend: The network.
            decoder: Turns logits into classes; by default the best path.
            batch_size: Lines in a batch, unless ``predict`` is given another number.
            calibration: By default that of the back end's spec.
            others: Models of other scripts, for lines of low confidence.
            effort: ``high`` reads lines of low confidence twice.
        """
        self.backend = backend
        self.batch_size = batch_size
        self.spec: ModelSpec = backend.spec
        self.charset = Charset.from_spec(self.spec)
        self.decoder = decoder
        self.calibration = calibration or self.spec.calibration
        self.others = others
        self.effort = effort or "normal"
        self._network_slots = threading.BoundedSemaphore(backend.parallel)
        self._finder = LineFinder(backend.threads)

    def predict(  # noqa: PLR0913  # public, the fields of DecodeOptions as keywords
        self,
        input: Input,  # noqa: A002  # PaddleX's name
        batch_size: int | None = None,
        *,
        lines: str = "one",
        orientation: str | None = None,
        split_lines: bool = False,
        channel_order: str = "RGB",
        options: DecodeOptions | None = None,
        pattern: str | None = None,
        lexicon: str | Path | Sequence[str] | None = None,
        lexicon_margin: float | None = None,
        allow: str | None = None,
        deny: str | None = None,
        lm: str | Path | NgramModel | None = None,
        lm_weight: float | None = None,
        beam: int | None = None,
        effort: str | None = None,
    ) -> Iterator[Prediction]:
        """Read images lazily, results in the order of the input. Safe to call from many threads at once.

        Results do not depend on other calls, whatever decoding options these use. An image that cannot be read gives a
        Prediction with ``error``; the others are still read.

        Args:
            input: A path, URL, folder, glob pattern, PDF, array, Pillow image, bytes, open file, ``{"img": …}``, or an
                iterable of these.
            batch_size: Lines in a batch; affects the speed, never the text.
            lines: ``one``: an image is a line. ``split``: cut clean, upright pages at the white space between lines.
                ``detect``: find the lines of any page, in reading order (extra ``page``). Lines that were cut out
                have a ``line_index`` and a ``box``: left, top, right and bottom, or with ``detect`` a polygon.
            orientation: ``auto``: turn lines that are upside down (extra ``page``); ``none``: read them as they are.
                Default: ``auto`` with ``detect``, else ``none``.
            split_lines: Former name of ``lines="split"``.
            channel_order: Order of the channels of NumPy arrays: ``RGB``, or ``BGR`` as in OpenCV and PaddleX.
            options: How logits become text. The keywords from ``pattern`` on set its fields one by one. If nothing is
                set, the recognizer's own ``decoder`` is used.
            pattern: Regular expression that the whole line matches.
            lexicon: The possible lines, or a file with one on each line.
            lexicon_margin: Keep a reading outside the lexicon that is e ** margin times as probable as the best entry.
            allow: Characters that may occur.
            deny: Characters that may not occur.
            lm: Character language model.
            lm_weight: Weight of the language model.
            beam: Prefixes kept in the search.
            effort: ``high`` reads lines of low confidence a second time, a little wider.

        Returns:
            An iterator over one Prediction for each image or line.

        Raises:
            ConfigError: Options and keywords are given together, a value is invalid, or no text satisfies the
                constraints.
            BackendError: The extra ``page`` is needed and missing.
            DataError: A lexicon or language model cannot be read.
        """
        keywords = DecodeOptions(
            pattern=pattern,
            lexicon=lexicon,
            lexicon_margin=lexicon_margin,
            allow=allow,
            deny=deny,
            lm=lm,
            lm_weight=lm_weight,
            beam=beam,
            effort=effort,
        )
        if options is None:
            options = keywords
        elif keywords != DecodeOptions():
            raise ConfigError(
                "options: given together with decoding keywords; expected one of them", hint="put all into `options`"
            )

        if split_lines and lines == "detect":
            raise ConfigError(
                "split_lines: given together with lines 'detect'; expected one of them",
                hint="leave out split_lines, the former name of lines 'split'",
            )
        layout = self.layout("split" if split_lines else lines, orientation)
        return self.with_options(options)._checked_stream(iter_inputs(input, channel_order), batch_size, layout)

    def with_decoder(self, decoder: Decoder) -> Recognizer:
        """Use another decoder on the same network. As it fits this model's classes only, ``others`` is dropped.

        Args:
            decoder: The decoder.

        Returns:
            A recognizer that shares the back end with this one.
        """
        other = Recognizer(self.backend, decoder, self.batch_size, self.calibration, effort=self.effort)
        other._network_slots = self._network_slots
        other._finder = self._finder
        return other

    def with_options(self, options: DecodeOptions) -> Recognizer:
        """Use other decoding options on the same network.

        Args:
            options: How logits become text.

        Returns:
            A recognizer that shares the back end with this one; this one itself if no option is set.

        Raises:
            ConfigError: A value has no meaning, or nothing satisfies the constraints.
            DataError: A lexicon or language model cannot be read.
        """
        if options == DecodeOptions():
            return self
        decodes = replace(options, effort=None) != DecodeOptions()
        other = self.with_decoder(build_decoder(self.charset, options) if decodes else self.decoder)
        other.effort = options.effort or self.effort
        other.others = None if self.others is None else self.others.with_options(options)
        return other

    def predict_inputs(self, inputs: Iterable[ImageInput], batch_size: int | None = None) -> Iterator[Prediction]:
        """Read images that ``iter_inputs`` found, see ``predict``.

        Args:
            inputs: The images.
            batch_size: Lines in a batch.

        Returns:
            An iterator over exactly one Prediction for each input, in order.

        Raises:
            ConfigError: ``batch_size`` is not a positive whole number.
        """
        return self._checked_stream(iter(inputs), batch_size, ONE_LINE)

    def layout(self, lines: str = "one", orientation: str | None = None) -> Layout:
        """Determine how the lines of an image are found, for ``load_lines``; see ``predict`` for the values.

        Args:
            lines: ``one``, ``split`` or ``detect``.
            orientation: ``auto``, ``none`` or None.

        Returns:
            The layout; networks for it are loaded on first use, once for this recognizer.

        Raises:
            ConfigError: A value has no meaning.
            BackendError: The extra ``page`` is needed and missing.
        """
        for name, value, choices in (("lines", lines, LINES), ("orientation", orientation or "none", ORIENTATIONS)):
            if value not in choices:
                raise ConfigError(f"{name}: {value!r}; expected one of {', '.join(choices)}")
        turn = orientation == "auto" or (orientation is None and lines == "detect")
        if turn or lines == "detect":
            self._finder.check_installed("lines='detect'" if lines == "detect" else "orientation='auto'")
        return Layout(lines, turn, self.spec.direction == "rtl", self._finder)

    def _checked_stream(
        self, inputs: Iterator[ImageInput], batch_size: int | None, layout: Layout
    ) -> Iterator[Prediction]:
        size = self.batch_size if batch_size is None else batch_size
        if not isinstance(size, Integral) or size < 1:
            raise ConfigError(f"batch_size: {size!r}; expected a whole number, at least 1")
        return self._stream(inputs, size, layout)

    def _stream(self, inputs: Iterator[ImageInput], batch_size: int, layout: Layout) -> Iterator[Prediction]:
        image_spec = self.spec.image
        # A page has lines enough for a window of its own, and the detector works on one page at a time.
        size, most = (1, 1) if layout.lines == "detect" else (batch_size, max(WINDOW, batch_size))
        window = list(islice(inputs, size))

        # A single image needs no threads, and should not wait for them to start.
        if len(window) == 1 and layout.lines == "one":
            (line,) = load_lines(window, image_spec, layout)
            yield self.read_lines([line])[0] if line.pixels is not None else failed_prediction(line)
            window = list(islice(inputs, size))
        if not window:
            return

        growth = 2
        with _executors(self.backend) as (readers, network):
            running: _Window | None = None
            while window:
                chunks = [window[i : i + _CHUNK] for i in range(0, len(window), _CHUNK)]
                opening = [readers.submit(load_lines, chunk, image_spec, layout) for chunk in chunks]
                if running is not None:
                    yield from _collect(running)

                lines = [line for chunk in opening for line in chunk.result()]
                running = self._submit(lines, batch_size, network)
                # The first results come soon; later windows are large enough to sort well.
                size, growth = min(size * growth, most), 4
                window = list(islice(inputs, size))
            if running is not None:
                yield from _collect(running)

    def _submit(self, lines: list[PreparedLine], batch_size: int, network: Executor) -> _Window:
        """Start reading lines in batches of one bucket width each."""
        batches = [
            (indices, network.submit(self.read_lines, [lines[index] for index in indices]))
            for indices in width_batches([line.pixels for line in lines], self.backend, batch_size)
        ]
        return _Window(lines, batches)

    def read_lines(self, lines: Sequence[PreparedLine]) -> list[Prediction]:
        """Read one batch of prepared lines, in this thread. Safe to call from many threads at once.

        Args:
            lines: Lines of one bucket width that could be opened, at least one.

        Returns:
            One Prediction for each line.
        """
        pixels = [line.pixels for line in lines if line.pixels is not None]
        with self._network_slots:
            logits = self.backend.logits(stack_lines(pixels, self.spec.image))

        # How familiar an image is must not depend on the constraints of the decoder.
        found, best_paths = decode_beside_best_path(self.decoder, logits)
        if self.effort == "high":
            from ocrx.decoding.two_readings import join_readings  # only where lines are read twice
            from ocrx.inference.second_reading import wider_logits

            with self._network_slots:
                wider = wider_logits(pixels, best_paths, self.backend)
            found = join_readings(self.decoder, logits, wider, found)
        read = [
            self._prediction(line, decoded, typical_score(best.scores))
            for line, decoded, best in zip(lines, found, best_paths, strict=True)
        ]
        return read if self.others is None else self.others.reread(lines, read, self.spec)

    def _prediction(self, line: PreparedLine, decoded: Decoded, typical: float) -> Prediction:
        order = self.charset.reading_order(decoded.classes)
        characters, words = self._spans(line, decoded, order)
        confidence, warning = None, line.warning
        if self.calibration is not None:
            confidence = line_confidence(decoded.scores, self.calibration)
            warning = warning or unfamiliar_warning(typical, line.size, self.calibration)

        return Prediction(
            text=self.charset.decode(decoded.classes),
            score=decoded.score,
            min_score=decoded.min_score,
            typical_score=typical,
            confidence=confidence,
            char_scores=tuple(decoded.scores[i] for i in order),
            char_spans=characters,
            word_spans=words,
            input_path=line.source.name,
            page_index=line.source.page_index,
            warning=warning,
            matched=decoded.matched,
            line_index=line.line_index,
            box=line.box,
            page_size=line.page_size,
            image_size=line.size,
            turned=line.turned,
            source=line.source.load,
        )

    def _spans(self, line: PreparedLine, decoded: Decoded, order: Sequence[int]) -> tuple[PixelSpans, PixelSpans]:
        """Spans of the characters and of the words in the order of the text, computed on first use."""
        if line.pixels is None or not decoded.classes:
            return (), ()
        profile = ColumnProfile.from_pixels(line.pixels)

        def spaces() -> list[bool]:
            return [self.charset.characters[c - 1].isspace() for c in decoded.classes]

        def characters() -> PixelSpans:
            spans = character_spans(decoded.spans, self.spec.frames, profile, spaces(), line.size[0])
            return tuple(spans[i] for i in order)

        def words() -> PixelSpans:
            blank = spaces()
            return word_spans(found, [blank[i] for i in order])

        found = DeferredSpans(characters)
        return found, DeferredSpans(words)


def failed_prediction(line: PreparedLine) -> Prediction:
    """Create the result for an image that could not be opened or has no text.

    Args:
        line: The line, without pixels.

    Returns:
        A Prediction with ``error``, or one without text.
    """
    return Prediction(
        input_path=line.source.name,
        page_index=line.source.page_index,
        error=line.error,
        warning=line.warning,
        image_size=line.page_size,
        page_size=line.page_size,
        source=line.source.load,
    )


def _collect(window: _Window) -> Iterator[Prediction]:
    """Yield the results of a window in the order of the input."""
    results: list[Prediction | None] = [None] * len(window.lines)
    for indices, batch in window.batches:
        for index, prediction in zip(indices, batch.result(), strict=True):
            results[index] = prediction
    for line, result in zip(window.lines, results, strict=True):
        yield result if result is not None else failed_prediction(line)


@contextmanager
def _executors(backend: Backend) -> Iterator[tuple[Executor, Executor]]:
    """Threads that open images and threads that run the network; the same pool where all may run it."""
    readers = ThreadPoolExecutor(backend.threads, thread_name_prefix="ocrx")
    network = readers if backend.parallel >= backend.threads else ThreadPoolExecutor(backend.parallel)
    try:
        yield readers, network
    finally:
        for pool in (readers, network):
            pool.shutdown(wait=True, cancel_futures=True)
