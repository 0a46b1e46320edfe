"""Two processes train as one does, stop together, and end together when one of them is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ocrx.config import Config, load_config
from ocrx.errors import BackendError, ConfigError, DataError, LostProcessError
from ocrx.modes import train as mode
from ocrx.training.checkpoint import load_state
from ocrx.training.distributed import launcher
from ocrx.training.distributed.group import Group
from ocrx.training.distributed.launcher import run_in_processes
from ocrx.training.distributed.layout import distributed_context, local_layout

TINY = ["channels: [8, 8, 8]", "depths: [1, 1, 1]", "hidden: 8"]
NO_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_TORCHRUN:
        monkeypatch.delenv(name, raising=False)


def settings(data: Path, output: Path, *more: str) -> list[str]:
    """A network of 3000 parameters; 8 lines in 3 micro-batches, so that the second update of two is not full.

    SGD: a bias before batch normalisation has a gradient of rounding errors alone, which AdamW scales to full steps.
    """
    fast = ["epochs_iters=3", "batch_size=3", "precision=fp32", "workers=0", "log_interval=1", "eval_interval=1"]
    fast += ["optimizer=sgd", "learning_rate=0.05"]
    return [
        f"Global.dataset_dir={data}",
        f"Global.output={output}",
        "Global.device=cpu",
        "Model.architecture=lcnet_lstm",
        f"Model.params={{{', '.join(TINY)}}}",
        *(f"Train.{pair}" for pair in (*fast, "preflight=off", *more)),
    ]


def command(overrides: list[str]) -> list[str]:
    """The recipe printed_en has the small network's parameters; its lines are not rendered here."""
    options = [part for pair in (*overrides, "Train.synth.enable=false") for part in ("-o", pair)]
    return ["-m", "ocrx", "train", "-c", "printed_en", *options]


def configured(overrides: list[str]) -> Config:
    return load_config("printed_en", [*overrides, "Train.synth.enable=false"])


def start(arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen([sys.executable, *arguments], stdout=pipe, stderr=pipe, text=True, env=env)


def state(output: Path) -> dict[str, Any]:
    return load_state(output / "latest")


def assert_trained_alike(left: Path, right: Path) -> None:
    """The same weights and losses; batch statistics are each process's own, averaged."""
    ours, theirs = state(left), state(right)
    for name, value in ours["model"].items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(value, theirs["model"][name], rtol=1e-5, atol=1e-6, msg=name)
    losses = [[row["train_loss"] for row in one["rows"]] for one in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert ours["train_state"]["step"] == theirs["train_state"]["step"] == 6


def wait_for(condition: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def test_two_processes_train_as_one_with_accumulation(line_folder: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    one = mode.run(configured(settings(line_folder, tmp_path / "one", "accumulate=2")), lines.append)
    two = mode.run(configured(settings(line_folder, tmp_path / "two", "processes=2")), lines.append)
    assert (one.processes, two.processes) == (1, 2)
    assert_trained_alike(tmp_path / "one", tmp_path / "two")
    result = json.loads((tmp_path / "two" / "train_result.json").read_text())
    assert result["done_flag"] and result["processes"] == 2
    assert (tmp_path / "two" / "best_accuracy" / "inference" / "model.onnx").is_file()
    assert sum("2 processes on cpu" in line for line in lines) == 1, "only one of them speaks"
    spec = json.loads((tmp_path / "two" / "best_accuracy" / "model.json").read_text())
    assert spec["metrics"]["count"] == 4, "each line is evaluated by one process and counted once"


def test_two_nodes_under_torchrun_train_as_one(line_folder: Path, tmp_path: Path) -> None:
    """As in benchmarks/distributed.md: the same command on each node; here both are this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    overrides = settings(line_folder, tmp_path / "two")
    nodes = []
    for rank in range(2):
        meeting = ["--nnodes=2", f"--node-rank={rank}", "--nproc-per-node=1", "--master-addr=127.0.0.1"]
        torchrun = ["-m", "torch.distributed.run", *meeting, f"--master-port={port}"]
        nodes.append(start([*torchrun, *command(overrides)], GLOO_SOCKET_IFNAME="lo"))
    mode.run(configured(settings(line_folder, tmp_path / "one", "accumulate=2")), lambda line: None)
    told = [node.communicate(timeout=600)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], told
    assert_trained_alike(tmp_path / "one", tmp_path / "two")
    assert "done in" in told[0] and "done in" not in told[1], "only process 0 speaks"


def test_a_signal_stops_all_at_the_same_update_and_another_number_of_processes_resumes(
    line_folder: Path, tmp_path: Path
) -> None:
    run = start(command(settings(line_folder, tmp_path / "two", "processes=2", "log_interval=1", "epochs_iters=4000")))
    wait_for(lambda: "step 1 " in _read(tmp_path / "two" / "train.log"))
    run.send_signal(signal.SIGTERM)
    _, told = run.communicate(timeout=600)
    assert run.returncode == 0 and "stopped after step" in told, told
    place = state(tmp_path / "two")["train_state"]
    limit = place["seconds"] / 60 + 0.0001
    more = ["epochs_iters=4000", "accumulate=2", "resume_path=latest", f"max_minutes={limit}"]
    report = mode.run(configured(settings(line_folder, tmp_path / "two", *more)), lambda line: None)
    assert report.steps == place["step"] + 1, "one process goes on, with twice the accumulation"


def test_a_killed_process_ends_the_training_and_leaves_what_was_saved(line_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "two"
    run = start(command(settings(line_folder, output, "processes=2", "save_steps=1", "epochs_iters=4000")))
    wait_for(lambda: (output / "latest" / "state.pt").is_file())
    victim = next(pid for pid in _children(run.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    _, told = run.communicate(timeout=600)
    assert run.returncode == 1
    assert "of 2 was ended by SIGKILL" in told and "hint:" in told and "Traceback" not in told, told
    assert state(output)["train_state"]["step"] >= 1
    assert "SIGKILL" in json.loads((output / "train_result.json").read_text())["err_msg"]


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# What follows runs in processes of its own.


def wait_in_vain(group: Group, device: torch.device, log: object, stopped: object) -> None:
    if group.rank == 1:
        time.sleep(300)
    group.sum(torch.zeros(1))


def fail_in_one(group: Group, device: torch.device, log: object, stopped: object, kind: str) -> None:
    if group.rank == 1:
        raise DataError("train.txt:7: broken", hint="mend it") if kind == "user" else ZeroDivisionError("a bug")
    group.sum(torch.zeros(1))


def exchange(group: Group, device: torch.device, log: Callable[[str], None], stopped: object) -> list[object]:
    log(f"process {group.rank}")
    values = torch.tensor([1.0, group.rank])
    group.sum(values)
    return [values.tolist(), group.gather(f"from {group.rank}"), group.share(group.rank), torch.get_num_threads()]


def in_two(work: Callable[..., object], *arguments: object, minutes: float = 5) -> Any:
    config = load_config(None, ["Global.device=cpu", "Train.processes=2", "Global.threads=4"])
    config = replace(config, Train=replace(config.Train, timeout_minutes=minutes))
    lines: list[str] = []
    with distributed_context(config) as place:
        result = run_in_processes(work, arguments, config, place, lines.append)
    assert lines in ([], ["process 0"])
    return result


def test_processes_meet_and_share_the_threads() -> None:
    assert in_two(exchange) == [[2.0, 1.0], ["from 0", "from 1"], 0, 2]


def test_a_silent_process_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "GRACE_SECONDS", 1.0)
    with pytest.raises(LostProcessError, match="process 1 of 2 stopped answering"):
        in_two(wait_in_vain, minutes=0.05)


def test_the_error_of_one_process_is_that_of_the_training() -> None:
    with pytest.raises(DataError, match=r"train\.txt:7: broken") as caught:
        in_two(fail_in_one, "user")
    assert caught.value.hint == "mend it"


def test_a_bug_in_one_process_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)process 1 failed:.*fail_in_one.*ZeroDivisionError: a bug"):
        in_two(fail_in_one, "bug")


@pytest.mark.parametrize(
    ("device", "count", "count_of_gpus", "expected"),
    [
        ("cpu", None, 0, ["cpu"]),
        ("cpu", 3, 0, ["cpu"] * 3),
        ("gpu:0,1", None, 2, ["cuda:0", "cuda:1"]),
        ("gpu:1", 1, 2, ["cuda:1"]),
        ("gpu:0,2", None, 2, BackendError),
        ("gpu:0", 2, 2, ConfigError),
        ("gpu:0,0", None, 2, ConfigError),
    ],
)
def test_devices_say_how_many_processes_there_are(
    device: str, count: int | None, count_of_gpus: int, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count_of_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count_of_gpus)
    config = load_config(None, [f"Global.device={device}", f"Train.processes={count or 'null'}"])
    if isinstance(expected, type):
        with pytest.raises(expected):
            local_layout(config)
    else:
        assert [str(one) for one in local_layout(config).devices] == expected


def test_torchrun_says_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(ConfigError, match="torchrun started 2"),
        distributed_context(load_config(None, ["Train.processes=3"])),
    ):
        pass
