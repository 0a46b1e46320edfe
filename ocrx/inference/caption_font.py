"""Chooses a font for the caption of a picture: one on this machine that has the characters of the text."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont, features

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_DEJAVU = "mpl-data/fonts/ttf/DejaVuSans.ttf"
_NO_CHARACTER = "\U0010ffff"  # never assigned: a font draws its glyph for missing characters
_SEARCH_SECONDS = 20
# Scripts of India and South-East Asia, which need shaping, as right-to-left scripts do.
_SHAPED = (range(0x0900, 0x0E00), range(0x0F00, 0x10A0), range(0x1780, 0x1800))


@dataclass(frozen=True)
class CaptionFont:
    """A font for a text, and the reasons why it cannot draw the text correctly.

    Attributes:
        font: The font.
        missing: Characters of the text that no font found here has.
        unshaped: Whether the text needs shaping that this Pillow cannot do, because it has no raqm.
    """

    font: Font
    missing: str
    unshaped: bool

    @property
    def note(self) -> str:
        """What is wrong with the picture, in ASCII; '' if nothing is."""
        parts = []
        if self.missing:
            codes = " ".join(f"U+{ord(character):04X}" for character in self.missing[:8])
            parts.append(f"no font here has {codes}{' ...' if len(self.missing) > 8 else ''}")
        if self.unshaped:
            parts.append("letters are not joined: this Pillow has no raqm")
        return "; ".join(parts)


def caption_font(text: str, size: int) -> CaptionFont:
    """Choose a font.

    Candidates are Pillow's own font for ASCII text, the DejaVu Sans of matplotlib, and the font that fontconfig, where
    it is installed, finds for the characters.

    Args:
        text: The caption.
        size: Height in pixels.

    Returns:
        The first candidate that has all characters, else the one that has most of them.
    """
    if text.isascii():
        return CaptionFont(ImageFont.load_default(size=size), "", False)

    needed = sorted(filter(_is_drawn, set(text)))
    best: tuple[Font, str] | None = None
    for font in _candidates(text, size):
        missing = "".join(character for character in needed if not _has(font, character))
        if best is None or len(missing) < len(best[1]):
            best = (font, missing)
        if not missing:
            break

    font, missing = best or (ImageFont.load_default(size=size), "".join(needed))
    return CaptionFont(font, missing, _needs_shaping(text) and not features.check("raqm"))


def _candidates(text: str, size: int) -> Iterator[Font]:
    matplotlib = find_spec("matplotlib")
    places = []
    if matplotlib is not None and matplotlib.origin is not None:
        places.append((str(Path(matplotlib.origin).parent / _DEJAVU), 0))
    for place in (*places, None):
        path, index = place or _from_fontconfig(text) or ("", 0)
        try:
            yield ImageFont.truetype(path, size, index)
        except OSError:
            continue  # missing, or a bitmap font of another size
    yield ImageFont.load_default(size=size)


def _from_fontconfig(text: str) -> tuple[str, int] | None:
    """File and face number of the font that fontconfig finds for a text."""
    command = shutil.which("fc-match")
    if command is None:
        return None
    charset = " ".join(f"{code:x}" for code in sorted({ord(character) for character in text}))
    pattern = f":charset={charset}:scalable=true"

    try:
        done = subprocess.run(
            [command, "--format", "%{file}\t%{index}", pattern],
            capture_output=True,
            text=True,
            timeout=_SEARCH_SECONDS,
            check=True,
        )
        path, index = done.stdout.split("\t")
        return path, int(index) & 0xFFFF  # the upper 16 bits select an instance of a variable font
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _is_drawn(character: str) -> bool:
    """Whether a character has a visible glyph: it is no space, control or format character."""
    category = unicodedata.category(character)
    return category[0] not in "ZC" or category in ("Co", "Cn")


def _has(font: Font, character: str) -> bool:
    drawn, absent = font.getmask(character), font.getmask(_NO_CHARACTER)
    return (drawn.size, bytes(drawn)) != (absent.size, bytes(absent))


def _needs_shaping(text: str) -> bool:
    return any(
        unicodedata.bidirectional(character) in ("AL", "R") or any(ord(character) in block for block in _SHAPED)
        for character in text
    )
