"""The parts of a job: one file per shard, which is complete or missing, and can be verified.

A Parquet part has its summary in the footer and a checksum in every page. JSON Lines and CSV cannot store these: their
summary is a file in ``_checksums/``, named after the hash of the part and written before it.
"""

from __future__ import annotations

import csv
import io
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ocrx.bulk.rows import RESULT_FIELDS, Columns, Reading, plain_json
from ocrx.bulk.storage import Storage
from ocrx.errors import BackendError

FORMATS = ("parquet", "jsonl", "csv")

_MODULUS = 2**128
_CHECKSUMS = "_checksums"
_KEY = b"ocrx"
_CARRIED_TYPES = {"string": "string", "int": "int64", "float": "float64", "bool": "bool_", "json": "string"}
Values = tuple[Any, ...]


@dataclass(frozen=True)
class Summary:
    """A summary of rows; summaries of disjoint sets can be added.

    Attributes:
        rows: Number of rows.
        errors: Number of rows with an error.
        digest: Sum of the 128-bit hashes of the rows, modulo 2**128, which depends neither on their order nor files.
    """

    rows: int = 0
    errors: int = 0
    digest: int = 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(self.rows + other.rows, self.errors + other.errors, (self.digest + other.digest) % _MODULUS)

    def to_dict(self) -> dict[str, Any]:
        """Convert the summary to JSON-compatible values.

        Returns:
            Its fields, the digest as 32 hexadecimal digits.
        """
        return {"rows": self.rows, "errors": self.errors, "digest": f"{self.digest:032x}"}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Summary:
        """Create a summary from the result of ``to_dict``.

        Args:
            fields: The fields.

        Returns:
            The summary.
        """
        return cls(int(fields["rows"]), int(fields["errors"]), int(fields["digest"], 16))


@dataclass
class PartSums:
    """Sums of the parts of some shards.

    Attributes:
        clean: Sum of the parts without errors, which never change.
        failed: Summaries of the parts with errors, by shard; another process may read their failed lines again.
    """

    clean: Summary = field(default_factory=Summary)
    failed: dict[int, Summary] = field(default_factory=dict)

    @property
    def total(self) -> Summary:
        """The sum of all parts."""
        return sum(self.failed.values(), self.clean)

    def add(self, shard: int, summary: Summary) -> None:
        """Add a part; it replaces an earlier one of the shard that had errors.

        Args:
            shard: Number of the shard.
            summary: Summary of its part.
        """
        if summary.errors:
            self.failed[shard] = summary
        else:
            self.failed.pop(shard, None)
            self.clean += summary


def summarize(rows: Sequence[Values]) -> Summary:
    """Count and hash rows.

    Args:
        rows: Values in the order of the columns.

    Returns:
        The summary.
    """
    error = RESULT_FIELDS.index("error")
    digest = 0
    for row in rows:
        content = plain_json(row).encode("utf-8", "surrogatepass")
        digest += int.from_bytes(blake2b(content, digest_size=16).digest(), "big")
    return Summary(len(rows), sum(row[error] is not None for row in rows), digest % _MODULUS)


class Parts:
    """The parts of a job in its output folder; picklable.

    Attributes:
        form: ``parquet``, ``jsonl`` or ``csv``.
    """

    def __init__(self, storage: Storage, form: str, columns: Columns, fingerprint: str, shards: int) -> None:
        """Set what the parts of a job have in common.

        Args:
            storage: The output folder.
            form: One of ``FORMATS``.
            columns: Columns carried from the manifest.
            fingerprint: Fingerprint of the job.
            shards: Number of shards of the job.

        Raises:
            BackendError: The format is Parquet and pyarrow is not installed.
        """
        if form == "parquet" and find_spec("pyarrow") is None:
            raise BackendError(
                "format: parquet needs pyarrow, which is not installed",
                hint="pip install 'ocrx[bulk]', or choose --format jsonl or csv",
            )
        self.form = form
        self._storage = storage
        self._columns = columns
        self._fingerprint = fingerprint
        self._digits = max(5, len(str(shards - 1)))

    def name(self, shard: int) -> str:
        """Name the part of a shard.

        Args:
            shard: The number of the shard.

        Returns:
            The name, such as ``part-00017.parquet``.
        """
        return f"part-{shard:0{self._digits}}.{self.form}"

    def present(self) -> dict[int, float]:
        """List existing parts without reading them.

        Returns:
            Time of writing in seconds since 1970, by shard.
        """
        found = {}
        for name, written in self._storage.files():
            number = name.removeprefix("part-").removesuffix(f".{self.form}")
            if number.isdecimal() and name == self.name(int(number)):
                found[int(number)] = written
        return found

    def exists(self, shard: int) -> bool:
        """Check whether a part exists, without reading it.

        Args:
            shard: The number of the shard.

        Returns:
            Whether it exists.
        """
        return self._storage.exists(self.name(shard))

    def commit(self, shard: int, rows: Sequence[Values]) -> Summary:
        """Write the part of a shard, unless another process was faster.

        Args:
            shard: The number of the shard.
            rows: Its rows.

        Returns:
            The summary of the part that exists now.
        """
        summary = summarize(rows)
        if self._storage.create(self.name(shard), self._encode(shard, rows, summary)):
            return summary
        found = self.verify(shard, len(rows))
        return found if found is not None else self.commit(shard, rows)

    def verify(self, shard: int, rows: int) -> Summary | None:
        """Verify a whole part; a damaged one, or one of another job, is removed.

        Args:
            shard: The number of the shard.
            rows: Number of rows that it must have.

        Returns:
            Its summary; None if there is no valid part.
        """
        summary = self.peek(shard)
        if summary is not None and summary.rows == rows:
            return summary
        self._storage.remove(self.name(shard))
        return None

    def peek(self, shard: int) -> Summary | None:
        """Verify a whole part without changing it.

        Args:
            shard: The number of the shard.

        Returns:
            Its summary; None if there is no valid part.
        """
        content = self._storage.read(self.name(shard))
        return None if content is None else self._check(shard, content)

    def readings(self, shard: int) -> tuple[bytes, list[Reading]] | None:
        """Read a part that was verified.

        Args:
            shard: The number of the shard.

        Returns:
            Its content, and the readings of its rows; None if there is no such part.
        """
        content = self._storage.read(self.name(shard))
        return None if content is None else (content, self._decode(content))

    def amend(self, shard: int, old: bytes, rows: Sequence[Values]) -> bool:
        """Replace a part unless another process has changed it.

        Args:
            shard: The number of the shard.
            old: Its content as returned by ``readings``.
            rows: All its rows.

        Returns:
            Whether it was replaced; False if it had changed.
        """
        return self._storage.replace(self.name(shard), old, self._encode(shard, rows, summarize(rows)))

    def _encode(self, shard: int, rows: Sequence[Values], summary: Summary) -> bytes:
        names = (*RESULT_FIELDS, *self._columns.names)
        note = json.dumps({"job": self._fingerprint, "shard": shard, **summary.to_dict()}).encode()
        if self.form == "parquet":
            return _parquet(rows, self._columns, note)

        if self.form == "jsonl":
            lines = [plain_json(dict(zip(names, row, strict=True))) + "\n" for row in rows]
            content = "".join(lines).encode("utf-8")
        else:
            content = _csv((names, *rows)).encode("utf-8")
        self._storage.overwrite(self._checksum_name(shard, content), note)
        return content

    def _check(self, shard: int, content: bytes) -> Summary | None:
        """Return the summary of a part if it is complete and belongs to this job."""
        note = (
            _parquet_note(content)
            if self.form == "parquet"
            else self._storage.read(self._checksum_name(shard, content))
        )
        try:
            fields = json.loads(note or b"")
            owner = (fields["job"], fields["shard"])
            return Summary.from_dict(fields) if owner == (self._fingerprint, shard) else None
        except (ValueError, KeyError, TypeError):
            return None

    def _checksum_name(self, shard: int, content: bytes) -> str:
        digest = blake2b(f"{self._fingerprint} {shard} ".encode() + content, digest_size=16).hexdigest()
        return f"{_CHECKSUMS}/{digest}.json"

    def _decode(self, content: bytes) -> list[Reading]:
        if self.form == "parquet":
            table = import_module("pyarrow.parquet").read_table(io.BytesIO(content), columns=list(RESULT_FIELDS))
            return [_reading(record) for record in table.to_pylist()]
        text = content.decode("utf-8")
        if self.form == "jsonl":
            return [_reading(json.loads(line)) for line in text.split("\n")[:-1]]
        return [_reading(_typed(record)) for record in csv.DictReader(io.StringIO(text, newline=""))]


def _reading(record: Mapping[str, Any]) -> Reading:
    return Reading(
        record["rec_text"],
        record["rec_score"],
        record["confidence"],
        record["warning"],
        record["matched"],
        record["error"],
    )


def _typed(cells: Mapping[str, str]) -> dict[str, Any]:
    """Parse the values of a CSV row."""
    return {
        "rec_text": cells["rec_text"],
        "rec_score": float(cells["rec_score"]),
        "confidence": float(cells["confidence"]) if cells["confidence"] else None,
        "warning": cells["warning"] or None,
        "matched": cells["matched"] == "true",
        "error": cells["error"] or None,
    }


def _csv(rows: Iterable[Values]) -> str:
    """Format rows as CSV; Python before 3.13 does not quote carriage returns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = [_cell(value) for value in row]
        (quoting if any("\r" in cell for cell in cells) else writer).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else plain_json(value).strip('"')


def _parquet(rows: Sequence[Values], columns: Columns, note: bytes) -> bytes:
    """Create a Parquet file of one row group, with page checksums."""
    arrow = import_module("pyarrow")
    fixed = dict.fromkeys(RESULT_FIELDS, arrow.string())
    fixed |= {"rec_score": arrow.float64(), "confidence": arrow.float64(), "matched": arrow.bool_()}
    fields = [arrow.field(name, kind) for name, kind in fixed.items()]
    if columns.arrow is not None:
        fields += list(arrow.ipc.read_schema(arrow.py_buffer(b64decode(columns.arrow))))
    else:
        pairs = zip(columns.names, columns.kinds, strict=True)
        fields += [arrow.field(name, getattr(arrow, _CARRIED_TYPES[kind])()) for name, kind in pairs]

    as_json = [columns.arrow is None and kind == "json" for kind in columns.kinds]
    skip = len(RESULT_FIELDS)
    arrays = []
    for index, column in enumerate(fields):
        values = [row[index] for row in rows]
        if columns.arrow is None and index >= skip and as_json[index - skip]:
            values = [None if value is None else plain_json(value) for value in values]
        arrays.append(arrow.array(values, column.type))

    table = arrow.table(arrays, schema=arrow.schema(fields, metadata={_KEY: note}))
    buffer = io.BytesIO()
    # No statistics: nothing would notice that one is damaged.
    import_module("pyarrow.parquet").write_table(
        table, buffer, compression="zstd", write_page_checksum=True, write_statistics=False
    )
    return buffer.getvalue()


def _parquet_note(content: bytes) -> bytes | None:
    """The summary in a Parquet file, if all its pages are whole."""
    arrow = import_module("pyarrow")
    try:
        with import_module("pyarrow.parquet").ParquetFile(io.BytesIO(content), page_checksum_verification=True) as file:
            table = file.read()
        note: bytes | None = (table.schema.metadata or {}).get(_KEY)
        return note if note is not None and json.loads(note)["rows"] == table.num_rows else None
    except (arrow.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None
