"""The one predictor: images in, texts out, in order, whatever the runtime.

Images are read and resized ahead in threads, sorted by bucket width inside a window, read by the network in batches
of one width, and decoded while the next batch runs. Nothing that an image is batched with changes its text.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image

from ocrx.arrays import Floats, Pixels
from ocrx.backends import Backend, lines_at_once, named_file, open_backend
from ocrx.config import Config, DecodeOptions
from ocrx.decoding.factory import Decoder, build_decoder
from ocrx.decoding.greedy import Decoded, greedy
from ocrx.decoding.language_model import NgramModel
from ocrx.errors import ConfigError, DataError, ModelError
from ocrx.imaging.preparation import pad, resize, rotate_if_tall, scale
from ocrx.inference.inputs import ImageInput, Input, iter_inputs
from ocrx.inference.line_segmentation import Box, line_boxes, page_warning
from ocrx.inference.results import Prediction
from ocrx.inference.spans import ColumnProfile, DeferredSpans, PixelSpans, character_spans, word_spans
from ocrx.inference.tuned_settings import load_tuned_settings
from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE, bundled_language_model, find_model_folder, reject_url
from ocrx.model_spec import ModelSpec
from ocrx.text.charset import Charset

BATCH_SIZE = 16
WINDOW = 512  # images sorted together; also bounds memory
_CHUNK = 8  # images read by one task
_LOG = logging.getLogger(__name__)


@dataclass(eq=False)
class _Line:
    """One image on its way: where it came from, its pixels as the network wants them, its size as the steps turn it."""

    item: ImageInput
    pixels: Pixels | None = None
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    error: str | None = None
    warning: str | None = None
    line_index: int | None = None
    box: Box | None = None


@dataclass
class _Window:
    """Lines in the order of the input, and the batches that are being read: indices into ``lines`` and results."""

    lines: list[_Line]
    batches: list[tuple[list[int], Future[list[Prediction]]]]


class Recognizer:
    """Reads lines with one model on one back end.

    ``decoder`` turns logits [N, T, K] into classes, scores and frames; default: the best path.
    """

    def __init__(self, backend: Backend, decoder: Decoder = greedy, batch_size: int = BATCH_SIZE) -> None:
        self.backend = backend
        self.batch_size = batch_size
        self.spec: ModelSpec = backend.spec
        self.charset = Charset.from_spec(self.spec)
        self.decoder = decoder

    def predict(
        self,
        input: Input,  # noqa: A002  # PaddleX's name
        batch_size: int | None = None,
        *,
        split_lines: bool = False,
        options: DecodeOptions | None = None,
        pattern: str | None = None,
        lexicon: str | Path | Sequence[str] | None = None,
        lexicon_margin: float | None = None,
        allow: str | None = None,
        deny: str | None = None,
        lm: str | Path | NgramModel | None = None,
        lm_weight: float | None = None,
        beam: int | None = None,
    ) -> Iterator[Prediction]:
        """Read everything ``input`` means, lazily, results in the order of the input.

        An image that cannot be read gives a Prediction with ``error``; the others are still read. With
        ``split_lines`` an image of several lines (a clean, upright page) gives one Prediction for each.
        ``options`` says how logits become text; the keywords from ``pattern`` on are its fields, for short calls.
        Where neither sets anything, the recognizer's own ``decoder`` is used.
        Raises ConfigError for options and keywords together, and as ``ocrx.decoding.factory.build_decoder`` does.
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
        )
        if options is None:
            options = keywords
        elif keywords != DecodeOptions():
            raise ConfigError("options: set beside keywords of the same meaning", hint="put everything into `options`")

        reader = self if options == DecodeOptions() else self.with_decoder(build_decoder(self.charset, options))
        return reader._checked_stream(iter_inputs(input), batch_size, split_lines)

    def with_decoder(self, decoder: Decoder) -> Recognizer:
        """The same network, read out another way."""
        return Recognizer(self.backend, decoder, self.batch_size)

    def predict_inputs(self, inputs: Iterable[ImageInput], batch_size: int | None = None) -> Iterator[Prediction]:
        """``predict`` for images that are found already: exactly one result for each item, in order."""
        return self._checked_stream(iter(inputs), batch_size, False)

    def _checked_stream(self, items: Iterator[ImageInput], batch_size: int | None, split: bool) -> Iterator[Prediction]:
        size = self.batch_size if batch_size is None else batch_size
        if not isinstance(size, Integral) or size < 1:
            raise ConfigError(f"batch_size: {size!r}; expected a whole number, at least 1")
        return self._stream(items, size, split)

    def _stream(self, items: Iterator[ImageInput], batch_size: int, split: bool) -> Iterator[Prediction]:
        size = batch_size
        window = list(islice(items, size))
        if len(window) == 1:
            for line in self._load(window[0], split):
                yield self._recognize([line])[0] if line.pixels is not None else _failure(line)
            window = list(islice(items, size))
        if not window:
            return
        with _executors(self.backend) as (readers, network):
            running: _Window | None = None
            while window:
                chunks = [window[i : i + _CHUNK] for i in range(0, len(window), _CHUNK)]
                reading = [readers.submit(self._load_all, chunk, split) for chunk in chunks]
                if running is not None:
                    yield from _collect(running)
                lines = [line for chunk in reading for line in chunk.result()]
                running = self._submit(lines, batch_size, network)
                # The first results come soon; later windows are large enough to sort well.
                size = max(batch_size, min(size * 2, WINDOW))
                window = list(islice(items, size))
            if running is not None:
                yield from _collect(running)

    def _load_all(self, items: Sequence[ImageInput], split: bool) -> list[_Line]:
        return [line for item in items for line in self._load(item, split)]

    def _load(self, item: ImageInput, split: bool) -> list[_Line]:
        """The line of an image, or its lines where they are to be cut apart."""
        try:
            image = item.load()
        except DataError as error:
            return [_Line(item, error=error.message)]
        if split:
            boxes = line_boxes(image)
            if len(boxes) > 1:
                return [self._cut(item, image, index, box) for index, box in enumerate(boxes)]
        line, upright = self._prepared(item, image)
        line.warning = (None if split else page_warning(upright)) or self._squeezed(upright)
        return [line]

    def _prepared(self, item: ImageInput, image: Image.Image) -> tuple[_Line, Image.Image]:
        """The line that ``image`` shows, and the image as it stands to be read."""
        upright = rotate_if_tall(image, self.spec.image)
        return _Line(item, resize(image, self.spec.image), upright.size, turned=upright is not image), upright

    def _squeezed(self, image: Image.Image) -> str | None:
        """Says so where a line is longer than the network reads."""
        spec = self.spec.image
        wanted = math.ceil(spec.height * image.width / image.height)
        if wanted <= spec.max_width:
            return None
        return f"{image.width}x{image.height} pixels, squeezed to {spec.max_width / wanted:.0%} of its width"

    def _cut(self, item: ImageInput, page: Image.Image, index: int, box: Box) -> _Line:
        line, _ = self._prepared(item, page.crop(box))
        return replace(line, line_index=index, box=box)

    def _submit(self, lines: list[_Line], batch_size: int, network: Executor) -> _Window:
        """Start reading ``lines`` in batches of one bucket width each."""
        buckets: dict[int, list[int]] = {}
        for index, line in enumerate(lines):
            if line.pixels is not None:
                buckets.setdefault(self.spec.image.bucket_width(line.pixels.shape[1]), []).append(index)
        batches = []
        for width, members in sorted(buckets.items()):
            size = lines_at_once(self.backend, width, batch_size)
            for start in range(0, len(members), size):
                indices = members[start : start + size]
                batches.append((indices, network.submit(self._recognize, [lines[i] for i in indices])))
        return _Window(lines, batches)

    def _recognize(self, lines: Sequence[_Line]) -> list[Prediction]:
        """Read lines whose pixels have the same bucket width."""
        logits = self.backend.logits(self._batch(lines))
        return [self._prediction(line, decoded) for line, decoded in zip(lines, self.decoder(logits), strict=True)]

    def _batch(self, lines: Sequence[_Line]) -> Floats:
        spec = self.spec.image
        pixels = [line.pixels for line in lines if line.pixels is not None]
        width = spec.bucket_width(pixels[0].shape[1])
        if len(pixels) == 1:
            return pad(scale(pixels[0], spec), width, spec)[None]
        batch = np.full((len(pixels), spec.channels, spec.height, width), spec.pad, dtype=np.float32)
        for row, image in zip(batch, pixels, strict=True):
            row[:, :, : image.shape[1]] = scale(image, spec)
        return batch

    def _prediction(self, line: _Line, decoded: Decoded) -> Prediction:
        order = self.charset.reading_order(decoded.classes)
        characters, words = self._spans(line, decoded, order)
        return Prediction(
            text=self.charset.decode(decoded.classes),
            score=decoded.score,
            min_score=decoded.min_score,
            char_scores=tuple(decoded.scores[i] for i in order),
            char_spans=characters,
            word_spans=words,
            input_path=line.item.name,
            page_index=line.item.page_index,
            warning=line.warning,
            matched=decoded.matched,
            line_index=line.line_index,
            box=line.box,
            image_size=line.size,
            turned=line.turned,
            source=line.item.load,
        )

    def _spans(self, line: _Line, decoded: Decoded, order: Sequence[int]) -> tuple[PixelSpans, PixelSpans]:
        """Spans of the characters and of the words in the order of the text; found when they are first read."""
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


def create_model(
    model_name: str | None = None,
    model_dir: str | Path | None = None,
    device: str | None = None,
    use_hpip: bool = False,
    backend: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
) -> Recognizer:
    """Open a model for prediction: a folder, a file in one, a name, or without either the embedded one.

    ``model_name`` may be a folder too. ``device``: ``auto`` (default), ``cpu``, ``gpu``, ``gpu:0``, ``mps``.
    ``precision``: fp32 (default), fp16, bf16 or int8, of a file that ``ocrx export`` made.
    ``use_hpip`` takes back end, precision, threads and batch size as ``ocrx benchmark --tune`` found them fastest on
    this machine; what is given here goes before. Where it was never run, that is logged and changes nothing.
    A language model in the folder reads along (``predict(beam=1)`` is without it).
    Raises ModelError where there is no such model, BackendError where the runtime or device is missing.
    """
    model = find_model(model_name, model_dir)
    opened, batch_size = _open(model, device, use_hpip, backend, threads, precision)
    decoder = build_decoder(Charset.from_spec(opened.spec), bundled_lm=bundled_language_model(model))
    return Recognizer(opened, decoder, batch_size)


def _open(
    model: Path, device: str | None, use_hpip: bool, backend: str | None, threads: int | None, precision: str | None
) -> tuple[Backend, int]:
    """The back end for a model, and how many lines it should read at once."""
    tuned = load_tuned_settings(model) if use_hpip else None
    if use_hpip and tuned is None:
        _LOG.warning("%s: never tuned on this machine, read as without it; see `ocrx benchmark --tune`", model)
    if tuned is None:
        return open_backend(model, backend or "auto", device or "auto", threads, precision or "fp32"), BATCH_SIZE
    # The two were found together: another back end may not hold this precision. A file says itself what reads it.
    # Settings that lie in a folder are no consent to TorchScript, which runs code.
    asked = backend == tuned.backend or (backend in (None, "auto") and tuned.backend != "torchscript")
    fits = asked and precision in (None, tuned.precision)
    if fits and model.is_dir():
        backend, precision = tuned.backend, tuned.precision
    opened = open_backend(model, backend or "auto", device or "auto", threads or tuned.threads, precision or "fp32")
    return opened, tuned.batch_size


def open_model(config: Config) -> tuple[Path, Recognizer]:
    """Where the model lies that ``config.Predict`` names, and the model, read as ``config.Decode`` says."""
    settings = config.Predict
    model = find_model(None, settings.model_dir, key="Predict.model_dir")
    device, threads = config.Global.device, config.Global.threads
    opened, batch_size = _open(model, device, settings.use_hpip, settings.backend, threads, settings.precision)
    decoder = build_decoder(Charset.from_spec(opened.spec), config.Decode, bundled_language_model(model))
    return model, Recognizer(opened, decoder, batch_size)


def find_model(model_name: str | None = None, model_dir: str | Path | None = None, *, key: str = "model_dir") -> Path:
    """The model folder, or the exported file in one, that a name or path means; without either the embedded model.

    ``key`` is the setting that errors name.
    Raises ConfigError for an empty name or an address, ModelError where the model is not there.
    """
    given = model_name if model_dir is None else str(model_dir)
    if given is None:
        return _named_model(_embedded_name())
    if not given:
        raise ConfigError(f"{key}: an empty name", hint="give a model folder, a file in one, or a name")
    reject_url(key, given)
    path = Path(given)
    if path.exists() or path.suffix or "/" in given:
        folder = find_model_folder(path)
        return path if path.is_file() and named_file(path) else folder
    return _named_model(given)


def _named_model(name: str) -> Path:
    names = sorted(path.parent.name for path in EMBEDDED_DIR.glob(f"*/{SPEC_FILE}"))
    if name in names:
        return EMBEDDED_DIR / name
    hint = f"embedded: {', '.join(names)}" if names else "train one with `ocrx train`, then give its folder"
    if not name:
        raise ModelError("no model given, and none is embedded in this installation", hint=hint)
    from ocrx.zoo.catalog import refuse_weightless  # only where reading fails

    refuse_weightless(name)
    raise ModelError(f"{name}: neither a model folder nor the name of an embedded model", hint=hint)


def describe(folder: Path, backend: Backend) -> str:
    """Which model reads, and on what: one line for stderr."""
    name = f" ({backend.spec.name})" if backend.spec.name else ""
    threads = f"{backend.threads} thread{'s' if backend.threads != 1 else ''}"
    return f"model {folder}{name}, {backend.name}, {threads}"


def _embedded_name() -> str:
    try:
        module = import_module("ocrx.zoo.embedded")
    except ModuleNotFoundError:
        return ""
    return str(module.DEFAULT)


def _failure(line: _Line) -> Prediction:
    item = line.item
    return Prediction(input_path=item.name, page_index=item.page_index, error=line.error, source=item.load)


def _collect(window: _Window) -> Iterator[Prediction]:
    """The results of a window in the order of the input, once all its batches are read."""
    results: list[Prediction | None] = [None] * len(window.lines)
    for indices, batch in window.batches:
        for index, prediction in zip(indices, batch.result(), strict=True):
            results[index] = prediction
    for line, result in zip(window.lines, results, strict=True):
        yield result if result is not None else _failure(line)


@contextmanager
def _executors(backend: Backend) -> Iterator[tuple[Executor, Executor]]:
    """Threads that read images, and threads that call the network; the same ones where it may be called from all."""
    readers = ThreadPoolExecutor(backend.threads, thread_name_prefix="ocrx")
    network = readers if backend.parallel >= backend.threads else ThreadPoolExecutor(backend.parallel)
    try:
        yield readers, network
    finally:
        for pool in (readers, network):
            pool.shutdown(wait=True, cancel_futures=True)
