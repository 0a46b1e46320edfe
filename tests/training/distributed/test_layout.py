"""How many processes train, on which devices and with how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from ocrx.config import Config, load_config
from ocrx.errors import BackendError, DataError
from ocrx.training.distributed import layout
from ocrx.training.distributed.group import ALONE, Group
from ocrx.training.distributed.layout import distributed_context, local_layout


@pytest.fixture(autouse=True)
def own_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No torchrun around, eight threads, and what a test sets is taken back."""
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def config(*settings: str) -> Config:
    return load_config(None, ["Global.device=cpu", *settings])


def test_one_process_takes_the_threads_it_is_given() -> None:
    with distributed_context(config()) as found:
        assert found.group == ALONE and [str(one) for one in found.devices] == ["cpu"]
    local_layout(config("Global.threads=3"))
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("settings", "threads"),
    [(("Train.processes=2",), 4), (("Train.processes=2", "Global.threads=6"), 3), (("Train.processes=16",), 1)],
)
def test_processes_divide_the_threads(settings: tuple[str, ...], threads: int) -> None:
    assert local_layout(config(*settings)).threads == threads


def under_torchrun(monkeypatch: pytest.MonkeyPatch, rank: int, size: int, beside: int) -> None:
    """As torchrun starts process ``rank`` of ``size``, ``beside`` of them on this machine; nobody is waited for."""
    for name, value in {
        "RANK": rank,
        "WORLD_SIZE": size,
        "LOCAL_RANK": rank % beside,
        "LOCAL_WORLD_SIZE": beside,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": 1,
    }.items():
        monkeypatch.setenv(name, str(value))

    @contextmanager
    def joined(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(layout, "joined_group", joined)


def test_torchrun_says_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    under_torchrun(monkeypatch, rank=3, size=4, beside=2)
    with distributed_context(config("Global.threads=6", "Train.processes=4")) as found:
        assert found.group == Group(3, 4) and found.threads == 3 == torch.get_num_threads()
        assert [str(one) for one in found.devices] == ["cpu"]


@pytest.mark.parametrize(("device", "expected"), [("gpu", "cuda:1"), ("gpu:4,6", "cuda:6"), ("gpu:5", BackendError)])
def test_each_process_under_torchrun_has_its_own_gpu(
    monkeypatch: pytest.MonkeyPatch, device: str, expected: str | type[Exception]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    under_torchrun(monkeypatch, rank=1, size=2, beside=2)
    if isinstance(expected, str):
        with distributed_context(config(f"Global.device={device}")) as found:
            assert [str(one) for one in found.devices] == [expected]
        return
    with (
        pytest.raises(expected, match="1 GPUs for 2 processes"),
        distributed_context(config(f"Global.device={device}")),
    ):
        pass


def test_an_error_of_another_process_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    under_torchrun(monkeypatch, rank=1, size=2, beside=2)
    with pytest.raises(DataError, match=r"^process 1 of 2: broken$") as caught, distributed_context(config()):
        raise DataError("broken", hint="mend it")
    assert caught.value.hint == "mend it"

    under_torchrun(monkeypatch, rank=0, size=2, beside=2)
    with pytest.raises(DataError, match=r"^broken$"), distributed_context(config()):
        raise DataError("broken")
