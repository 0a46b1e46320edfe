"""The files that a manifest may be: each gives its records in order, and again from any record on.

A record is a mapping of column to value. Its position is a byte offset, in Parquet the number of the row. Reading from
a position costs no more than the records that are read (in Parquet: than the row group).
"""

from __future__ import annotations

import csv
import json
import os
import posixpath
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import find_spec
from types import MappingProxyType
from typing import IO, Any, Protocol

from ocrx.bulk.locations import file_digest, open_binary
from ocrx.bulk.rows import Columns, Record
from ocrx.bulk.tar_samples import TarSamples
from ocrx.errors import BackendError, DataError

LINE_FIELD = "path"

_CHUNK = 1 << 20
_INT64 = 2**63
_BATCH = 256  # records of a Parquet file decoded at once
_MAX_COLUMNS = 1000


class Table(Protocol):
    """One file of a manifest."""

    def columns(self) -> Columns:
        """All its columns, found without reading all its records; those of JSON lines are known after ``scan``.

        Returns:
            The columns.
        """
        ...

    def scan(self, id_column: str | None) -> Iterator[tuple[int, Any]]:
        """Run through all records and check that they can be read.

        Args:
            id_column: A column.

        Yields:
            The position of each record, and its value in the column (None without one).
        """
        ...

    def records(self, position: int) -> Iterator[Record]:
        """Read records.

        Args:
            position: That of the first one.

        Yields:
            The records from there to the end.
        """
        ...

    def digest(self) -> str:
        """Identify the content.

        Returns:
            A hash of it; of tar and Parquet files a hash of what describes it (headers, footer).
        """
        ...


def open_table(location: str, kind: str | None = None) -> Table:
    """Open a file of a manifest.

    Args:
        location: A path or a URL.
        kind: One of ``TABLE_SUFFIXES``; by default the suffix of the file. ``.txt`` is a list of paths.

    Returns:
        The table; nothing is read yet.

    Raises:
        BackendError: A Parquet file, and pyarrow is not installed.
        DataError: The suffix means no table.
    """
    suffix = kind or posixpath.splitext(location)[1].lower()
    if suffix not in _TABLES:
        raise DataError(f"{location}: not a manifest; expected {', '.join(TABLE_SUFFIXES)}")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise BackendError(f"{location}: reading Parquet needs pyarrow", hint="pip install 'ocrx[bulk]'")
    table: Table = _TABLES[suffix](location)
    return table


class _TextList:
    """One path on each line, up to a TAB."""

    def __init__(self, location: str) -> None:
        self.location = location

    def columns(self) -> Columns:
        return Columns((LINE_FIELD,), ("string",))

    def scan(self, id_column: str | None) -> Iterator[tuple[int, Any]]:
        for position, _, _ in _lines(self.location, 0):
            yield position, None

    def records(self, position: int) -> Iterator[Record]:
        for _, _, line in _lines(self.location, position):
            yield {LINE_FIELD: line.partition("\t")[0]}

    def digest(self) -> str:
        return file_digest(self.location)


class _JsonLines:
    """One object on each line."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._kinds: dict[str, str] = {}

    def columns(self) -> Columns:
        return Columns(tuple(self._kinds), tuple(self._kinds.values()))

    def scan(self, id_column: str | None) -> Iterator[tuple[int, Any]]:
        for position, number, line in _lines(self.location, 0):
            record = self._parse(line, f"{self.location}:{number}")
            for name, value in record.items():
                if value is not None:
                    kind = _kind(value)
                    if self._kinds.setdefault(name, kind) != kind:
                        self._kinds[name] = common_kind(self._kinds[name], kind)
            if len(self._kinds) > _MAX_COLUMNS:
                raise DataError(f"{self.location}:{number}: more than {_MAX_COLUMNS} different keys")
            yield position, record.get(id_column) if id_column else None

    def records(self, position: int) -> Iterator[Record]:
        for _, _, line in _lines(self.location, position):
            yield self._parse(line, self.location)

    def digest(self) -> str:
        return file_digest(self.location)

    def _parse(self, line: str, where: str) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not valid JSON ({error})") from None
        if not isinstance(record, dict):
            raise DataError(f"{where}: {type(record).__name__}; expected a JSON object")
        return record


class _Delimited:
    """Comma- or TAB-separated values with a header."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._delimiter = "\t" if location.lower().endswith(".tsv") else ","

    def columns(self) -> Columns:
        names = self._header()
        if len(set(names)) != len(names) or not all(names):
            raise DataError(f"{self.location}: {', '.join(names)}; expected a header with a different name each")
        return Columns(tuple(names), ("string",) * len(names))

    def scan(self, id_column: str | None) -> Iterator[tuple[int, Any]]:
        names = self._header()
        wanted = names.index(id_column) if id_column else None
        rows = self._rows(0)
        next(rows, None)
        for position, number, row in rows:
            if len(row) != len(names):
                raise DataError(f"{self.location}:{number}: {len(row)} fields; expected {len(names)}")
            yield position, None if wanted is None else row[wanted]

    def records(self, position: int) -> Iterator[Record]:
        names = self._header()
        rows = self._rows(position)
        if position == 0:
            next(rows, None)
        for _, _, row in rows:
            yield dict(zip(names, row, strict=True))

    def digest(self) -> str:
        return file_digest(self.location)

    def _header(self) -> list[str]:
        first = next(self._rows(0), None)
        if first is None:
            raise DataError(f"{self.location}: empty; expected a header with the names of the columns")
        return first[2]

    def _rows(self, position: int) -> Iterator[tuple[int, int, list[str]]]:
        """Position, number of its last line, and fields of each row; a quoted field may hold line ends."""
        place = position

        def lines(file: IO[bytes]) -> Iterator[str]:
            nonlocal place
            file.seek(position)
            for line in file:
                place += len(line)
                yield line.decode("utf-8-sig" if place == len(line) else "utf-8")

        with _naming(self.location), open_binary(self.location) as file:
            reader = csv.reader(lines(file), delimiter=self._delimiter, strict=True)
            start = position
            for row in reader:
                if row:
                    yield start, reader.line_num, row
                start = place


class _Parquet:
    """A Parquet file; the position of a record is its number in the file."""

    def __init__(self, location: str) -> None:
        self.location = location

    def columns(self) -> Columns:
        with self._open() as file:
            schema = file.schema_arrow.remove_metadata()
        return Columns(tuple(schema.names), (), b64encode(schema.serialize().to_pybytes()).decode("ascii"))

    def scan(self, id_column: str | None) -> Iterator[tuple[int, Any]]:
        with self._open() as file:
            if id_column is None:
                yield from ((position, None) for position in range(file.metadata.num_rows))
                return
            position = 0
            for batch in file.iter_batches(_BATCH, columns=[id_column]):
                for value in batch.column(0).to_pylist():
                    yield position, value
                    position += 1

    def records(self, position: int) -> Iterator[Record]:
        with self._open() as file:
            metadata, group = file.metadata, 0
            while group < metadata.num_row_groups and position >= metadata.row_group(group).num_rows:
                position -= metadata.row_group(group).num_rows
                group += 1
            groups = list(range(group, metadata.num_row_groups))
            for batch in file.iter_batches(_BATCH, row_groups=groups) if groups else ():
                if position < batch.num_rows:
                    yield from batch.slice(position).to_pylist()
                position = max(0, position - batch.num_rows)

    def digest(self) -> str:
        with open_binary(self.location) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            footer = int.from_bytes(file.read(8)[:4], "little")
            file.seek(max(0, size - 8 - footer))
            return blake2b(f"{size} ".encode() + file.read(footer + 8), digest_size=16).hexdigest()

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet

        with open_binary(self.location) as file:
            try:
                # Pages are read one after the other: a column of images does not fit into memory.
                yield pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_CHUNK)
            except (pyarrow.ArrowException, OSError) as error:
                raise DataError(f"{self.location}: damaged or truncated Parquet ({error})") from None


_TABLES: Mapping[str, Callable[[str], Table]] = MappingProxyType(
    {
        ".txt": _TextList,
        ".csv": _Delimited,
        ".tsv": _Delimited,
        ".jsonl": _JsonLines,
        ".ndjson": _JsonLines,
        ".parquet": _Parquet,
        ".tar": TarSamples,
    }
)
TABLE_SUFFIXES = tuple(_TABLES)
"""Suffixes of the files that ``open_table`` reads."""


def common_kind(first: str, second: str) -> str:
    """The kind of a column that holds values of two kinds.

    Args:
        first: A kind, see ``Columns``.
        second: Another.

    Returns:
        The kind that both fit into.
    """
    if first == second:
        return first
    return "float" if {first, second} == {"int", "float"} else "json"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "json"
    return {str: "string", float: "float"}.get(type(value), "json")


def _lines(location: str, position: int) -> Iterator[tuple[int, int, str]]:
    """Position, number and text of each line that is not empty, from a position on."""
    with _naming(location), open_binary(location) as file:
        file.seek(position)
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8-sig" if position == 0 else "utf-8").rstrip("\r\n")
            if text:
                yield position, number, text
            position += len(line)


@contextmanager
def _naming(location: str) -> Iterator[None]:
    """Name the file in errors about its content."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{location}: not UTF-8 ({error.reason})") from None
    except csv.Error as error:
        raise DataError(f"{location}: not valid CSV ({error})") from None
