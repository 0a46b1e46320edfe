"""Chooses and opens typefaces, and checks which characters they cover."""

from __future__ import annotations

import gzip
import io
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import ImageFont

from ocrx.synth.font_facts import FontFacts
from ocrx.synth.font_files import KINDS, Face, find_faces
from ocrx.text.charsets import JOINERS

# Faces for right-to-left scripts. Some have digits and signs, too, but are not used for lines of other scripts.
_RIGHT_TO_LEFT = re.compile(r"arabic|hebrew", re.IGNORECASE)
_PRIVATE = "\U0010fffd"
# Letters that a face may shape differently for a language (OpenType feature ``locl``).
LOCAL_SHAPES = {"bg": "вгджзиклптцшщю", "sr": "бгдпт", "mk": "бгдптѓ"}
_PREFER_LOCAL = 0.4  # share of texts in these languages that prefer such a face


_FontKey = tuple[str, int, int]  # path, index, and size of a bitmap font


@dataclass(frozen=True)
class LearnedFace:
    """Characters that a face is known to have or to lack; others have not been checked.

    Attributes:
        key: Path, index, and size of a bitmap font.
        has: Characters that the face has.
        lacks: Characters that the face lacks.
    """

    key: _FontKey
    has: str
    lacks: str


@dataclass(frozen=True)
class _Coverage:
    """The same as mutable sets."""

    has: set[str]
    lacks: set[str]

    def learned(self, key: _FontKey) -> LearnedFace:
        return LearnedFace(key, "".join(sorted(self.has)), "".join(sorted(self.lacks)))


class FontBook:
    """The usable faces by kind. Font files are opened on first use; all caches belong to the object.

    A pickled book has no open files.

    Args:
        folders: Folders of fonts; ``system``, the default, means the fonts that fontconfig finds.
        keep_open: Number of outline fonts that are kept open.
        facts: Facts about font files from earlier runs; by default none.

    Raises:
        DataError: There is no usable font.
    """

    def __init__(self, folders: Sequence[Path] = (), keep_open: int = 600, facts: FontFacts | None = None) -> None:
        self._facts = FontFacts() if facts is None else facts
        faces = find_faces(folders, self._facts)
        self.faces = tuple(faces)
        self._common = [face for face in faces if not _RIGHT_TO_LEFT.search(face.name)] or faces
        self._groups = _group(self._common)
        self._fonts: OrderedDict[tuple[str, int, float, bool], ImageFont.FreeTypeFont] = OrderedDict()
        self._bitmaps: dict[tuple[str, int, float, bool], ImageFont.FreeTypeFont] = {}
        self._keep_open = keep_open
        # A bitmap font has a face per size, and its glyph for missing characters differs between sizes.
        self._coverage: dict[_FontKey, _Coverage] = {}
        self._local: dict[tuple[str, int, str], bool] = {}
        self._having: dict[str, tuple[Face, ...]] = {}  # a rare character → the faces that have it
        self._notdef: dict[_FontKey, tuple[tuple[int, int], bytes]] = {}
        self._learned: set[_FontKey] = set()

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_fonts": OrderedDict(), "_bitmaps": {}}

    def pick(
        self, rng: Random, weights: Sequence[float], text: str, italics: float = 1.0, language: str = ""
    ) -> Face | None:
        """Choose a random face that has all characters of a text.

        Families are equally likely, so that one with forty faces counts once.

        Args:
            rng: Source of randomness.
            weights: Weight of each of ``KINDS``.
            text: The text that the face must cover.
            italics: Probability of keeping an italic face.
            language: BCP 47 code. Some texts in a language with its own letter shapes prefer faces that have them.

        Returns:
            The face; None if no face has all characters.
        """
        wanted = frozenset(text)
        rare = next(filter(_is_rare, text), None)
        if rare is not None:
            return self._pick_covering(rng, weights, wanted, italics, self._faces_with(rare))
        local = language in LOCAL_SHAPES and rng.random() < _PREFER_LOCAL
        for attempt in range(24):
            names = self._groups[rng.choices(KINDS, weights)[0]] if attempt < 12 else None
            face = rng.choice(rng.choice(names)) if names else rng.choice(self._common)
            if face.italic and rng.random() > italics:
                continue
            if self.covers(face, wanted) and (not local or attempt > 16 or self.has_local_shapes(face, language)):
                return face

        covering = [face for face in self.faces if self.covers(face, wanted)]
        # A rare script may have only a few faces: all are equally likely, of the wanted kinds if there are any.
        likely = [face for face in covering if weights[KINDS.index(face.kind)]]
        return rng.choice(likely or covering) if covering else None

    def _faces_with(self, character: str) -> tuple[Face, ...]:
        """The faces that have a character."""
        if character not in self._having:
            self._having[character] = tuple(face for face in self.faces if self.covers(face, character))
        return self._having[character]

    def _pick_covering(
        self, rng: Random, weights: Sequence[float], text: Collection[str], italics: float, faces: Sequence[Face]
    ) -> Face | None:
        """Choose a face for a right-to-left script, which few faces cover, many of them bitmaps.

        Only covering faces are considered: random attempts would rarely find one among hundreds of others.
        """
        covering = [face for face in faces if self.covers(face, text)]
        if rng.random() > italics:
            covering = [face for face in covering if not face.italic] or covering
        groups = _group(covering)
        kinds = [kind for kind in KINDS if groups[kind]]
        wanted = [weights[KINDS.index(kind)] for kind in kinds]
        if not kinds:
            return None
        families = groups[rng.choices(kinds, wanted if any(wanted) else None)[0]]
        return rng.choice(rng.choice(families))

    def open(self, face: Face, size: float, shaped: bool = False) -> ImageFont.FreeTypeFont:
        """Open a face at a size.

        Args:
            face: The typeface.
            size: Pixels per em.
            shaped: Whether to shape with libraqm instead of Pillow's basic layout.

        Returns:
            The opened face.
        """
        key = (face.path, face.index, face.size or size, shaped)
        font = self._bitmaps.get(key) or self._fonts.get(key)

        if font is None:
            engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
            file = _unpacked(face.path) if face.path.endswith(".gz") else face.path
            font = ImageFont.truetype(file, face.size or size, face.index, layout_engine=engine)
            if face.size:
                # Few, small, and slow to unpack: never closed.
                self._bitmaps[key] = font
                return font
            self._fonts[key] = font
            if len(self._fonts) > self._keep_open:
                self._fonts.popitem(last=False)
        elif not face.size:
            self._fonts.move_to_end(key)

        return font

    def covers(self, face: Face, text: Collection[str]) -> bool:
        """Check whether a face has a glyph for every character, with lower case distinct from capitals.

        Args:
            face: The typeface.
            text: The text, or its characters.

        Returns:
            Whether it has all of them.
        """
        key = (face.path, face.index, face.size)
        known = self._known(key)
        if known.has.issuperset(text):
            return True
        if not known.lacks.isdisjoint(text):
            return False  # before rendering anything: most faces lack most of a rare script

        self._learned.add(key)
        for character in text:
            if character in known.has:
                continue
            if not self._has(face, character):
                known.lacks.add(character)
                return False
            known.has.add(character)
        return True

    def take_learned(self) -> list[LearnedFace]:
        """Return the faces about which something was learned since the last call.

        Returns:
            These faces, with everything known about them.
        """
        learned = [self._coverage[key].learned(key) for key in sorted(self._learned)]
        self._learned.clear()
        return learned

    def learn(self, faces: Iterable[LearnedFace]) -> None:
        """Merge what the book of another process has learned.

        Args:
            faces: The result of its ``take_learned``.
        """
        for face in faces:
            known = self._known(face.key)
            known.has.update(face.has)
            known.lacks.update(face.lacks)
            self._learned.add(face.key)

    def save_facts(self) -> None:
        """Save what was learned for the next run, if facts are stored."""
        for face in self.take_learned():
            path, index, size = face.key
            self._facts.set(path, _coverage_name(index, size), [face.has, face.lacks])
        self._facts.save()

    def _known(self, key: _FontKey) -> _Coverage:
        if key not in self._coverage:
            path, index, size = key
            has, lacks = self._facts.get(path, _coverage_name(index, size)) or ("", "")
            self._coverage[key] = _Coverage(set(has), set(lacks))
        return self._coverage[key]

    def has_local_shapes(self, face: Face, language: str) -> bool:
        """Check whether a face has letter shapes for a language.

        Args:
            face: The typeface.
            language: A key of ``LOCAL_SHAPES``.

        Returns:
            True if it has, and Pillow has libraqm, which is needed to use them.
        """
        key = (face.path, face.index, language)
        if key not in self._local:
            font = self.open(face, 24, shaped=True)
            letters = LOCAL_SHAPES[language]
            self._local[key] = (
                not face.size
                and font.layout_engine == ImageFont.Layout.RAQM
                and bytes(font.getmask(letters)) != bytes(font.getmask(letters, language=language))
            )
        return self._local[key]

    def _has(self, face: Face, character: str) -> bool:
        if character == " " or character in JOINERS:  # invisible, with or without a glyph
            return True
        try:
            font = self.open(face, 14)
            glyph = _glyph(font, character)
            if not any(glyph[1]):
                return False
            capital = character.upper()
            if character.islower() and len(capital) == 1 and capital != character and glyph == _glyph(font, capital):
                return False
            key = (face.path, face.index, face.size)
            if key not in self._notdef:
                self._notdef[key] = _glyph(font, _PRIVATE)
            return glyph != self._notdef[key]
        except OSError:
            return False


def _is_rare(character: str) -> bool:
    """Whether the character belongs to a right-to-left script."""
    return unicodedata.bidirectional(character) in ("R", "AL", "AN")


def _coverage_name(index: int, size: int) -> str:
    """Name the fact that lists the characters that a face has and lacks."""
    return f"characters of face {index} at {size}"


def _unpacked(path: str) -> io.BytesIO:
    with gzip.open(path) as file:
        return io.BytesIO(file.read())


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character, mode="L")
    return mask.size, bytes(mask)


def _group(faces: Sequence[Face]) -> dict[str, list[list[Face]]]:
    """Group faces by kind and family; the many script variants of Noto count as one family."""
    groups: dict[str, dict[str, list[Face]]] = {kind: {} for kind in KINDS}
    for face in faces:
        words = face.family.split()
        name = " ".join(words[:2]) if words[0] in ("Noto", "Latin", "Px") else face.family
        groups[face.kind].setdefault(name, []).append(face)
    return {kind: list(families.values()) for kind, families in groups.items()}
