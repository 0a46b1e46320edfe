"""``ocrx bulk``: millions of images to a folder of results, each exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from ocrx.backends import own_cores
from ocrx.bulk.cluster import Placement, check_cluster, run_on_ray
from ocrx.bulk.job import SUCCESS_FILE, JobRequest, prepare_job, read_job
from ocrx.bulk.local import run_locally
from ocrx.bulk.parts import Parts, PartSums, Summary
from ocrx.bulk.recognition import settle_reading
from ocrx.bulk.rows import Columns
from ocrx.bulk.schedule import Schedule
from ocrx.bulk.storage import open_storage
from ocrx.bulk.work import Setup
from ocrx.config import Config
from ocrx.errors import ConfigError, LostProcessError
from ocrx.results import Progress

_RECENT_S = 600.0  # the rate is that of the last ten minutes
_NAMED = 5  # parts named in an error
Notice = Callable[[str], None]
Runner = Callable[[Setup, Schedule, Callable[[int, Summary], None]], None]


@dataclass(frozen=True)
class BulkOptions:
    """What a bulk job is beside its configuration.

    Attributes:
        source: A folder, a pattern, ``@list.txt``, a manifest or tar shards.
        output: Folder or address of the result.
        workers: Processes, or actors of Ray; None for one for each core, or one on a GPU.
        shard: Number of this process (from 0) and how many there are, where several work on the job.
        ray: Address of a Ray cluster; None for processes of this machine.
        shard_size: Lines of a part.
        form: ``parquet``, ``jsonl`` or ``csv``.
        retry_errors: Read failed lines again.
        image_column: The column with the images; None to look for it.
        id_column: The column with the ids; None for ``id`` where there is one, '' for the numbers of the rows.
    """

    source: str
    output: str
    workers: int | None = None
    shard: tuple[int, int] = (0, 1)
    ray: str | None = None
    shard_size: int = 2000
    form: str = "parquet"
    retry_errors: bool = False
    image_column: str | None = None
    id_column: str | None = None


@dataclass(frozen=True)
class BulkReport:
    """What a run has done.

    Attributes:
        own: Rows and errors in the shards of this process.
        read: Lines of the parts that this run has worked on; the others were done before.
        total: Rows, errors and digest of the whole job; None while other processes still have shards to read.
        seconds: How long it took.
    """

    own: Summary
    read: int
    total: Summary | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            Its fields.
        """
        total = None if self.total is None else self.total.to_dict()
        return {"own": self.own.to_dict(), "read": self.read, "total": total, "seconds": self.seconds}


def run(config: Config, options: BulkOptions, progress: Progress, notice: Notice) -> BulkReport:
    """Read all lines of a job that are not read yet, and write ``_SUCCESS`` when none is left.

    Args:
        config: The configuration; its sections Global, Predict and Decode.
        options: What to read and where to write.
        progress: Called with the lines that are done, and how many this process has.
        notice: Called with lines for people.

    Returns:
        What was done.

    Raises:
        ConfigError: An option has no meaning.
        DataError: The manifest cannot be used, or the output holds another job.
        OcrxError: A model, an extra, a disk or a cluster is missing.
        LostProcessError: Workers end before they can read, or a shard cannot be read.
    """
    begin = time.monotonic()
    _check(options)
    workers = own_cores() if options.workers is None or options.ray is not None else options.workers
    if options.workers is None and _on_gpu(config):
        workers = 1
    reading = settle_reading(config, workers)
    request = JobRequest(
        options.source,
        options.output,
        reading.description,
        options.shard_size,
        options.form,
        options.image_column,
        options.id_column,
    )

    job = prepare_job(request)
    own = job.own_shards(*options.shard)
    notice(f"{job.manifest.rows:,} lines in {job.manifest.shards:,} shards, {len(own):,} of them for this process")

    survey = job.survey(own, progress)
    again = list(survey.sums.failed) if options.retry_errors else []
    done = survey.sums.total.rows - sum(map(job.manifest.size, again))
    tally = _Tally(survey.sums, done, sum(map(job.manifest.size, own)), progress)
    setup = Setup(job, reading.open_reader)
    runner = _runner(options, reading.config, workers)
    _read(setup, survey.missing, runner, tally)
    if again:
        job.storage.remove(SUCCESS_FILE)  # its sums are those of the parts before
        _read(replace(setup, retry=True), again, runner, tally)
    return BulkReport(tally.sums.total, tally.read, job.finish(own, tally.sums), time.monotonic() - begin)


class _Tally:
    """Adds up what is done."""

    def __init__(self, sums: PartSums, done: int, lines: int, progress: Progress) -> None:
        self.read = 0
        self.sums = sums
        self._done, self._lines = done, lines
        self._progress = progress

    def add(self, shard: int, summary: Summary) -> None:
        self.read += summary.rows
        self.sums.add(shard, summary)
        self._progress(self._done + self.read, self._lines)


def _check(options: BulkOptions) -> None:
    index, count = options.shard
    if not 0 <= index < count:
        raise ConfigError(f"shard: {index}/{count}; expected I/N with I from 0 to N - 1")
    for name, value in (("workers", options.workers), ("shard_size", options.shard_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{name}: {value}; expected at least 1")
    if options.ray is not None:
        check_cluster(options.ray)


def _runner(options: BulkOptions, config: Config, workers: int) -> Runner:
    """What carries out the schedules of this run."""
    if options.ray is None:
        return partial(run_locally, workers=workers)
    placement = Placement(options.ray, options.workers, config.Global.threads or 1, int(_on_gpu(config)))
    return partial(run_on_ray, placement=placement)


def _on_gpu(config: Config) -> bool:
    return (config.Global.device or "").startswith(("gpu", "cuda", "mps"))


def _read(setup: Setup, shards: list[int], runner: Runner, tally: _Tally) -> None:
    """Read shards; raise LostProcessError if some of them end every process."""
    schedule = Schedule(shards, setup.job.manifest.size)
    runner(setup, schedule, tally.add)
    if schedule.given_up:
        names = ", ".join(setup.job.parts.name(shard) for shard in sorted(schedule.given_up)[:_NAMED])
        raise LostProcessError(
            f"{setup.job.storage.location}: {len(schedule.given_up)} parts cannot be read: {names}; "
            "every process that reads them ends, though no line does so alone",
            hint="lack of memory is a frequent reason: try fewer --workers, then run the same command again",
        )


@dataclass(frozen=True)
class BulkStatus:
    """How far a job is.

    Attributes:
        rows: Lines of the job.
        shards: Its shards.
        done_rows: Lines that are read, errors included.
        done_shards: Shards whose part is good.
        errors: Lines that are errors.
        rate: Lines a second over the last ten minutes in which parts were written; None where that is unknown.
        idle_s: Seconds since the last part was written; None without parts.
        complete: Whether ``_SUCCESS`` is there.
    """

    rows: int
    shards: int
    done_rows: int
    done_shards: int
    errors: int
    rate: float | None
    idle_s: float | None
    complete: bool

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the rest takes at this rate; None where there is no rate."""
        return (self.rows - self.done_rows) / self.rate if self.rate else None

    def to_dict(self) -> dict[str, Any]:
        """Give the status as plain values.

        Returns:
            Its fields and ``remaining_s``.
        """
        return {**asdict(self), "remaining_s": self.remaining_s}


def status(location: str, progress: Progress) -> BulkStatus:
    """See how far a job is; nothing is changed.

    Args:
        location: The output of the job.
        progress: Called with the number of parts checked so far, and of all.

    Returns:
        The status.

    Raises:
        DataError: There is no job.
    """
    storage = open_storage(location)
    fields = read_job(storage)
    form = str(fields["description"]["format"])
    parts = Parts(storage, form, Columns(), str(fields["fingerprint"]), int(fields["shards"]))
    total, written = Summary(), list[tuple[float, int]]()
    present = sorted(parts.present().items())
    for count, (shard, when) in enumerate(present):
        if (found := parts.peek(shard)) is not None:
            total += found
            written.append((when, found.rows))
        progress(count + 1, len(present))

    latest = max((when for when, _ in written), default=None)
    return BulkStatus(
        rows=int(fields["rows"]),
        shards=int(fields["shards"]),
        done_rows=total.rows,
        done_shards=len(written),
        errors=total.errors,
        rate=_rate(sorted(written)),
        idle_s=None if latest is None else max(0.0, time.time() - latest),
        complete=storage.exists(SUCCESS_FILE),
    )


def _rate(written: list[tuple[float, int]]) -> float | None:
    """Lines a second between the first and the last of the recent parts; the first was begun earlier."""
    recent = [(when, rows) for when, rows in written if when >= written[-1][0] - _RECENT_S]
    seconds = recent[-1][0] - recent[0][0] if recent else 0.0
    return sum(rows for _, rows in recent[1:]) / seconds if seconds > 0 else None
