"""The one normal form of text: Unicode NFC, nothing else changed."""

from __future__ import annotations

import unicodedata


def normalize(text: str) -> str:
    """Canonical composition (NFC). Spaces, case and width of characters stay as they are."""
    return unicodedata.normalize("NFC", text)
