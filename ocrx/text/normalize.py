"""The one normal form of text: Unicode NFC, with nothing else changed."""

from __future__ import annotations

import unicodedata


def normalize(text: str) -> str:
    """Compose characters canonically (NFC).

    Args:
        text: Any text.

    Returns:
        The text in NFC; spaces, case and the width of characters stay as they are.
    """
    return unicodedata.normalize("NFC", text)
