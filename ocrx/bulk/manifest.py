"""The manifest of a job: all line images in a fixed order, split into shards of equal size.

It is streamed, never held in memory: one scan validates it and records where each shard starts (16 bytes per shard).
Any process can then read a shard from there, at the cost of its own rows.
"""

from __future__ import annotations

import json
import posixpath
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from hashlib import blake2b
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.bulk.disk_sort import repeated, sorted_lines
from ocrx.bulk.locations import absolute, beside, files_below, is_folder, is_remote, matching
from ocrx.bulk.rows import RESULT_FIELDS, Columns, Record, Row, storable
from ocrx.bulk.tables import LINE_FIELD, TABLE_SUFFIXES, Table, common_kind, open_table
from ocrx.bulk.tar_samples import TAR_IMAGE
from ocrx.errors import ConfigError, DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES

IMAGE_COLUMNS = ("image", "img", "path", "input_path", "image_path", "file_name", "filename", "file", "url", "bytes")
"""Names of image columns; by default the first that exists is used."""

ID_COLUMN = "id"

_CLASH = "manifest_"  # prefix of carried columns with the name of a result column
_NAMED = 3  # repeated ids listed in an error


@dataclass(frozen=True)
class Source:
    """The input of a job: tables that have not been read yet.

    Attributes:
        files: Absolute paths of the tables, in order.
        image_column: Column with a path, the bytes of an image, or both.
        id_column: Column with the ids; None for row numbers.
        base: Folder that paths are relative to; None for the folder of each table.
        listing: Local list made from a folder or pattern, if ``files`` is that list.
        kind: Suffix that determines the type of the files; None for their own suffix.
    """

    files: tuple[str, ...]
    image_column: str
    id_column: str | None
    base: str | None = None
    listing: Path | None = None
    kind: str | None = None

    def tables(self, first: int = 0) -> list[Table]:
        """Open the files.

        Args:
            first: Number of the first one.

        Returns:
            Their tables.
        """
        return [open_table(file, self.kind) for file in self.files[first:]]

    def digest(self) -> str:
        """Identify the content.

        Returns:
            A hash of the content, independent of the location of the files.
        """
        content = blake2b(digest_size=16)
        for table in self.tables():
            content.update(table.digest().encode())
        return content.hexdigest()


@dataclass(frozen=True)
class Manifest:
    """The rows of a source, in shards; picklable.

    Attributes:
        source: Source of the rows.
        columns: Carried columns, under their names in the result.
        carried: The same columns, under their names in the manifest.
        rows: Number of rows.
        shard_size: Rows per shard; the last one may have fewer.
        starts: uint64 [shards, 2]: file and position where each shard starts.
    """

    source: Source
    columns: Columns
    carried: tuple[str, ...]
    rows: int
    shard_size: int
    starts: npt.NDArray[np.uint64]

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.rows // self.shard_size)

    def size(self, shard: int) -> int:
        """Count the rows of a shard.

        Args:
            shard: Its number, from 0.

        Returns:
            The number of rows.
        """
        return min(self.shard_size, self.rows - shard * self.shard_size)

    def read(self, shard: int, start: int = 0, stop: int | None = None) -> Iterator[Row]:
        """Read rows of a shard; images are included only if the manifest contains their bytes.

        Args:
            shard: Its number, from 0.
            start: First row, relative to the shard.
            stop: Row after the last one; by default the end of the shard.

        Yields:
            The rows.

        Raises:
            DataError: The manifest cannot be read, or has changed.
        """
        stop = self.size(shard) if stop is None else stop
        file, position = (int(value) for value in self.starts[shard])
        number = shard * self.shard_size + start
        for record, base in islice(self._records(file, position), start, stop):
            yield self._row(record, base, number)
            number += 1
        if number < shard * self.shard_size + stop:
            raise DataError(f"{self.source.files[-1]}: ends before row {number:,}; it was changed since the job began")

    def _records(self, file: int, position: int) -> Iterator[tuple[Record, str]]:
        for location, table in zip(self.source.files[file:], self.source.tables(file), strict=True):
            base = posixpath.dirname(location) if self.source.base is None else self.source.base
            for record in table.records(position):
                yield record, base
            position = 0

    def _row(self, record: Record, base: str, number: int) -> Row:
        source = self.source
        name, image = _image(record.get(source.image_column), base)
        found = str(number) if source.id_column is None else str(record.get(source.id_column))
        values = (record.get(column) for column in self.carried)
        carried = tuple(storable(value) if isinstance(value, str) else value for value in values)
        return Row(storable(found), name and storable(name), image, carried)


def find_source(given: str, image_column: str | None, id_column: str | None, scratch: Path) -> Source:
    """Interpret the input of a job.

    Args:
        given: A folder, a glob pattern, ``@list.txt``, a manifest, tar shards, or an image.
        image_column: The column with the image; None for the first of ``IMAGE_COLUMNS``.
        id_column: The column with the ids; None for ``id`` if it exists, '' for row numbers.
        scratch: A temporary folder, for the list of images of a folder or pattern.

    Returns:
        The source.

    Raises:
        ConfigError: A named column does not exist.
        DataError: There is nothing to read, or it cannot be read.
    """
    if given.startswith("@"):
        return Source((absolute(given[1:]),), LINE_FIELD, None, kind=".txt")
    if has_magic(given):
        names = matching(given)
        if names and all(name.lower().endswith(TABLE_SUFFIXES) for name in names):
            return _table_source(names, image_column, id_column)
        return _listed(_images(names), given, scratch)

    if given.lower().endswith(TABLE_SUFFIXES):
        return _table_source([given], image_column, id_column)
    if given.lower().endswith(IMAGE_SUFFIXES):
        return _listed([given], given, scratch)
    return _folder_source(given, image_column, id_column, scratch)


def index_source(source: Source, shard_size: int) -> Manifest:
    """Scan all rows: check that they are readable and ids are unique, and record where shards start.

    Args:
        source: The source.
        shard_size: Rows per shard.

    Returns:
        The manifest.

    Raises:
        ConfigError: Two files have different columns.
        DataError: A row cannot be read, an id is missing or repeats, or there are no rows.
    """
    run = _Run(source, shard_size)
    groups = repeated(run.ids())
    if not run.rows:
        raise DataError(f"{source.files[0]}: no rows")

    manifest = _manifest(source, run, shard_size)
    if groups:
        raise DataError(
            f"{source.files[0]}: column {source.id_column!r} repeats {len(groups):,} ids: "
            + "; ".join(_describe(manifest, rows) for rows in groups[:_NAMED]),
            hint="make them different, name another --id-column, or --id-column '' to count the rows",
        )
    return manifest


def _manifest(source: Source, run: _Run, shard_size: int) -> Manifest:
    """Create the manifest after a scan; carried columns are renamed if a result column has their name."""
    columns = run.columns()
    used = {source.image_column, source.id_column}
    kept = [index for index, name in enumerate(columns.names) if name not in used]
    carried = tuple(columns.names[index] for index in kept)
    names = tuple(_CLASH + name if name in RESULT_FIELDS else name for name in carried)
    if len(set(names)) != len(names):
        raise ConfigError(f"{source.files[0]}: two columns would be {_CLASH}...; rename one of {', '.join(carried)}")
    kinds = tuple(columns.kinds[index] for index in kept) if columns.kinds else ()
    arrow = _arrow_part(columns.arrow, kept, names)
    starts = np.asarray(run.starts, dtype=np.uint64).reshape(-1, 2)
    return Manifest(source, Columns(names, kinds, arrow), carried, run.rows, shard_size, starts)


class _Run:
    """One scan of a source."""

    def __init__(self, source: Source, shard_size: int) -> None:
        self.rows = 0
        self.starts: list[tuple[int, int]] = []
        self._source = source
        self._shard_size = shard_size
        self._tables = source.tables()

    def ids(self) -> Iterator[str]:
        """Yield the ids of all rows; nothing if there is no id column."""
        column = self._source.id_column
        for file, table in enumerate(self._tables):
            for position, value in table.scan(column):
                if self.rows % self._shard_size == 0:
                    self.starts.append((file, position))

                if column is not None:
                    if value is None or value == "":
                        raise DataError(
                            f"{self._source.files[file]}: row {self.rows:,} has no {column!r}; expected an id"
                        )
                    yield storable(str(value))
                self.rows += 1

    def columns(self) -> Columns:
        """Return the columns of all tables, after the scan."""
        first = self._tables[0].columns()
        for file, table in zip(self._source.files[1:], self._tables[1:], strict=True):
            other = table.columns()
            if first.arrow != other.arrow or (file.endswith((".csv", ".tsv")) and first != other):
                raise ConfigError(
                    f"{file}: columns {', '.join(other.names)}; expected those of {self._source.files[0]}: "
                    f"{', '.join(first.names)}"
                )

            kinds = dict(zip(first.names, first.kinds, strict=False))
            for name, kind in zip(other.names, other.kinds, strict=False):
                kinds[name] = common_kind(kinds.get(name, kind), kind)
            first = first if first.arrow else Columns(tuple(kinds), tuple(kinds.values()))
        return first


def _folder_source(given: str, image_column: str | None, id_column: str | None, scratch: Path) -> Source:
    """Create a source from the images of a folder, or from its tables if it has no images."""
    if not is_folder(given):
        raise DataError(
            f"{given}: no such folder",
            hint=f"give a folder, a pattern in quotes, @list.txt, or a manifest ({', '.join(TABLE_SUFFIXES)})",
        )

    try:
        return _listed(sorted_lines(_images(files_below(given))), given, scratch)
    except DataError:
        # Text files beside images hold their labels; a folder without images holds manifests.
        tables = [name for name in files_below(given) if name.lower().endswith(TABLE_SUFFIXES) and name[-4:] != ".txt"]
        if not tables:
            raise
        return _table_source(sorted(tables), image_column, id_column)


def _table_source(names: Sequence[str], image_column: str | None, id_column: str | None) -> Source:
    """Create a source from tables, and determine the columns of images and ids."""
    files = tuple(absolute(name) for name in names)
    kinds = {posixpath.splitext(file)[1].lower() for file in files}
    if len(kinds) > 1:
        raise DataError(f"{files[0]}: beside files of another kind ({', '.join(sorted(kinds))}); expected one kind")
    table = open_table(files[0])
    columns = (*_columns(table), TAR_IMAGE) if kinds == {".tar"} else _columns(table)

    image = image_column or next((name for name in IMAGE_COLUMNS if name in columns), None)
    if image is None or image not in columns:
        wanted = image_column or " or ".join(IMAGE_COLUMNS)
        raise ConfigError(
            f"{files[0]}: no column {wanted} with the images; it has {', '.join(columns)}",
            hint="name the column with --image-column",
        )
    if id_column and id_column not in columns:
        raise ConfigError(f"{files[0]}: no column {id_column!r} with the ids; it has {', '.join(columns)}")
    default = ID_COLUMN if ID_COLUMN in columns and image != ID_COLUMN else None
    return Source(files, image, default if id_column is None else id_column or None)


def _columns(table: Table) -> tuple[str, ...]:
    """Return the columns of a table; for JSON Lines those of the first line."""
    return table.columns().names or tuple(next(table.records(0), {}))


def _listed(names: Iterable[str], given: str, scratch: Path) -> Source:
    """Write a list of images and create a source from it."""
    path = scratch / "list.jsonl"
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for name in names:
            file.write(json.dumps({LINE_FIELD: name}) + "\n")
            count += 1
    if not count:
        raise DataError(f"{given}: no images ({', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)})")
    base = "" if is_remote(given) else str(Path.cwd())
    return Source((str(path),), LINE_FIELD, None, base, listing=path)


def _images(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if name.lower().endswith(IMAGE_SUFFIXES))


def _image(value: Any, base: str) -> tuple[str | None, str | bytes | None]:
    """Return name and location, or name and bytes, of the image in a column."""
    if isinstance(value, dict):  # bytes and path, as in datasets of Hugging Face
        content = value.get("bytes")
        name, place = _image(value.get("path"), base)
        return name, content if isinstance(content, bytes) else place
    if isinstance(value, bytes):
        return None, value
    return (str(value), beside(base, str(value))) if value not in (None, "") else (None, None)


def _describe(manifest: Manifest, rows: Sequence[int]) -> str:
    shard, start = divmod(rows[0], manifest.shard_size)
    row = next(manifest.read(shard, start, start + 1))
    shown = ", ".join(f"{number:,}" for number in rows[:_NAMED])
    return f"{row.id!r} in rows {shown}{' and more' if len(rows) > _NAMED else ''}"


def _arrow_part(schema: str | None, kept: Sequence[int], names: Sequence[str]) -> str | None:
    """The fields ``kept`` of a serialised Arrow schema, under new names."""
    if schema is None:
        return None
    arrow = import_module("pyarrow")
    fields = arrow.ipc.read_schema(arrow.py_buffer(b64decode(schema)))
    part = arrow.schema([fields.field(index).with_name(name) for index, name in zip(kept, names, strict=True)])
    return b64encode(part.serialize().to_pybytes()).decode("ascii")
