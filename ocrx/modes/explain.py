"""``ocrx explain``: why a line is read as it is, as numbers and as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ocrx.arrays import Float64s, Floats
from ocrx.config import Config
from ocrx.ctc.alignment import align_lines, pixel_spans
from ocrx.ctc.frames import required_frames
from ocrx.ctc.reference import emissions, extend, forward, log_likelihoods, log_softmax
from ocrx.decoding.factory import DEFAULT_BEAM, BeamDecoder
from ocrx.decoding.greedy import greedy
from ocrx.decoding.lattice_plot import Lattice, Panels, draw_explanation
from ocrx.errors import DataError
from ocrx.files import write_json
from ocrx.imaging.preparation import prepare, rotate_if_tall
from ocrx.imaging.reading import read_image
from ocrx.inference.recognizer import describe, open_model
from ocrx.model_spec import ModelSpec
from ocrx.text.charset import BLANK, Charset

ALTERNATIVES = 3
NBEST = 5
PICTURE = "explain.png"


@dataclass(frozen=True)
class Alternative:
    """Another class for a character, at the frame where the character is most certain; '' is the blank."""

    text: str
    probability: float


@dataclass(frozen=True)
class Character:
    """One character of a text on its best path: frames (inclusive) and pixels of the original image."""

    text: str
    probability: float
    frames: tuple[int, int]
    pixels: tuple[float, float]
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class Reading:
    """A text under the model. ``log_likelihood`` sums all its paths (natural logarithm, None: it does not fit)."""

    text: str
    classes: tuple[int, ...]
    log_likelihood: float | None
    characters: tuple[Character, ...]


@dataclass(frozen=True)
class Explanation:
    """What the model saw in one line.

    ``reading`` is the best path, ``found`` what decoding gives under the constraints asked for, ``candidates`` the
    most probable texts of the beam; ``given`` the text in question with the frames it needs; ``frames`` how many
    there are. ``picture`` is where it was drawn.
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
        return asdict(self)


def run(config: Config, image: Path, text: str | None = None, log: Callable[[str], None] | None = None) -> Explanation:
    """Explain how the model of ``config.Predict`` reads ``image``, and how it sees ``text``.

    ``log`` gets one line that says which model reads.
    Writes ``explain.png`` and ``explain.json`` to ``Global.output``. Raises DataError for an image that cannot be
    read or a text outside the charset; OcrxError where the model cannot be opened.
    """
    folder, recognizer = open_model(config)
    if log is not None:
        log(describe(folder, recognizer.backend))
    spec, charset = recognizer.spec, Charset.from_spec(recognizer.spec)
    source = read_image(image)
    planes, width = prepare(source, spec.image)
    source = rotate_if_tall(source, spec.image)
    logits = recognizer.backend.logits(planes[None])
    if logits.shape[1] == 0:
        raise DataError(f"{image}: too narrow, the model gives no frame for it")
    reader = _Reader(logits, spec, charset, width, source.width)
    reading = reader.reading(greedy(logits)[0].classes)
    classes = charset.encode(text) if text is not None else None
    given = reader.reading(classes) if classes is not None else None
    found = recognizer.decoder(logits)[0]
    best = BeamDecoder(config.Decode.beam or DEFAULT_BEAM).nbest(logits)[0][:NBEST]
    candidates = tuple((charset.decode(item.classes), item.log_prob) for item in best)
    output = Path(config.Global.output)
    draw_explanation(_panels(reader, source, reading, given), output / PICTURE)
    explanation = Explanation(
        image=str(image),
        model=spec.name or str(folder),
        frames=logits.shape[1],
        reading=reading,
        found=charset.decode(found.classes),
        matched=found.matched,
        candidates=candidates,
        given=given,
        given_frames=required_frames(classes) if classes is not None else None,
        verdict="",
        picture=str(output / PICTURE),
    )
    explanation = replace(explanation, verdict=_verdict(explanation))
    write_json(output / "explain.json", explanation.to_dict())
    return explanation


@dataclass(frozen=True)
class _Reader:
    """The logits [1, T, K] of one line, and what turns frames into pixels."""

    logits: Floats
    spec: ModelSpec
    charset: Charset
    resized_width: int
    original_width: int

    def reading(self, classes: Sequence[int]) -> Reading:
        likelihood = float(log_likelihoods(self.logits, [classes])[0])
        alignment = align_lines(self.logits, [classes])[0]
        pixels = pixel_spans(alignment.spans, self.spec, self.resized_width, self.original_width)
        probs = np.exp(log_softmax(self.logits[0]))
        characters = tuple(
            self._character(probs, c, span, edges)
            for c, span, edges in zip(classes, alignment.spans, pixels, strict=bool(alignment.spans))
        )
        text = self.charset.decode(classes)
        return Reading(text, tuple(classes), likelihood if np.isfinite(likelihood) else None, characters)

    def _character(self, probs: Float64s, c: int, span: tuple[int, int], pixels: tuple[float, float]) -> Character:
        frame = span[0] + int(probs[span[0] : span[1] + 1, c].argmax())
        others = [k for k in np.argsort(-probs[frame])[: ALTERNATIVES + 1].tolist() if k != c][:ALTERNATIVES]
        return Character(
            text=self.charset.decode([c]),
            probability=float(probs[frame, c]),
            frames=span,
            pixels=pixels,
            alternatives=tuple(
                Alternative(self.charset.decode([k]) if k != BLANK else "", float(probs[frame, k])) for k in others
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


def _panels(reader: _Reader, image: Image.Image, reading: Reading, given: Reading | None) -> Panels:
    """What is drawn: the given text where it fits the frames, else the reading."""
    shown = given if given is not None and given.log_likelihood is not None else reading
    title = f"reads “{reading.text}”"
    if given is not None:
        title += f", given “{given.text}”" + ("" if shown is given else ", which does not fit the frames")
    frames = reader.spec.frames
    return Panels(
        image=image,
        title=title,
        spans=tuple((character.text, character.pixels) for character in shown.characters),
        edges=(frames.pixels(0)[0], frames.pixels(reader.logits.shape[1] - 1)[1]),
        width=reader.resized_width,
        labels=tuple(reader.charset),
        log_probs=log_softmax(reader.logits[0]),
        best_path=reader.logits[0].argmax(axis=1),
        lattice=reader.lattice(shown.classes),
    )


def _verdict(seen: Explanation) -> str:
    """One sentence for people who ask why."""
    given = seen.given
    if given is None:
        if len(seen.candidates) < 2:
            return "no other text was found"
        (_, best), (rival, second) = seen.candidates[:2]
        return f"the next best text is {rival!r}, {best - second:.1f} nats less probable"
    if given.log_likelihood is None:
        return f"impossible: the text needs {seen.given_frames} frames, the image gives {seen.frames}"
    if given.text == seen.reading.text:
        return "the reading is the given text"
    apart = (seen.reading.log_likelihood or 0.0) - given.log_likelihood
    weakest = min(given.characters, key=lambda character: character.probability, default=None)
    where = f"; its weakest character is {weakest.text!r} with {weakest.probability:.2g}" if weakest else ""
    if apart >= 0:
        return f"the given text is {apart:.1f} nats less probable than the reading{where}"
    return f"the given text is {-apart:.1f} nats more probable: the best path alone misleads, try --beam{where}"
