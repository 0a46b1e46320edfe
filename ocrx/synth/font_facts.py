"""What was found out about font files, kept from run to run: sizes, names, characters.

Opening a thousand fonts and rendering each character once takes seconds of every process; the answers take a file of
some hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import PIL
from PIL import features

from ocrx.errors import DataError
from ocrx.files import read_json, to_json, write_file
from ocrx.model_folder import cache_folder

_FORMAT = 1

_Fact = TypeVar("_Fact")
_Stamp = list[int]


class FontFacts:
    """Facts about font files by name. A fact holds as long as the size and the time of change of its file do.

    Args:
        path: File to keep the facts in; None keeps them in memory. A file that is damaged, or was written with other
            versions of Pillow and FreeType, counts as empty.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._files: dict[str, tuple[_Stamp, dict[str, Any]]] = _read(path) if path else {}
        self._current: set[str] = set()  # files whose stamp has been compared
        self._changed = False

    def find(self, path: str, name: str, find_out: Callable[[], _Fact]) -> _Fact:
        """Get a fact, from memory if it is known.

        Args:
            path: The font file.
            name: Name of the fact.
            find_out: Finds the fact out; the result must be the same after a round trip through JSON.

        Returns:
            The fact.
        """
        facts = self._of(path)
        if name not in facts:
            facts[name] = find_out()
            self._changed = True
        fact: _Fact = facts[name]
        return fact

    def get(self, path: str, name: str) -> Any:
        """Get a fact.

        Args:
            path: The font file.
            name: Name of the fact.

        Returns:
            The fact, None if it is not known.
        """
        return self._of(path).get(name)

    def set(self, path: str, name: str, fact: object) -> None:
        """Set a fact, or replace it.

        Args:
            path: The font file.
            name: Name of the fact.
            fact: The fact; a value that JSON can hold.
        """
        self._of(path)[name] = fact
        self._changed = True

    def save(self) -> None:
        """Write the facts about files that still exist, if there are new ones. Without a place to write, do nothing."""
        if self._path is None or not self._changed:
            return
        files = {path: [stamp, facts] for path, (stamp, facts) in self._files.items() if Path(path).exists()}
        try:
            write_file(self._path, to_json({"versions": _versions(), "files": files}))
        except OSError:
            return  # a read-only or full home: the next run finds the facts out again
        self._changed = False

    def _of(self, path: str) -> dict[str, Any]:
        """The facts about a file as it is now."""
        if path not in self._current:
            self._current.add(path)
            stamp = _stamp(path)
            if path not in self._files or self._files[path][0] != stamp:
                self._files[path] = (stamp, {})
        return self._files[path][1]


def facts_file() -> Path | None:
    """Find the file of the facts in the user's cache.

    Returns:
        The file, whether it exists or not; None if the user has no home.
    """
    cache = cache_folder()
    return cache / "fonts.json" if cache else None


def _stamp(path: str) -> _Stamp:
    """Size and time of the last change; -1 twice for a missing file."""
    try:
        found = Path(path).stat()
    except OSError:
        return [-1, -1]
    return [found.st_size, found.st_mtime_ns]


def _versions() -> list[object]:
    """What the facts depend on besides the files."""
    return [_FORMAT, PIL.__version__, features.version("freetype2")]


def _read(path: Path) -> dict[str, tuple[_Stamp, dict[str, Any]]]:
    if not path.is_file():
        return {}
    try:
        data = read_json(path)
    except DataError:
        return {}
    if not isinstance(data, dict) or data.get("versions") != _versions():
        return {}
    return {name: (stamp, facts) for name, (stamp, facts) in data.get("files", {}).items()}
