"""The schedule, carried out by an imitated worker that dies on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from ocrx.bulk.schedule import Schedule, Task


def carry_out(schedule: Schedule, dies: Callable[[Task, set[int]], bool], size: int = 120) -> list[Task]:
    """Run a schedule to its end; ``dies`` is asked with the task and the lines that it reads."""
    done = []
    for _ in range(10_000):
        task = schedule.next()
        if task is None:
            assert schedule.running == 0
            return done
        lines = set(range(*task.probe)) if task.probe else set(range(size)) - task.skip
        if dies(task, lines):
            schedule.lost(task)
        else:
            schedule.done(task)
            done.append(task)
    raise AssertionError("no end")


def written(done: list[Task]) -> dict[int, Task]:
    parts = [task for task in done if task.probe is None]
    assert len({task.shard for task in parts}) == len(parts)
    return {task.shard: task for task in parts}


def test_every_shard_is_written_once() -> None:
    done = carry_out(Schedule(range(5), lambda shard: 120), lambda task, lines: False)
    assert done == [Task(shard) for shard in range(5)]


def test_a_shard_is_read_again_after_a_death() -> None:
    deaths: Counter[int] = Counter()

    def dies(task: Task, lines: set[int]) -> bool:
        deaths[task.shard] += 1
        return deaths[task.shard] <= 2

    done = carry_out(Schedule(range(3), lambda shard: 120), dies)
    assert sorted(done, key=lambda task: task.shard) == [Task(shard) for shard in range(3)]


@pytest.mark.parametrize("deadly", [{7}, {0, 119}, {49, 50, 51}, set(range(120))])
def test_the_lines_that_kill_are_found_and_skipped(deadly: set[int]) -> None:
    def dies(task: Task, lines: set[int]) -> bool:
        return task.shard == 1 and bool(lines & deadly)

    found = written(carry_out(Schedule(range(3), lambda shard: 120), dies))
    assert found == {0: Task(0), 1: Task(1, skip=frozenset(deadly)), 2: Task(2)}


def test_deaths_by_chance_condemn_no_line() -> None:
    """Three deaths of the shard, one in each block, one on the first line that is read alone."""
    deaths: Counter[Task] = Counter()

    def dies(task: Task, lines: set[int]) -> bool:
        deaths[task] += 1
        if task.probe is None:
            return deaths[task] <= 3 and not any(other.probe for other in deaths)
        return deaths[task] == 1

    assert written(carry_out(Schedule([4], lambda shard: 120), dies)) == {4: Task(4)}


def test_a_shard_that_is_too_much_at_once_is_read_in_blocks() -> None:
    def dies(task: Task, lines: set[int]) -> bool:
        return task.probe is None and not task.careful

    assert written(carry_out(Schedule([4], lambda shard: 120), dies)) == {4: Task(4, careful=True)}


def test_a_shard_that_nothing_helps_is_given_up_and_the_others_are_read() -> None:
    schedule = Schedule(range(3), lambda shard: 120)
    done = carry_out(schedule, lambda task, lines: task.shard == 1 and task.probe is None)
    assert sorted(written(done)) == [0, 2]
    assert schedule.given_up == [1]


def test_a_task_that_was_not_begun_is_no_death() -> None:
    schedule = Schedule([0], lambda shard: 120)
    for _ in range(10):
        task = schedule.next()
        assert task == Task(0)
        schedule.give_back(task)
        assert schedule.running == 0
