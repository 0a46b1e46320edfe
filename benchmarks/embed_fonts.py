"""Make whole fonts of npm's ``@fontsource`` families: python benchmarks/embed_fonts.py NODE_MODULES OUTPUT

A package has one web font for each subset of characters (``latin``, ``latin-ext``, ``vietnamese``, ``cyrillic``,
``greek``, ``arabic`` and others), weight and style. The subsets of one face are merged into
``OUTPUT/FAMILY-WEIGHT-STYLE.ttf``, which FreeType reads. Upright and italic at weight 400, a bold face and one other
weight are taken from each family. It needs ``fonttools`` and ``brotli`` (``pip install ocrx[synth]``).
"""

from __future__ import annotations

import logging
import re
import sys
import zlib
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from fontTools.merge import Merger
from fontTools.ttLib import TTFont, TTLibError

SUBSETS = (
    *("latin", "latin-ext", "vietnamese", "cyrillic", "cyrillic-ext", "greek", "greek-ext"),
    *("arabic", "devanagari"),
)
JOINED = frozenset({"arabic", "devanagari"})  # subsets that are nothing without their layout tables
_FILE = re.compile(r"(?P<subset>[a-z-]+)-(?P<weight>\d+)-(?P<style>normal|italic)\.woff2")
_LAYOUT = ("GSUB", "GPOS", "GDEF", "BASE")
# The subsets whose layout tables are kept: Latin kerning and ligatures, and the letter shapes of Bulgarian and Serbian
# (feature ``locl``). Faces whose tables cannot be merged keep those of one subset, or none.
_KEPT_LAYOUTS = (("latin", "cyrillic"), ("cyrillic",), ("latin",), ())

Face = tuple[int, str]  # weight and style


def main(packages: Path, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    families = sorted((packages / "@fontsource").iterdir())
    with ProcessPoolExecutor() as pool:
        counts = list(pool.map(partial(merge_family, output=output), families, chunksize=4))
    print(f"{output}: {sum(counts)} faces of {sum(map(bool, counts))} families")


def merge_family(package: Path, output: Path) -> int:
    """Write the faces of one family that are not there yet; returns how many faces the family has in ``output``."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    available: dict[Face, dict[str, Path]] = defaultdict(dict)
    for path in (package / "files").glob("*.woff2"):
        match = _FILE.fullmatch(path.name.removeprefix(f"{package.name}-"))
        if match and match["subset"] in SUBSETS:
            available[int(match["weight"]), match["style"]][match["subset"]] = path

    count = 0
    for face in chosen_faces(list(available), package.name):
        target = output / f"{package.name}-{face[0]}-{face[1]}.ttf"
        subsets = {subset: available[face][subset] for subset in SUBSETS if subset in available[face]}
        if target.is_file() or merge_subsets(subsets, target):
            count += 1
    return count


def chosen_faces(faces: list[Face], family: str) -> list[Face]:
    """Upright and italic at the weight nearest to 400, one bold face, and one more weight that depends on the name."""
    upright = sorted(weight for weight, style in faces if style == "normal")
    if not upright:
        return []
    regular = min(upright, key=lambda weight: abs(weight - 400))
    bold = min(upright, key=lambda weight: abs(weight - 700))
    other = upright[zlib.crc32(family.encode()) % len(upright)]
    chosen = [(regular, "normal"), (bold, "normal"), (other, "normal"), (regular, "italic")]
    return [face for face in dict.fromkeys(chosen) if face in faces]


def merge_subsets(subsets: dict[str, Path], target: Path) -> bool:
    """Merge the web fonts of one face, by subset. False if they cannot be merged."""
    joined = tuple(subset for subset in subsets if subset in JOINED)
    layouts = [(*joined, "latin"), joined] if joined else _KEPT_LAYOUTS
    with TemporaryDirectory() as folder:
        for kept in layouts:
            try:
                files = [_plain_font(path, f"{folder}/{name}.ttf", name in kept) for name, path in subsets.items()]
                merged = Merger().merge(files) if len(files) > 1 else TTFont(files[0])
                merged.save(target)
                return True
            except (TTLibError, AssertionError, KeyError, AttributeError, NotImplementedError, ValueError, TypeError):
                target.unlink(missing_ok=True)
    return False


def _plain_font(source: Path, target: str, layout: bool) -> str:
    """Unpack a web font; without its layout tables unless ``layout``."""
    font = TTFont(source)
    font.flavor = None
    for table in () if layout else _LAYOUT:
        if table in font:
            del font[table]
    font.save(target)
    return target


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
