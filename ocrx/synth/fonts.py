"""Typefaces of this machine: finding them, sorting them into kinds, and checking which characters they cover."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import struct
import subprocess
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import ImageFont

from ocrx.errors import DataError
from ocrx.text.charsets import JOINERS

SUFFIXES = (".ttf", ".otf", ".ttc", ".otb", ".pcf", ".pcf.gz")
SYSTEM = Path("system")  # among the folders: the faces that fontconfig finds
BITMAP_FOLDERS = (Path("/usr/share/fonts/X11"),)
KINDS = ("mono", "slab", "narrow", "pixel", "plain", "core")

# Faces whose glyphs are not the letters of the text: symbols, small capitals for lower case, swashes.
_UNSUITED = re.compile(
    r"symbol|dingbat|ornament|emoji|icon|math|caps|titling|D050000L|NonUnicode|STIXVar|STIXSize|STIXInt|Last ?Resort"
    r"|Fallback|Upper|CSUR|Keyfont|Keyboard|(Sign|PC|Info)font Z|Phonetic|quotation|dunhill|funny|fibonacci|cursor$|nil"
    r"|barcode|braille|musi|opens___|cl6x|olgl|olcursor|decw|deccurs|decsess|Style Std|Script|chorus|initials|3270gr"
    r"|gost|outline|ja$|ko$|rk$|rstr",
    re.IGNORECASE,
)
# Faces for right-to-left scripts: some have digits and signs too, but lines of other scripts do without them.
_RIGHT_TO_LEFT = re.compile(r"arabic|hebrew", re.IGNORECASE)
_PIXEL = re.compile(
    r"^Px|Terminus|Spleen|Unifont|proggy|glass|3270|DotGothic|Sixtyfour|Workbench|Atari|\.pcf|fixed", re.IGNORECASE
)
_MONO = re.compile(
    r"mono|courier|typewriter|code|cousine|consol|hermit|agave|inconsolata|ocr|cursor|typist|typo$|teletype|lmtt",
    re.IGNORECASE,
)
# Monospaced faces in the manner of typewriters; the others are like the faces of till printers and terminals.
_SLAB = re.compile(
    r"courier|typewriter|typist|typo$|cursor|teletype|compagnon|FreeMono|Nimbus Mono|Latin Modern Mono|Libertine Mono"
    r"|CMU Typewriter|GNUTypewriter",
    re.IGNORECASE,
)
_NARROW = re.compile(
    r"narrow|condensed|\bcn\b|\bcond\b|kaffeesatz|bebas|routed gothic|osifont|opendin|roadgeek", re.IGNORECASE
)
_CORE = re.compile(
    r"^(Liberation (Sans|Serif)|Arimo|Tinos|Free(Sans|Serif)|Nimbus (Sans|Roman)|TeX Gyre (Heros|Termes)"
    r"|DejaVu (Sans|Serif)|Carlito|Caladea|Open Sans|Roboto|Noto (Sans|Serif)|Lato|Helvetica|Times|Arial|Verana"
    r"|Aerial)$",
    re.IGNORECASE,
)
_ITALIC = re.compile(r"italic|oblique|slanted|inclined|kursiv", re.IGNORECASE)
_BOLD = re.compile(r"bold|black|heavy|demi|extrabold|ultra", re.IGNORECASE)
_PRIVATE = "\U0010fffd"
# Letters that a face may shape for one language alone (OpenType feature ``locl``).
LOCAL_SHAPES = {"bg": "вгджзиклптцшщю", "sr": "бгдпт", "mk": "бгдптѓ"}
_PREFER_LOCAL = 0.4  # share of the texts in these languages that prefer such a face


@dataclass(frozen=True)
class Face:
    """One typeface: a file, an index in it, and the pixel size of a bitmap font (0 for outlines, which have any)."""

    path: str
    index: int
    family: str
    style: str
    kind: str
    size: int = 0

    @property
    def name(self) -> str:
        """Family and style."""
        return f"{self.family} {self.style}".strip()

    @property
    def italic(self) -> bool:
        """Whether the style is italic or oblique."""
        return bool(_ITALIC.search(self.style))

    @property
    def bold(self) -> bool:
        """Whether the style is bold."""
        return bool(_BOLD.search(self.style))


class FontBook:
    """The usable faces by kind. Files are opened when first rendered; all caches belong to the object.

    Args:
        folders: folders of fonts; ``system`` stands for the fonts that fontconfig finds, the default.
        keep_open: how many outline fonts stay open.

    Raises:
        DataError: There is no usable font.
    """

    def __init__(self, folders: Sequence[Path] = (), keep_open: int = 600) -> None:
        faces = _from_system() if not folders or SYSTEM in folders else []
        faces += _in_folders([folder for folder in folders if folder != SYSTEM])
        if not faces:
            where = ", ".join(map(str, folders)) or "this machine"
            raise DataError(f"{where}: no usable font", hint=f"expected files ending in {', '.join(SUFFIXES)}")

        self.faces = tuple(faces)
        self._common = [face for face in faces if not _RIGHT_TO_LEFT.search(face.name)] or faces
        self._groups = _group(self._common)
        self._fonts: OrderedDict[tuple[str, int, float, bool], ImageFont.FreeTypeFont] = OrderedDict()
        self._bitmaps: dict[tuple[str, int, float, bool], ImageFont.FreeTypeFont] = {}
        self._keep_open = keep_open
        # a bitmap font has a face for each size, and its sign for a missing character differs from size to size
        self._covered: dict[tuple[str, int, int], dict[str, bool]] = {}
        self._local: dict[tuple[str, int, str], bool] = {}
        self._having: dict[str, tuple[Face, ...]] = {}  # a rare character → the faces that have it
        self._notdef: dict[tuple[str, int, int], tuple[tuple[int, int], bytes]] = {}

    def pick(
        self, rng: Random, weights: Sequence[float], text: str, italics: float = 1.0, language: str = ""
    ) -> Face | None:
        """A face that has every character of ``text``; ``weights`` follow ``KINDS``.

        Families are equally likely, so that one with forty faces counts once. Italic faces are kept with
        probability ``italics``. None if no face has the characters.

        Args:
            rng: Source of randomness.
            weights: Weight of each of ``KINDS``.
            text: The text that the face must be able to show.
            italics: Probability to keep an italic face.
            language: BCP 47 code; some texts of a language with letter shapes of its own prefer faces that have them.

        Returns:
            The face, or None.
        """
        rare = next(filter(_is_rare, text), None)
        if rare is not None:
            return self._pick_covering(rng, weights, text, italics, self._faces_with(rare))
        local = language in LOCAL_SHAPES and rng.random() < _PREFER_LOCAL
        for attempt in range(24):
            names = self._groups[rng.choices(KINDS, weights)[0]] if attempt < 12 else None
            face = rng.choice(rng.choice(names)) if names else rng.choice(self._common)
            if face.italic and rng.random() > italics:
                continue
            if self.covers(face, text) and (not local or attempt > 16 or self.has_local_shapes(face, language)):
                return face

        covering = [face for face in self.faces if self.covers(face, text)]
        # a rare script may have a handful of faces: all of them alike, of the wanted kinds if there are any
        wanted = [face for face in covering if weights[KINDS.index(face.kind)]]
        return rng.choice(wanted or covering) if covering else None

    def _faces_with(self, character: str) -> tuple[Face, ...]:
        """The faces that have a character."""
        if character not in self._having:
            self._having[character] = tuple(face for face in self.faces if self.covers(face, character))
        return self._having[character]

    def _pick_covering(
        self, rng: Random, weights: Sequence[float], text: str, italics: float, faces: Sequence[Face]
    ) -> Face | None:
        """The same for right-to-left scripts, which few faces cover, many of them bitmaps.

        Only covering faces are considered: random attempts would hardly find them among hundreds of others.
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
        """The face at a size in pixels per em, with shaping by libraqm or with Pillow's basic layout.

        Args:
            face: The typeface.
            size: Pixels per em.
            shaped: Shape with libraqm instead of Pillow's basic layout.

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
                # few, small, and slow to unpack: kept for good
                self._bitmaps[key] = font
                return font
            self._fonts[key] = font
            if len(self._fonts) > self._keep_open:
                self._fonts.popitem(last=False)
        elif not face.size:
            self._fonts.move_to_end(key)

        return font

    def covers(self, face: Face, text: str) -> bool:
        """Whether the face has a glyph for every character of ``text``, with lower case distinct from capitals.

        Args:
            face: The typeface.
            text: The text.

        Returns:
            True if it has them all.
        """
        known = self._covered.setdefault((face.path, face.index, face.size), {})
        if False in map(known.get, text):
            return False  # before rendering anything: most faces lack most of a rare script
        for character in text:
            has = known.get(character)
            if has is None:
                has = known[character] = self._has(face, character)
            if not has:
                return False
        return True

    def has_local_shapes(self, face: Face, language: str) -> bool:
        """Whether the face shapes letters of the language in its own way.

        Args:
            face: The typeface.
            language: A key of ``LOCAL_SHAPES``.

        Returns:
            True if it does, and if Pillow has libraqm, which sets them.
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


def _unpacked(path: str) -> io.BytesIO:
    with gzip.open(path) as file:
        return io.BytesIO(file.read())


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character, mode="L")
    return mask.size, bytes(mask)


def _from_system() -> list[Face]:
    return _from_fontconfig() or _in_folders([matplotlib_folder()])


def _from_fontconfig() -> list[Face]:
    """All faces that fontconfig lists, and the X11 bitmap fonts that it hides."""
    form = "%{file}\t%{index}\t%{family[0]}\t%{style[0]}\t%{spacing}\n"
    try:
        listing = subprocess.run(["fc-list", "--format", form], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return []

    faces = []

    for line in sorted(listing.stdout.splitlines()):
        path, index, family, style, spacing = (line.split("\t") + [""] * 5)[:5]
        if not path.lower().endswith(SUFFIXES) or not index.isdecimal() or int(index) > 0xFFFF:
            continue
        for size in _strikes(path) if path.endswith(".otb") else [0]:
            face = classify_face(path, int(index), family, style, monospaced=spacing in ("100", "110"), size=size)
            if face:
                faces.append(face)

    bitmaps = [folder for folder in BITMAP_FOLDERS if folder.is_dir()]
    return faces + (_in_folders(bitmaps) if bitmaps else [])


def _in_folders(folders: Sequence[Path]) -> list[Face]:
    """All faces in the font files under the folders. Each file is opened once for its names."""
    faces = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder of fonts")
        for path in sorted(p for p in folder.rglob("*") if p.name.lower().endswith(SUFFIXES)):
            face = _bitmap_face(path) if ".pcf" in path.name else _outline_face(path)
            if face:
                faces.append(face)
    return faces


def _outline_face(path: Path) -> Face | None:
    try:
        font = ImageFont.truetype(str(path), 24, layout_engine=ImageFont.Layout.BASIC)
        family, style = font.getname()
        monospaced = font.getlength("i") == font.getlength("W")
    except (OSError, ValueError):
        return None
    return classify_face(str(path), 0, family or path.stem, style or "", monospaced)


def _strikes(path: str) -> list[int]:
    """The pixel sizes of an OpenType bitmap font."""
    sizes = []
    for size in range(8, 41):
        try:
            ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            continue
        sizes.append(size)
    return sizes


def _bitmap_face(path: Path) -> Face | None:
    """The face of a PCF file, if its encoding and size are usable."""
    stem = path.name.split(".")[0]
    if re.search(r"ISO8859|KOI8|cp\d|iso-8859|JISX|^t\d|(ja|ko|rk)$|v$", stem, re.IGNORECASE):
        return None
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            properties = read_pcf_properties(file.read(1 << 16))
    except (OSError, EOFError, struct.error, IndexError, UnicodeDecodeError):
        return None

    size = int(properties.get("PIXEL_SIZE", 0))
    if not 8 <= size <= 40 or str(properties.get("CHARSET_REGISTRY", "")).upper() not in ("ISO10646", "ISO8859", "IBM"):
        return None
    style = f"{properties.get('WEIGHT_NAME', '')} {'Italic' if properties.get('SLANT') in ('I', 'O') else ''} {stem}"
    return classify_face(str(path), 0, f"{properties.get('FAMILY_NAME', stem)} bitmap", style, False, size)


def read_pcf_properties(data: bytes) -> dict[str, str | int]:
    """The properties table of a PCF font (X.Org's "pcf" format: table of contents, then type 1 = properties).

    Args:
        data: The content of the font file.

    Returns:
        Properties by name.
    """
    tables = struct.unpack_from("<4sI", data)
    if tables[0] != b"\x01fcp":
        return {}
    offset = next((o for t, _, _, o in struct.iter_unpack("<4I", data[8 : 8 + 16 * tables[1]]) if t == 1), None)
    if offset is None:
        return {}
    order = ">" if struct.unpack_from("<I", data, offset)[0] & 4 else "<"
    count = struct.unpack_from(order + "I", data, offset + 4)[0]
    rows = [struct.unpack_from(order + "IBI", data, offset + 8 + 9 * i) for i in range(count)]
    strings = offset + 8 + 9 * count + (-count % 4) + 4

    def string(at: int) -> str:
        return data[strings + at : data.index(b"\0", strings + at)].decode("latin-1")

    return {string(name): string(value) if is_string else value for name, is_string, value in rows}


def classify_face(path: str, index: int, family: str, style: str, monospaced: bool, size: int = 0) -> Face | None:
    """The face with its kind, or None if its glyphs are not the letters of a text.

    Args:
        path: The font file.
        index: Number of the face in the file.
        family: Its family.
        style: Its style.
        monospaced: Whether all characters are equally wide.
        size: Pixels, for a bitmap font.

    Returns:
        The face, or None.
    """
    whole = f"{family} {style} {Path(path).stem.split('.')[0]}"
    if _UNSUITED.search(whole):
        return None
    if size or _PIXEL.search(family):
        kind = "pixel"
    elif _NARROW.search(f"{family} {style}"):
        kind = "narrow"
    elif monospaced or _MONO.search(family):
        kind = "slab" if _SLAB.search(family) else "mono"
    else:
        kind = "core" if _CORE.match(family) else "plain"

    return Face(path, index, family, style, kind, size)


def _group(faces: Sequence[Face]) -> dict[str, list[list[Face]]]:
    """Families by kind, each a list of faces; the many script variants of Noto count as one family."""
    groups: dict[str, dict[str, list[Face]]] = {kind: {} for kind in KINDS}
    for face in faces:
        words = face.family.split()
        name = " ".join(words[:2]) if words[0] in ("Noto", "Latin", "Px") else face.family
        groups[face.kind].setdefault(name, []).append(face)
    return {kind: list(families.values()) for kind, families in groups.items()}


def matplotlib_folder() -> Path:
    """The folder of DejaVu and STIX that matplotlib ships, found without importing it.

    Returns:
        The folder.
    """
    from importlib.util import find_spec

    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise DataError("no fonts found", hint="install fontconfig and some fonts, or name folders in Synth.fonts")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


def fingerprint(faces: Sequence[Face]) -> str:
    """A short hash of the faces. The same settings give the same lines only where it is the same.

    Args:
        faces: The typefaces.

    Returns:
        The hash in hexadecimal digits.
    """
    text = "\n".join(f"{face.path}#{face.index}" for face in faces)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
