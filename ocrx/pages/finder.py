"""Finds the lines of a page, upright and in reading order; the entry point of this package."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ocrx.pages.boxes import LineBox, page_angle, separate
from ocrx.pages.crops import crop_line
from ocrx.pages.detection import MAX_LINES, TextDetector
from ocrx.pages.networks import DETECTOR, ORIENTATION, locate
from ocrx.pages.orientation import OrientationClassifier
from ocrx.pages.reading_order import reading_order

_SURE = 0.95  # probability above which a line may deviate from its page
_LONG = 3.0  # width / height above which a line may deviate from its page


@dataclass(frozen=True, eq=False)
class PageLine:
    """A line of a page.

    Attributes:
        box: Its place; the first corner is the upper left one of the text, however it is turned.
        image: The line cut out and upright.
        warning: What is unusual about the page; on its first line only.
    """

    box: LineBox
    image: Image.Image
    warning: str | None = None


class LineFinder:
    """Finds lines on pages; the networks are loaded on first use. Safe to call from many threads."""

    def __init__(self, threads: int = 1) -> None:
        """Prepare to find lines.

        Args:
            threads: Processor cores to use.
        """
        self._threads = threads
        self._lock = threading.Lock()
        self._detector: TextDetector | None = None
        self._classifier: OrientationClassifier | None = None

    def find(self, image: Image.Image, *, turn_lines: bool = True, right_to_left: bool = False) -> list[PageLine]:
        """Find the lines of a page.

        Args:
            image: The page, mode L or RGB.
            turn_lines: Detect lines and pages that are upside down; otherwise all count as upright.
            right_to_left: Columns, and the parts of a row, run from right to left.

        Returns:
            The lines in reading order.

        Raises:
            BackendError: The extra ``page`` is missing.
        """
        detected = self._open_detector().detect(image)
        boxes = separate(_one_direction(detected.boxes))
        images = [crop_line(image, box.polygon) for box in boxes]
        if turn_lines and boxes:
            classifier = self._open_classifier()
            flipped = _flipped(boxes, classifier.upside_down(images))
            flipped = _confirmed(images, flipped, boxes, classifier)
            images = [
                line.transpose(Image.Transpose.ROTATE_180) if turned else line
                for line, turned in zip(images, flipped, strict=True)
            ]
            boxes = [box.turned(2) if turned else box for box, turned in zip(boxes, flipped, strict=True)]

        order = reading_order(boxes, page_angle(boxes), right_to_left=right_to_left)
        lines = [PageLine(boxes[index], images[index]) for index in order]
        if lines and detected.left_out:
            warning = f"more than {MAX_LINES:,} lines; {detected.left_out:,} of the smallest are left out"
            lines[0] = replace(lines[0], warning=warning)
        return lines

    def is_upside_down(self, line: Image.Image) -> bool:
        """Detect whether an image of one line is upside down.

        Args:
            line: The image, mode L or RGB.

        Returns:
            Whether it is turned by 180 degrees.

        Raises:
            BackendError: The extra ``page`` is missing.
        """
        return self._open_classifier().upside_down([line])[0] > 0.5

    @staticmethod
    def check_installed(what: str) -> None:
        """Check that the networks are installed, without loading them.

        Args:
            what: What needs them, for the message.

        Raises:
            BackendError: The extra ``page`` is missing.
        """
        for name in (DETECTOR, ORIENTATION):
            locate(name, what)

    def _open_detector(self) -> TextDetector:
        with self._lock:
            self._detector = self._detector or TextDetector(self._threads)
            return self._detector

    def _open_classifier(self) -> OrientationClassifier:
        with self._lock:
            self._classifier = self._classifier or OrientationClassifier(self._threads)
            return self._classifier


def _one_direction(boxes: list[LineBox]) -> list[LineBox]:
    """Align nearly square boxes with the others: a single character does not reveal its direction.

    Lines run along the longer side of their box. Where most of the text on a page runs to the right, short tall boxes
    are characters such as 1, and where it runs down, short wide ones are.
    """
    if not boxes:
        return boxes
    down = [abs(math.sin(math.radians(box.angle))) > 0.5 for box in boxes]
    most = sum(box.width if turned else -box.width for box, turned in zip(boxes, down, strict=True)) > 0
    usual = float(np.median([box.height for box, turned in zip(boxes, down, strict=True) if turned == most]))
    return [
        box.turned(1 if most else -1) if turned != most and box.width < _LONG * usual else box
        for box, turned in zip(boxes, down, strict=True)
    ]


def _confirmed(
    images: Sequence[Image.Image], flipped: list[bool], boxes: Sequence[LineBox], classifier: OrientationClassifier
) -> list[bool]:
    """Lines that go against the others of their direction must do so at their middle and their end, too."""
    down = [abs(math.sin(math.radians(box.angle))) > 0.5 for box in boxes]
    confirmed = list(flipped)

    for direction in (False, True):
        members = [index for index, turned in enumerate(down) if turned == direction]
        usual = 2 * sum(flipped[index] for index in members) > len(members)
        for index in members:
            if flipped[index] != usual:
                line = images[index]
                starts = (0, max(0, line.width // 2 - 2 * line.height), max(0, line.width - 4 * line.height))
                parts = [line.crop((left, 0, line.width, line.height)) for left in starts]
                sure = [
                    value >= _SURE if flipped[index] else value <= 1 - _SURE for value in classifier.upside_down(parts)
                ]
                confirmed[index] = flipped[index] if all(sure) else usual
    return confirmed


def _flipped(boxes: Sequence[LineBox], probabilities: Sequence[float]) -> list[bool]:
    """Which lines are upside down.

    The lines of one direction vote, weighted by length; a line deviates from the vote only if it is long and its
    probability is high.
    """
    down = [abs(math.sin(math.radians(box.angle))) > 0.5 for box in boxes]
    flipped = [False] * len(boxes)
    for direction in (False, True):
        members = [index for index, turned in enumerate(down) if turned == direction]
        votes = sum(boxes[index].width * (2 * probabilities[index] - 1) for index in members)
        for index in members:
            against = 1 - probabilities[index] if votes > 0 else probabilities[index]
            alone = against >= _SURE and boxes[index].width >= _LONG * boxes[index].height
            flipped[index] = (votes > 0) != alone
    return flipped
