"""``ocrx explain``: shows why a line is read as it is, in numbers and in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ocrx.arrays import Float64s, Floats, Pixels
from ocrx.config import Config
from ocrx.ctc.alignment import align_lines
from ocrx.ctc.frames import required_frames
from ocrx.ctc.reference import emissions, extend, forward, log_likelihoods, log_softmax
from ocrx.decoding.factory import DEFAULT_BEAM, BeamDecoder
from ocrx.decoding.greedy import greedy
from ocrx.decoding.lattice_plot import Lattice, Panels, draw_explanation
from ocrx.errors import DataError
from ocrx.files import write_json
from ocrx.imaging.preparation import pad, resize, rotate_if_tall, scale
from ocrx.imaging.reading import read_image
from ocrx.inference.opening import describe, open_model
from ocrx.inference.spans import ColumnProfile, Span, character_spans
from ocrx.model_spec import ModelSpec
from ocrx.text.charset import BLANK, Charset

ALTERNATIVES = 3
NBEST = 5
PICTURE = "explain.png"


@dataclass(frozen=True)
class Alternative:
    """Another class for a character, at the frame where the character is most probable; '' is the blank."""

    text: str
    probability: float


@dataclass(frozen=True)
class Character:
    """One character of a text on its best path.

    Attributes:
        text: The character.
        probability: Highest probability within its frames.
        frames: First and last frame, both inclusive.
        pixels: Left and right edge in the original image.
        alternatives: The most probable other classes.
    """

    text: str
    probability: float
    frames: tuple[int, int]
    pixels: Span
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class Reading:
    """A text and its probability under the model.

    Attributes:
        text: The text.
        classes: Its classes, from left to right.
        log_likelihood: Natural logarithm of its probability, summed over all paths; None if it does not fit into the
            frames.
        characters: Its characters on the best path.
    """

    text: str
    classes: tuple[int, ...]
    log_likelihood: float | None
    characters: tuple[Character, ...]


@dataclass(frozen=True)
class Explanation:
    """The explanation of one line.

    Attributes:
        image: Path of the image.
        model: Name or folder of the model.
        frames: Number of frames of the line.
        reading: The best path.
        found: The decoded text under the given constraints.
        matched: Whether ``found`` satisfies them.
        candidates: The most probable texts of the beam with their log-probabilities.
        given: The text that the user asked about.
        given_frames: Frames that it needs.
        verdict: One sentence that answers the question.
        picture: Path of the picture.
    """

    image: str
    model: str
    frames: int
    reading: Reading
    found: str
    matched: bool
    candidates: tuple[tuple[str, float], ...]
    given: Reading | None
    given_frames: int | None
    verdict: str
    picture: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values.

        Returns:
            The content of ``explain.json``.
        """
        return asdict(self)


def run(config: Config, image: Path, text: str | None = None, log: Callable[[str], None] | None = None) -> Explanation:
    """Explain how a model reads an image and how probable a text is; write ``explain.png`` and ``explain.json``.

    Args:
        config: ``Predict`` names the model, ``Decode`` the constraints, ``Global.output`` the folder to write to.
        image: Image of one line.
        text: The text in question.
        log: Takes one line that describes the model.

    Returns:
        The explanation.

    Raises:
        DataError: The image cannot be read or is too narrow, or the text has characters outside the charset.
        OcrxError: The model cannot be opened.
    """
    folder, recognizer = open_model(config)
    if log is not None:
        log(describe(folder, recognizer.backend))

    spec, source = recognizer.spec, read_image(image)
    pixels = resize(source, spec.image)
    planes = pad(scale(pixels, spec.image), spec.image.bucket_width(pixels.shape[1]), spec.image)
    logits = recognizer.backend.logits(planes[None])
    if logits.shape[1] == 0:
        raise DataError(f"{image}: too narrow, the model gives no frame for it")

    source = rotate_if_tall(source, spec.image)
    line = _Line(logits, pixels, spec, Charset.from_spec(spec), source.width)
    reading = line.reading(greedy(logits)[0].classes)
    classes = line.charset.encode(text) if text is not None else None
    given = line.reading(classes) if classes is not None else None
    found = recognizer.decoder(logits)[0]
    best = BeamDecoder(config.Decode.beam or DEFAULT_BEAM).nbest(logits)[0][:NBEST]

    output = Path(config.Global.output)
    draw_explanation(_panels(line, source, reading, given), output / PICTURE)
    explanation = Explanation(
        image=str(image),
        model=spec.name or str(folder),
        frames=logits.shape[1],
        reading=reading,
        found=line.charset.decode(found.classes),
        matched=found.matched,
        candidates=tuple((line.charset.decode(item.classes), item.log_prob) for item in best),
        given=given,
        given_frames=required_frames(classes) if classes is not None else None,
        verdict="",
        picture=str(output / PICTURE),
    )
    explanation = replace(explanation, verdict=_verdict(explanation))
    write_json(output / "explain.json", explanation.to_dict())
    return explanation


@dataclass(frozen=True, eq=False)
class _Line:
    """One line: logits float32 [1, T, K], resized pixels, and width of the original image."""

    logits: Floats
    pixels: Pixels
    spec: ModelSpec
    charset: Charset
    original_width: int

    @cached_property
    def log_probs(self) -> Float64s:
        """[T, K]."""
        return log_softmax(self.logits[0])

    def reading(self, classes: Sequence[int]) -> Reading:
        """Create the reading of ``classes``: its text, probability and characters."""
        likelihood = float(log_likelihoods(self.logits, [classes])[0])
        alignment = align_lines(self.logits, [classes])[0]
        spaces = [self.charset.characters[c - 1].isspace() for c in classes]
        profile = ColumnProfile.from_pixels(self.pixels)
        pixels = character_spans(alignment.spans, self.spec.frames, profile, spaces, self.original_width)

        characters = tuple(
            self._character(c, span, edges)
            for c, span, edges in zip(classes, alignment.spans, pixels, strict=bool(alignment.spans))
        )
        text = self.charset.decode(classes)
        return Reading(text, tuple(classes), likelihood if np.isfinite(likelihood) else None, characters)

    def _character(self, c: int, span: tuple[int, int], pixels: Span) -> Character:
        frame = span[0] + int(self.log_probs[span[0] : span[1] + 1, c].argmax())
        probs = np.exp(self.log_probs[frame])
        others = [k for k in np.argsort(-probs)[: ALTERNATIVES + 1].tolist() if k != c][:ALTERNATIVES]

        return Character(
            text=self.charset.decode([c]),
            probability=float(probs[c]),
            frames=span,
            pixels=pixels,
            alternatives=tuple(
                Alternative(self.charset.decode([k]) if k != BLANK else "", float(probs[k])) for k in others
            ),
        )

    def lattice(self, classes: Sequence[int]) -> Lattice:
        """Alpha of the text and its best path through the states."""
        states = extend([classes])
        alpha = forward(emissions(self.logits, states), states)[0]

        path = np.zeros(len(alpha), dtype=np.int64)
        for i, (first, last) in enumerate(align_lines(self.logits, [classes])[0].spans):
            path[first : last + 1] = 2 * i + 1
            path[last + 1 :] = 2 * i + 2

        labels = ["-" if c == BLANK else self.charset.decode([c]) for c in states.labels[0].tolist()]
        return Lattice(alpha, tuple(states.labels[0].tolist()), tuple(labels), path)


def _panels(line: _Line, image: Image.Image, reading: Reading, given: Reading | None) -> Panels:
    """The content of the picture: the given text if it fits into the frames, else the best path."""
    shown = given if given is not None and given.log_likelihood is not None else reading
    title = f"reads “{reading.text}”"
    if given is not None:
        title += f", given “{given.text}”" + ("" if shown is given else ", which does not fit the frames")

    frames = line.spec.frames
    return Panels(
        image=image,
        title=title,
        spans=tuple((character.text, character.pixels) for character in shown.characters),
        edges=(frames.pixels(0)[0], frames.pixels(line.logits.shape[1] - 1)[1]),
        width=line.pixels.shape[1],
        labels=tuple(line.charset),
        log_probs=line.log_probs,
        best_path=line.logits[0].argmax(axis=1),
        lattice=line.lattice(shown.classes),
    )


def _verdict(explanation: Explanation) -> str:
    """One sentence that answers the question."""
    given = explanation.given
    if given is None:
        if len(explanation.candidates) < 2:
            return "no other text was found"
        (_, best), (rival, second) = explanation.candidates[:2]
        return f"the next best text is {rival!r}, {best - second:.1f} nats less probable"
    if given.log_likelihood is None:
        return f"impossible: the text needs {explanation.given_frames} frames, the image gives {explanation.frames}"
    if given.text == explanation.reading.text:
        return "the reading is the given text"

    apart = (explanation.reading.log_likelihood or 0.0) - given.log_likelihood
    weakest = min(given.characters, key=lambda character: character.probability, default=None)
    where = f"; its weakest character is {weakest.text!r} with {weakest.probability:.2g}" if weakest else ""
    if apart >= 0:
        return f"the given text is {apart:.1f} nats less probable than the reading{where}"
    return f"the given text is {-apart:.1f} nats more probable: the best path alone misleads, decode with a beam{where}"
