"""A training that is killed again and again ends with the weights of one that was not."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from support.training import FAST, assert_equal, trainer

from ocrx.training.checkpoint import load_state
from ocrx.training.signals import catch_signals

LONG = replace(FAST, batch_size=2, epochs_iters=18, eval_interval=9, save_interval=100, save_steps=2)


def train(folder: Path, output: Path, pipe: Connection | None = None) -> None:
    """Start or go on; tells ``pipe`` of each step."""
    with catch_signals() as stopped:

        def log(line: str) -> None:
            if pipe is not None and " step " in line:
                pipe.send(line)

        run = trainer(folder, output, LONG, small=True, stop=stopped, log=log)
        if (output / "latest").exists():
            run.resume(output / "latest")
        run.run()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started from a warm one, which needs fork")
def test_ten_kills_at_random_moments_change_nothing(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server that forks finds the modules that it loads beforehand through the environment only.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_interruptions"])
    rng = random.Random(5)
    codes, steps = [], []
    for number in range(11):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=train, args=(line_folder, tmp_path / "killed", there))
        process.start()
        there.close()
        if number < 10:
            for _ in range(rng.randint(1, 5)):
                here.recv()
            time.sleep(rng.uniform(0, 0.05))
            kind = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[number % 3]
            os.kill(process.pid or 0, kind)
        while not here.closed:  # a full pipe would hold the training up
            try:
                here.recv()
            except EOFError:
                here.close()
        process.join(600)
        codes.append(process.exitcode)
        steps.append(load_state(tmp_path / "killed" / "latest")["train_state"]["step"])
    assert codes == [-9, 0, 0, -9, 0, 0, -9, 0, 0, -9, 0]
    assert steps == sorted(steps) and len(set(steps)) > 8, "it went on from where it was"
    # In a process like the others: threads that earlier tests set in this one change roundings.
    whole = context.Process(target=train, args=(line_folder, tmp_path / "whole"))
    whole.start()
    whole.join(600)
    assert whole.exitcode == 0
    left, right = (load_state(tmp_path / name / "latest") for name in ("killed", "whole"))
    assert left["train_state"]["finished"] and left["train_state"]["step"] == right["train_state"]["step"] == 72
    for part in ("model", "average"):
        assert_equal(left[part], right[part])
    assert not [path.name for path in (tmp_path / "killed").iterdir() if path.name.startswith(".")], "nothing half done"
