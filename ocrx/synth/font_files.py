"""Font files of this machine: finding them, and sorting their typefaces into kinds."""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import ImageFont

from ocrx.errors import DataError
from ocrx.synth.font_facts import FontFacts

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


def find_faces(folders: Sequence[Path], facts: FontFacts) -> list[Face]:
    """Find the usable typefaces.

    Args:
        folders: Folders of fonts; ``SYSTEM`` stands for the fonts that fontconfig finds, the default.
        facts: What is known about font files; gets what has to be found out.

    Returns:
        The typefaces, in the same order every time.

    Raises:
        DataError: There is no usable font.
    """
    faces = _from_system(facts) if not folders or SYSTEM in folders else []
    faces += _in_folders([folder for folder in folders if folder != SYSTEM], facts)
    if not faces:
        where = ", ".join(map(str, folders)) or "this machine"
        raise DataError(f"{where}: no usable font", hint=f"expected files ending in {', '.join(SUFFIXES)}")
    return faces


def _from_system(facts: FontFacts) -> list[Face]:
    return _from_fontconfig(facts) or _in_folders([matplotlib_folder()], facts)


def _from_fontconfig(facts: FontFacts) -> list[Face]:
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
        sizes = facts.find(path, "sizes", partial(_strikes, path)) if path.endswith(".otb") else [0]
        for size in sizes:
            face = classify_face(path, int(index), family, style, monospaced=spacing in ("100", "110"), size=size)
            if face:
                faces.append(face)

    bitmaps = [folder for folder in BITMAP_FOLDERS if folder.is_dir()]
    return faces + (_in_folders(bitmaps, facts) if bitmaps else [])


def _in_folders(folders: Sequence[Path], facts: FontFacts) -> list[Face]:
    """All faces in the font files under the folders. Each file is opened once for its names."""
    faces = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder of fonts")
        for path in sorted(p for p in folder.rglob("*") if p.name.lower().endswith(SUFFIXES)):
            face = _bitmap_face(path, facts) if ".pcf" in path.name else _outline_face(path, facts)
            if face:
                faces.append(face)
    return faces


def _outline_face(path: Path, facts: FontFacts) -> Face | None:
    names = facts.find(str(path), "names", partial(_names, path))
    return classify_face(str(path), 0, *names) if names else None


def _names(path: Path) -> tuple[str, str, bool] | None:
    """Family, style, and whether all characters are equally wide; None for a file that is not a font."""
    try:
        font = ImageFont.truetype(str(path), 24, layout_engine=ImageFont.Layout.BASIC)
        family, style = font.getname()
        monospaced = font.getlength("i") == font.getlength("W")
    except (OSError, ValueError):
        return None
    return family or path.stem, style or "", monospaced


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


def _bitmap_face(path: Path, facts: FontFacts) -> Face | None:
    """The face of a PCF file, if its encoding and size are usable."""
    stem = path.name.split(".")[0]
    if re.search(r"ISO8859|KOI8|cp\d|iso-8859|JISX|^t\d|(ja|ko|rk)$|v$", stem, re.IGNORECASE):
        return None
    properties = facts.find(str(path), "properties", partial(_pcf_properties, path))
    size = int(properties.get("PIXEL_SIZE", 0))
    if not 8 <= size <= 40 or str(properties.get("CHARSET_REGISTRY", "")).upper() not in ("ISO10646", "ISO8859", "IBM"):
        return None
    style = f"{properties.get('WEIGHT_NAME', '')} {'Italic' if properties.get('SLANT') in ('I', 'O') else ''} {stem}"
    return classify_face(str(path), 0, f"{properties.get('FAMILY_NAME', stem)} bitmap", style, False, size)


def _pcf_properties(path: Path) -> dict[str, str | int]:
    """The properties of a PCF file; none of one that is damaged."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            return read_pcf_properties(file.read(1 << 16))
    except (OSError, EOFError, struct.error, IndexError, UnicodeDecodeError):
        return {}


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
