"""The result for one line, with the methods and field names of PaddleX's results."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, PngImagePlugin

from ocrx.arrays import Pixels
from ocrx.errors import DataError, OcrxError
from ocrx.files import read_json, to_json
from ocrx.inference.spans import PixelSpans
from ocrx.pages.boxes import Polygon
from ocrx.pages.crops import crop_line

Box: TypeAlias = tuple[int, int, int, int]
SavePath: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True)
class Prediction(Mapping[str, Any]):
    """The result for one line. As a mapping, it holds the fields of ``to_dict`` under PaddleX's names.

    Attributes:
        text: What was read, '' on failure.
        score: Mean of ``char_scores``, 0.0 for an empty text.
        min_score: The lowest of ``char_scores``, 0.0 for an empty text.
        confidence: Calibrated probability that the whole line is right; None where the model has no calibration.
        typical_score: Geometric mean of the character scores of the best path, whatever decoder was used.
        char_scores: Probability of each character.
        char_spans: Left and right edge of each character in pixels of the original image.
        word_spans: Left and right edge of each word, in the order of the text.
        input_path: The input as given, or folder and name; None for an image in memory.
        page_index: Page of a PDF or frame of a TIFF, from 0.
        error: Why the image could not be read.
        warning: Why the image may be outside what the model reads: several lines, turned, unlike its training lines.
        model: Name of the model that read the line, where several may read (``create_model(lang="auto")``).
        matched: False where a constraint was set and the text does not satisfy it (it is '' then, unless a reading
            outside the lexicon was allowed).
        line_index: Number of the line, from 0, where a page was cut into lines.
        box: The line on the page, where it was cut: left, top, right and bottom; or, where a detector found it or it
            was upside down, its four corners (x, y), clockwise from the upper left corner of the text.
        page_size: Width and height of the page in pixels, where it was cut.
        image_size: Width and height of the line in pixels.
        turned: The model's step ``rotate_tall`` turned the image by 90 degrees counter-clockwise; spans and
            ``image_size`` are those of the turned image.
        source: Opens the original image again.
    """

    text: str = ""
    score: float = 0.0
    min_score: float = 0.0
    char_scores: tuple[float, ...] = ()
    char_spans: PixelSpans = ()
    input_path: str | None = None
    page_index: int | None = None
    error: str | None = None
    warning: str | None = None
    matched: bool = True
    line_index: int | None = None
    box: Box | Polygon | None = None
    page_size: tuple[int, int] | None = None
    image_size: tuple[int, int] | None = None
    turned: bool = False
    confidence: float | None = None
    typical_score: float = 0.0
    model: str | None = None
    word_spans: PixelSpans = ()
    source: Callable[[], Image.Image] | None = field(default=None, repr=False, compare=False)

    def to_dict(self, details: bool = False) -> dict[str, Any]:
        """Convert to plain values under PaddleX's names.

        Args:
            details: Add ``min_score``, scores and spans of the characters, and spans of the words.

        Returns:
            ``input_path``, ``page_index``, ``rec_text``, ``rec_score``, ``confidence`` and ``warning``; ``line_index``
            and ``box`` (four numbers, or four corners) where a page was cut; ``turned`` where the spans are those of
            the turned image; ``matched`` where a constraint was not satisfied; ``model`` where several may read;
            ``error`` on failure.
        """
        fields: dict[str, Any] = {
            "input_path": self.input_path,
            "page_index": self.page_index,
            "rec_text": self.text,
            "rec_score": self.score,
            "confidence": self.confidence,
            "warning": self.warning,
        }
        if self.line_index is not None:
            fields["line_index"] = self.line_index
        if self.box is not None:
            fields["box"] = _plain(self.box)
        if details and self.error is None:
            fields |= {
                "min_score": self.min_score,
                "char_scores": list(self.char_scores),
                "char_spans": [list(span) for span in self.char_spans],
                "word_spans": [list(span) for span in self.word_spans],
            }
            if self.turned:
                fields["turned"] = True

        if self.model is not None:
            fields["model"] = self.model
        if not self.matched:
            fields["matched"] = False
        if self.error is not None:
            fields["error"] = self.error
        return fields

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())

    @property
    def json(self) -> dict[str, Any]:
        """``{"res": {...}}``, the form of PaddleX."""
        return {"res": self.to_dict()}

    @property
    def img(self) -> dict[str, Image.Image]:
        """``{"res": picture}``: the image with a frame around each character, and the text below.

        Raises:
            DataError: The image can no longer be opened.
        """
        from ocrx.inference.drawing import draw_prediction  # most programs draw nothing

        return {"res": draw_prediction(self.open(), self)}

    @property
    def input_img(self) -> Pixels:
        """The image that was read, in the form of PaddleX: uint8 [H, W, 3], channels in the order BGR.

        Raises:
            DataError: The image can no longer be opened.
        """
        return np.ascontiguousarray(np.asarray(self.open().convert("RGB"))[:, :, ::-1])

    def open(self) -> Image.Image:
        """Open the image again.

        Returns:
            The line as it was read: mode L or RGB, cut out of its page and turned where that was done.

        Raises:
            DataError: The image can no longer be opened.
        """
        if self.source is None:
            raise DataError(f"{self.input_path or 'image'}: no longer available")
        image = self.source()
        line = image if self.box is None else crop_line(image, corners(self.box))
        return line.transpose(Image.Transpose.ROTATE_90) if self.turned else line

    def print(
        self,
        format_json: bool = True,
        indent: int = 4,
        ensure_ascii: bool = False,
        *,
        json_format: bool | None = None,
    ) -> None:
        """Write the result to stdout.

        Args:
            format_json: Write indented JSON; otherwise the mapping on one line, as Python shows it.
            indent: Spaces per level of the JSON.
            ensure_ascii: Escape all characters outside ASCII.
            json_format: Another name for ``format_json``.
        """
        pretty = format_json if json_format is None else json_format
        text = to_json(self.json, indent=indent, ensure_ascii=ensure_ascii) if pretty else f"{self.json}"
        sys.stdout.write(text + "\n")

    def save_to_json(self, save_path: SavePath, indent: int = 4, ensure_ascii: bool = False) -> Path:
        """Write the result as JSON, with the scores and spans of the characters.

        Args:
            save_path: A file whose name ends in ``.json``, or a folder, in which a unique name is chosen.
            indent: Spaces per level.
            ensure_ascii: Escape all characters outside ASCII.

        Returns:
            The file.
        """
        text = to_json(self.to_dict(details=True), indent=indent, ensure_ascii=ensure_ascii) + "\n"
        target = Path(save_path)
        path = result_path(target, ".json", self, is_file=target.suffix.lower() == ".json")
        path.write_text(text, encoding="utf-8")
        return path

    def save_to_img(self, save_path: SavePath) -> Path:
        """Write the picture ``img``.

        Args:
            save_path: A file with an image suffix, or a folder, in which a unique name is chosen for a PNG file.

        Returns:
            The file.

        Raises:
            DataError: The image can no longer be opened.
        """
        return save_picture(self.img["res"], save_path, self)

    def save_all(self, save_path: SavePath) -> None:
        """Write the result as JSON and, where the image could be read, as a picture.

        Args:
            save_path: A folder, in which unique names are chosen.
        """
        folder = Path(save_path)
        folder.mkdir(parents=True, exist_ok=True)
        self.save_to_json(folder)
        if self.error is None:
            self.save_to_img(folder)

    # Last in the class: further down, ``str`` would mean this property.
    @property
    def str(self) -> str:
        """``json`` as text."""
        return f"{self.json}"


def corners(box: Box | Polygon) -> Polygon:
    """Return the corners of a box of either kind.

    Args:
        box: Left, top, right and bottom, or the corners.

    Returns:
        Clockwise from the upper left corner of the text.
    """
    if isinstance(box[0], tuple):
        return box
    left, top, right, bottom = box
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _plain(box: Box | Polygon) -> list[Any]:
    """A box as JSON has it; corners to a tenth of a pixel."""
    if isinstance(box[0], tuple):
        return [[round(x, 1), round(y, 1)] for x, y in box]
    return list(box)


def save_picture(picture: Image.Image, save_path: SavePath, prediction: Prediction) -> Path:
    """Write a picture of a result.

    Args:
        picture: The picture.
        save_path: A file with an image suffix, or a folder, in which the picture gets a name of its own as PNG.
        prediction: What it shows.

    Returns:
        The file.
    """
    target = Path(save_path)
    path = result_path(target, ".png", prediction, is_file=target.suffix.lower() in Image.registered_extensions())
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("ocrx", _identity(prediction))
    if path.suffix.lower() == ".png":
        picture.save(path, pnginfo=notes)
    else:
        picture.save(path)
    return path


def result_path(target: Path, suffix: str, prediction: Prediction, *, is_file: bool) -> Path:
    """Choose the file to write: ``target`` itself, or a name in the folder ``target`` that no other input uses.

    The name is ``<stem>_res``. Where a file of that name is another input's, a part of the hash of the input's
    path makes it differ, so that reading the same inputs again overwrites the same files.

    Args:
        target: A file or a folder.
        suffix: Of the file.
        prediction: What is written; its input names the file.
        is_file: ``target`` looks like the name of a file; an existing folder stays one all the same.

    Returns:
        The path; its folder exists.
    """
    if is_file and not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        return target
    target.mkdir(parents=True, exist_ok=True)

    name = prediction.input_path
    stem = Path(name).stem[:100] or "image" if name else "image"
    stem += f"_p{prediction.page_index}" if prediction.page_index is not None else ""
    stem += f"_l{prediction.line_index}" if prediction.line_index is not None else ""
    number = 1
    path = target / f"{stem}_res{suffix}"
    while not _take(path, prediction):
        path = target / (
            f"{stem}_{_digest(prediction)}_res{suffix}" if number == 1 and name else f"{stem}_{number}_res{suffix}"
        )
        number += 1
    return path


def _digest(prediction: Prediction) -> str:
    """Ten hexadecimal digits that stand for the input."""
    import hashlib  # brings OpenSSL, 3 MiB

    return hashlib.sha256(_identity(prediction).encode()).hexdigest()[:10]


def _take(path: Path, prediction: Prediction) -> bool:
    """Whether ``path`` is free (it is then created) or was written for the same input."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return prediction.input_path is not None and _owner(path) == _identity(prediction)
    return True


def _owner(path: Path) -> str | None:
    try:
        if path.suffix == ".json":
            fields = read_json(path)
            return _identity_of(fields["input_path"], fields["page_index"], fields.get("line_index"))
        with Image.open(path, formats=["PNG"]) as image:
            return str(image.info.get("ocrx"))
    except (OcrxError, OSError, ValueError, KeyError, TypeError):
        return None


def _identity(prediction: Prediction) -> str:
    return _identity_of(prediction.input_path, prediction.page_index, prediction.line_index)


def _identity_of(name: str | None, page: int | None, line: int | None) -> str:
    return json.dumps([name, page, line])
