"""Tar shards in the layout of WebDataset: the files of one sample have the same name up to the first dot."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from ocrx.bulk.locations import open_binary
from ocrx.bulk.rows import Columns, Record
from ocrx.errors import DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES, MAX_IMAGE_BYTES

TAR_IMAGE, TAR_KEY = "image", "__key__"

TAR_TEXTS = ("txt", "json", "cls")
"""Files of a sample that are carried along, as text."""


class TarSamples:
    """A tar shard, a ``Table``; the position of a record is where the header of its first file begins.

    Attributes:
        location: The file.
    """

    def __init__(self, location: str) -> None:
        """Take a file; nothing is read yet.

        Args:
            location: A path or a URL.
        """
        self.location = location
        self._suffixes: dict[str, None] = {}

    def columns(self) -> Columns:
        """Give the columns; those of texts are known after ``scan``.

        Returns:
            The key, and a column for each kind of text.
        """
        names = (TAR_KEY, *self._suffixes)
        return Columns(names, ("string",) * len(names))

    def scan(self, id_column: str | None) -> Iterator[tuple[int, Any]]:
        """Run through all samples.

        Args:
            id_column: A column; the ids are the keys, whatever its name.

        Yields:
            The position of each sample, and its key.
        """
        for key, members, _ in self._samples(0):
            self._suffixes |= dict.fromkeys(suffix for suffix in members if suffix in TAR_TEXTS)
            yield min(member.offset for member in members.values()), key

    def records(self, position: int) -> Iterator[Record]:
        """Read samples.

        Args:
            position: That of the first one.

        Yields:
            The samples from there to the end.
        """
        for key, members, archive in self._samples(position):
            record: dict[str, Any] = {TAR_KEY: key}
            for suffix, member in members.items():
                if _is_image(suffix):
                    record[TAR_IMAGE] = {"bytes": _content(archive, member), "path": member.name}
                elif suffix in TAR_TEXTS:
                    record[suffix] = _content(archive, member).decode("utf-8", "backslashreplace")
            yield record

    def digest(self) -> str:
        """Identify the content.

        Returns:
            A hash of names, sizes and times of all files.
        """
        headers = blake2b(digest_size=16)
        for _, members, _ in self._samples(0):
            for member in members.values():
                headers.update(f"{member.name}\0{member.size}\0{member.mtime}\n".encode("utf-8", "surrogatepass"))
        return headers.hexdigest()

    def _samples(self, position: int) -> Iterator[tuple[str, dict[str, tarfile.TarInfo], tarfile.TarFile]]:
        with _named(self.location), open_binary(self.location) as file:
            file.seek(position)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                key, members = "", dict[str, tarfile.TarInfo]()
                for member, name, suffix in self._members(archive):
                    if name != key and members:
                        yield key, members, archive
                        members = {}
                    key = name
                    self._check(member, suffix, members)
                    members[suffix] = member

                if members:
                    yield key, members, archive

    def _check(self, member: tarfile.TarInfo, suffix: str, members: dict[str, tarfile.TarInfo]) -> None:
        """Raise DataError for what would lose a line: the files of a sample are one row with one image."""
        if suffix in members:
            raise DataError(f"{self.location}: {member.name} is there twice; expected different names")
        other = next((members[name].name for name in members if _is_image(name)), None)
        if _is_image(suffix) and other is not None:
            raise DataError(
                f"{self.location}: {other} and {member.name} are images of one sample; expected one image",
                hint="give each image a name of its own up to the first dot",
            )

    def _members(self, archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str, str]]:
        """The files of an archive with their keys and suffixes; the last one is followed by the end mark."""
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep all of them
            if member.isdir():
                continue
            if not member.isfile():
                raise DataError(f"{self.location}: {member.name} is no file; expected files and folders")
            folder, name = posixpath.split(member.name)
            stem, _, suffix = name.partition(".")
            yield member, posixpath.join(folder, stem), suffix.lower()

        file = archive.fileobj
        assert file is not None
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0") or file.tell() < archive.offset + tarfile.BLOCKSIZE:
            raise DataError(f"{self.location}: truncated tar file; expected an end mark")


def _is_image(suffix: str) -> bool:
    return f".{suffix}" in IMAGE_SUFFIXES


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read(MAX_IMAGE_BYTES)


@contextmanager
def _named(location: str) -> Iterator[None]:
    """Name the file in errors about its content."""
    try:
        yield
    except tarfile.TarError as error:
        hint = "compressed archives cannot be read from the middle: unpack them to .tar"
        raise DataError(f"{location}: damaged or truncated tar file ({error})", hint=hint) from None
