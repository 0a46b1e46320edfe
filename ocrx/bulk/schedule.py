"""Chooses the next task, and plans how to continue when a process dies.

A shard is read as a whole. If that kills the process three times, the shard is searched: its lines are read in blocks
of 50, and the lines of a block that kills the process one by one. A line that does so twice is skipped from then on and
becomes an error. The results of the search are discarded: the rows come from one more task, which reads the whole shard
without the skipped lines, so that they depend on nothing else. If that kills the process three times, too, the shard is
read in blocks. This module starts no processes: local processes and Ray actors execute the same schedule.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

BLOCK = 50
DEATHS_OF_SHARD = 3
DEATHS_OF_LINE = 2


@dataclass(frozen=True)
class Task:
    """Work for one process.

    Attributes:
        shard: The shard to read.
        probe: Range of lines (start, stop) to read as a probe, whose rows are discarded; None to read and write the
            shard.
        skip: Lines that kill the process that reads them.
        careful: Whether to read in blocks of ``BLOCK`` lines.
    """

    shard: int
    probe: tuple[int, int] | None = None
    skip: frozenset[int] = frozenset()
    careful: bool = False


@dataclass
class _Search:
    """The search for the lines of a shard that kill processes: pending probes, and the lines found."""

    left: int = 0
    deaths: Counter[int] = field(default_factory=Counter)
    skip: set[int] = field(default_factory=set)


class Schedule:
    """The tasks of one run over some shards.

    Attributes:
        given_up: Shards that kill processes although no single line does.
    """

    def __init__(self, shards: Iterable[int], size: Callable[[int], int]) -> None:
        """Create a schedule.

        Args:
            shards: Numbers of the shards to read; consumed lazily.
            size: Returns the number of lines of a shard.
        """
        self.given_up: list[int] = []
        self._shards = iter(shards)
        self._size = size
        self._waiting: deque[Task] = deque()
        self._running = 0
        self._deaths: Counter[Task] = Counter()
        self._searches: dict[int, _Search] = {}

    def next(self) -> Task | None:
        """Take a task.

        Returns:
            The task; None if there is none now. Running tasks may still add others.
        """
        if self._waiting:
            task = self._waiting.popleft()
        elif (shard := next(self._shards, None)) is not None:
            task = Task(shard)
        else:
            return None
        self._running += 1
        return task

    @property
    def running(self) -> int:
        """Number of tasks that were taken and are neither done nor lost."""
        return self._running

    def done(self, task: Task) -> None:
        """Record that a task is done.

        Args:
            task: The task.
        """
        self._running -= 1
        if task.probe is not None:
            self._end_probe(task.shard)

    def give_back(self, task: Task) -> None:
        """Return a task that no process has started.

        Args:
            task: The task.
        """
        self._running -= 1
        self._waiting.appendleft(task)

    def lost(self, task: Task) -> None:
        """Record that the process of a task has died, and plan how to continue.

        Args:
            task: The task.
        """
        self._running -= 1
        if task.probe is not None:
            self._lost_probe(task, *task.probe)
            return

        self._deaths[task] += 1
        if self._deaths[task] < DEATHS_OF_SHARD:
            self._waiting.appendleft(task)
        elif task.careful:
            self.given_up.append(task.shard)
        elif task.shard in self._searches:
            self._waiting.appendleft(replace(task, careful=True))
        else:
            self._search(task.shard)

    def _search(self, shard: int) -> None:
        size = self._size(shard)
        search = self._searches[shard] = _Search()
        self._probe(shard, search, [(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)])

    def _lost_probe(self, task: Task, start: int, stop: int) -> None:
        search = self._searches[task.shard]
        if stop - start > 1:
            self._probe(task.shard, search, [(line, line + 1) for line in range(start, stop)])
        else:
            search.deaths[start] += 1
            if search.deaths[start] < DEATHS_OF_LINE:
                self._probe(task.shard, search, [(start, stop)])
            else:
                search.skip.add(start)
        self._end_probe(task.shard)

    def _probe(self, shard: int, search: _Search, parts: list[tuple[int, int]]) -> None:
        search.left += len(parts)
        self._waiting.extendleft(Task(shard, part) for part in reversed(parts))

    def _end_probe(self, shard: int) -> None:
        search = self._searches[shard]
        search.left -= 1
        if not search.left:
            self._waiting.append(Task(shard, skip=frozenset(search.skip)))
