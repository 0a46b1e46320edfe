"""A job: what is read, how, and where the output goes.

Its files in the output folder:

_job.json            description and fingerprint of the job; written once, by the first process
_index-FINGERPRINT   where each shard of the manifest starts
_list-FINGERPRINT    the images of a folder or pattern, in order
part-00017.parquet   the rows of a shard; a shard is done if its part exists
_checksums/          the summaries of JSON Lines and CSV parts
_SUCCESS             rows, errors and digest of all parts; written by whichever process finds all of them, removed by
                     one that finds a part missing
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from ocrx.bulk.manifest import Manifest, Source, find_source, index_source
from ocrx.bulk.parts import FORMATS, Parts, PartSums, Summary
from ocrx.bulk.rows import Columns
from ocrx.bulk.storage import Storage, open_storage
from ocrx.errors import ConfigError, DataError
from ocrx.files import parse_json, to_json
from ocrx.results import Progress

JOB_FILE, SUCCESS_FILE = "_job.json", "_SUCCESS"

_VERSION = 1


@dataclass(frozen=True)
class JobRequest:
    """The request to start or continue a job.

    Attributes:
        source: A folder, a pattern, ``@list.txt``, a manifest or tar shards.
        output: Folder or URL of the output.
        reading: Everything that determines the texts, as plain values: version, model, decoding. It is part of the
            fingerprint.
        shard_size: Rows per shard.
        form: ``parquet``, ``jsonl`` or ``csv``.
        image_column: The column with the image; None to detect it.
        id_column: The column with the ids; None for ``id`` if it exists, '' for row numbers.
    """

    source: str
    output: str
    reading: Mapping[str, Any]
    shard_size: int = 2000
    form: str = "parquet"
    image_column: str | None = None
    id_column: str | None = None


@dataclass(frozen=True)
class Survey:
    """The state of some shards in the output.

    Attributes:
        sums: Sums of the valid parts.
        missing: Shards without a valid part.
    """

    sums: PartSums
    missing: list[int]


@dataclass(frozen=True)
class Job:
    """A prepared job; picklable, for processes that share its files.

    Attributes:
        storage: Its output folder.
        manifest: Its rows.
        parts: Its parts.
        fingerprint: Identifies manifest, model, decoding, shards and format.
    """

    storage: Storage
    manifest: Manifest
    parts: Parts
    fingerprint: str

    def own_shards(self, index: int = 0, count: int = 1) -> range:
        """Select the shards of one of several processes.

        Args:
            index: Number of the process, from 0.
            count: Number of processes.

        Returns:
            Consecutive shards; together, the processes cover all shards.
        """
        return range(self.manifest.shards * index // count, self.manifest.shards * (index + 1) // count)

    def survey(self, shards: range, progress: Progress) -> Survey:
        """Verify existing parts; removes damaged ones, and ``_SUCCESS`` if a part is missing.

        Args:
            shards: The shards to check.
            progress: Called with the number of lines done and the total.

        Returns:
            The state of the shards.
        """
        present = self.parts.present()
        sums, missing = PartSums(), list[int]()
        lines, total = 0, sum(map(self.manifest.size, shards))

        for shard in shards:
            found = self.parts.verify(shard, self.manifest.size(shard)) if shard in present else None
            if found is None:
                missing.append(shard)
                continue
            sums.add(shard, found)
            lines += found.rows
            progress(lines, total)
        if missing:
            self.storage.remove(SUCCESS_FILE)
        return Survey(sums, missing)

    def finish(self, own: range, sums: PartSums) -> Summary | None:
        """Write ``_SUCCESS`` if all parts are there.

        Another process may replace parts with errors at any moment. They are read again before and after the file is
        written, until it holds their sums.

        Args:
            own: Shards of this process.
            sums: Sums of their parts.

        Returns:
            The sum of all summaries; None while parts are missing.
        """
        if sums.total.rows != sum(map(self.manifest.size, own)):
            return None
        found = PartSums(sums.clean, dict(sums.failed))
        others = [shard for shard in range(self.manifest.shards) if shard not in own]
        if others:
            present = self.parts.present()
            if any(shard not in present for shard in others):
                return None
        if not self._verify(others, found):
            return None

        written: Summary | None = None
        while self._verify(list(found.failed), found):
            if found.total == written:
                return written
            written = found.total
            content = to_json({**written.to_dict(), "job": self.fingerprint}, indent=2) + "\n"
            self.storage.overwrite(SUCCESS_FILE, content.encode())
        self.storage.remove(SUCCESS_FILE)
        return None

    def _verify(self, shards: Iterable[int], sums: PartSums) -> bool:
        """Add the parts of shards to sums; returns False if one is missing or damaged."""
        for shard in shards:
            summary = self.parts.verify(shard, self.manifest.size(shard))
            if summary is None:
                return False
            sums.add(shard, summary)
        return True


def prepare_job(request: JobRequest) -> Job:
    """Start a job, or continue the one in the output folder.

    The first process scans the whole manifest; later ones use its index.

    Args:
        request: The request.

    Returns:
        The job.

    Raises:
        ConfigError: The request is invalid.
        DataError: The output folder holds another job, or the manifest cannot be used.
        BackendError: An extra is missing.
    """
    if request.form not in FORMATS:
        raise ConfigError(f"format: {request.form!r}; expected one of {', '.join(FORMATS)}")
    storage = open_storage(request.output)
    with tempfile.TemporaryDirectory(prefix="ocrx-") as scratch:
        source = find_source(request.source, request.image_column, request.id_column, Path(scratch))
        description = _describe(request, source)
        fingerprint = _fingerprint(description)

        Parts(storage, request.form, Columns(), fingerprint, 1)  # an extra that is missing is named first
        storage.clean()
        _refuse_another(storage, fingerprint, description)
        source = _stored_list(source, storage, fingerprint)
        manifest = _stored_manifest(source, request.shard_size, storage, fingerprint)
        if manifest is None:
            manifest = index_source(source, request.shard_size)
            _store(manifest, request, storage, fingerprint, description)
    parts = Parts(storage, request.form, manifest.columns, fingerprint, manifest.shards)
    return Job(storage, manifest, parts, fingerprint)


def read_job(storage: Storage) -> dict[str, Any]:
    """Read the description of the job in an output folder.

    Args:
        storage: The output folder.

    Returns:
        The content of ``_job.json``.

    Raises:
        DataError: There is no job, or it is of a newer version.
    """
    content = storage.read(JOB_FILE)
    if content is None:
        raise DataError(f"{storage.location}: no bulk job ({JOB_FILE} is missing)")
    fields = parse_json(content, f"{storage.location}/{JOB_FILE}")
    if not isinstance(fields, dict) or fields.get("format_version") != _VERSION:
        raise DataError(f"{storage.location}/{JOB_FILE}: not a job of this version; expected format_version {_VERSION}")
    return fields


def _describe(request: JobRequest, source: Source) -> dict[str, Any]:
    """Collect everything that determines the rows and their files."""
    return {
        "manifest": source.digest(),
        "image_column": source.image_column,
        "id_column": source.id_column,
        "shard_size": request.shard_size,
        "format": request.form,
        **request.reading,
    }


def _fingerprint(description: Mapping[str, Any]) -> str:
    text = json.dumps(description, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _refuse_another(storage: Storage, fingerprint: str, description: Mapping[str, Any]) -> None:
    """Raise DataError if the output folder holds a job with another fingerprint, or parts without a job."""
    content = storage.read(JOB_FILE)
    if content is None:
        strange = next((name for name, _ in storage.files() if name.startswith("part-")), None)
        if strange is not None:
            raise DataError(f"{storage.location}: holds {strange} but no {JOB_FILE}", hint="choose another --output")
        return
    fields = read_job(storage)
    if fields.get("fingerprint") == fingerprint:
        return

    old = fields.get("description") or {}
    changes = [
        f"{name} ({_shown(old.get(name))} there, {_shown(description.get(name))} here)"
        for name in dict.fromkeys((*old, *description))
        if old.get(name) != json.loads(json.dumps(description.get(name), default=str))
    ]
    raise DataError(
        f"{storage.location}: holds another job; different: {', '.join(changes) or 'its fingerprint'}",
        hint="choose another --output, or run the same command as before to continue that job",
    )


def _shown(value: object) -> str:
    text = to_json(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _stored_list(source: Source, storage: Storage, fingerprint: str) -> Source:
    """Move the source's list of images to the output folder, where all processes find it."""
    if source.listing is None:
        return source
    name = f"_list-{fingerprint}.jsonl"
    if not storage.exists(name):
        storage.upload(name, source.listing)
    return replace(source, files=(f"{storage.location}/{name}",), listing=None)


def _stored_manifest(source: Source, shard_size: int, storage: Storage, fingerprint: str) -> Manifest | None:
    """Load the manifest indexed by an earlier process, if there is one."""
    index = storage.read(_index_name(fingerprint))
    if index is None or storage.read(JOB_FILE) is None:
        return None
    fields = read_job(storage)
    names, kinds = (tuple(fields["columns"][name]) for name in ("names", "kinds"))
    starts = np.frombuffer(index, dtype="<u8").reshape(-1, 2)
    if len(starts) != fields["shards"]:
        raise DataError(f"{storage.location}/{_index_name(fingerprint)}: damaged", hint=f"remove it and {JOB_FILE}")
    columns = Columns(names, kinds, fields["columns"]["arrow"])
    return Manifest(source, columns, tuple(fields["carried"]), int(fields["rows"]), shard_size, starts)


def _store(
    manifest: Manifest, request: JobRequest, storage: Storage, fingerprint: str, description: Mapping[str, Any]
) -> None:
    """Write index and ``_job.json``; the latter claims the output folder for this job."""
    storage.overwrite(_index_name(fingerprint), manifest.starts.astype("<u8").tobytes())
    fields = {
        "format_version": _VERSION,
        "fingerprint": fingerprint,
        "input": request.source,
        "rows": manifest.rows,
        "shards": manifest.shards,
        "columns": asdict(manifest.columns),
        "carried": manifest.carried,
        "description": description,
    }

    if not storage.create(JOB_FILE, (json.dumps(fields, indent=2, default=str) + "\n").encode()):
        _refuse_another(storage, fingerprint, description)


def _index_name(fingerprint: str) -> str:
    return f"_index-{fingerprint}"
