"""The Ray runner: without Ray named errors, with Ray a cluster whose nodes come and go."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.bulk import Deadly, Echo, Slow, make_job, write_manifest

from ocrx.bulk.cluster import Placement, run_on_ray
from ocrx.bulk.job import Job
from ocrx.bulk.parts import PartSums, Summary
from ocrx.bulk.schedule import Schedule, Task
from ocrx.bulk.work import SKIPPED, Setup, carry_out
from ocrx.errors import BackendError, ModelError


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(write_manifest(tmp_path / "lines.csv", 600), tmp_path / "out", shard_size=20)


def read(
    job: Job,
    open_reader: Any,
    address: str,
    actors: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> Summary:
    sums = PartSums()

    def collect(shard: int, summary: Summary) -> None:
        sums.add(shard, summary)
        done()

    schedule = Schedule(range(job.manifest.shards), job.manifest.size)
    run_on_ray(Setup(job, open_reader), schedule, collect, Placement(address, actors))
    total = job.finish(job.own_shards(), sums)
    assert total is not None
    return total


def expected(job: Job, tmp_path: Path) -> Summary:
    alone = make_job(tmp_path / "lines.csv", tmp_path / "alone", shard_size=20)
    return sum((carry_out(Setup(alone, Echo), Echo(), Task(shard)) for shard in range(30)), Summary())


def test_ray_that_is_not_installed_is_named(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.bulk.cluster.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="needs ray, which is not installed") as caught:
        read(job, Echo, "auto")
    assert caught.value.hint == "pip install 'ocrx[ray]'"


def test_an_address_that_does_not_answer_is_named(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.bulk.cluster.find_spec", lambda name: name)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, but nobody listens
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            with pytest.raises(BackendError, match="no Ray cluster answers"):
                read(job, Echo, address)
    for address in ("head", "head:x", "1.2.3.4:99999999"):
        with pytest.raises(BackendError):
            read(job, Echo, address)


@pytest.fixture(scope="module")
def cluster() -> Any:
    """A head without room for actors, and four nodes of one core each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    # Actors import this package and these helpers.
    paths = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(4):
            found.add_node(num_cpus=1)
        yield found
        found.shutdown()


pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning"
)


@pytest.mark.slow
def test_nodes_come_and_go_and_the_result_is_the_same(job: Job, cluster: Any, tmp_path: Path) -> None:
    """Two of four nodes are removed while the job runs, and one is added."""

    def remove() -> None:
        cluster.remove_node(sorted(cluster.worker_nodes, key=str)[0], allow_graceful=False)

    steps = {4: remove, 10: remove, 14: partial(cluster.add_node, num_cpus=1)}
    parts = 0

    def change() -> None:
        nonlocal parts
        parts += 1
        steps.get(parts, lambda: None)()

    assert read(job, partial(Slow, 0.05), cluster.address, done=change) == expected(job, tmp_path)
    assert parts == 30


@pytest.mark.slow
def test_lines_that_kill_actors_become_error_rows(cluster: Any, tmp_path: Path) -> None:
    job = make_job(write_manifest(tmp_path / "lines.csv", 60), tmp_path / "out", shard_size=30)
    assert read(job, partial(Deadly, lines=frozenset({"lines/7.png"})), cluster.address, 2).errors == 1
    found = job.parts.readings(0)
    assert found is not None
    assert found[1][7].error == SKIPPED


@pytest.mark.slow
def test_what_an_actor_cannot_go_on_without_is_raised(job: Job, cluster: Any) -> None:
    with pytest.raises(ModelError, match="no such model"):
        read(job, no_model, cluster.address, 1)


def no_model() -> Echo:
    raise ModelError("no such model", hint="train one")
