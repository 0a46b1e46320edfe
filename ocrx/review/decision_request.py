"""A reviewer's decision as sent by the page, and the validation of its text."""

from __future__ import annotations

from dataclasses import dataclass

from ocrx.errors import DataError
from ocrx.review.decisions import Status
from ocrx.text.normalize import normalize

MAX_TEXT = 10_000
"""Maximum number of characters in a label."""


@dataclass(frozen=True)
class DecisionRequest:
    """A reviewer's decision on a line.

    Attributes:
        key: The line.
        status: The decision.
        text: The text of the line; stored in NFC, without surrounding spaces.
        turns: Quarter turns clockwise that the image needs.
        seen: Revision of the line that the reviewer saw.
        reviewer: The reviewer.
    """

    key: str
    status: Status
    text: str
    turns: int
    seen: int
    reviewer: str


def label_text(request: DecisionRequest) -> str:
    """Normalise and validate the text of a decision.

    Args:
        request: The decision.

    Returns:
        The text in NFC, without surrounding spaces; empty unless the line is accepted.

    Raises:
        DataError: If it is empty, too long, or contains characters that a label file cannot represent.
    """
    if request.status != "accepted":
        return ""
    text = normalize(request.text.strip())
    if not text:
        raise DataError("the text is empty", hint="type what the image shows, or mark the line as unreadable")
    if len(text) > MAX_TEXT:
        raise DataError(f"the text has {len(text):,} characters; expected at most {MAX_TEXT:,}")
    if not text.isprintable() and any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise DataError("a label cannot hold a TAB, line end, control character or half of a surrogate pair")
    return text
