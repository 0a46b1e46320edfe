"""A single process gets back what it passes; an error of the main process reaches all."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from ocrx.errors import DataError, LostProcessError
from ocrx.training.distributed.group import ALONE, Group, joined_group


def test_a_single_process_needs_no_others() -> None:
    values = torch.tensor([1.0, 2.0])
    ALONE.sum(values)
    assert values.tolist() == [1.0, 2.0]
    assert ALONE.is_main and ALONE.gather("a") == ["a"] and ALONE.share("b") == "b"
    assert ALONE.run_on_main(lambda: 3) == 3
    with joined_group(ALONE, torch.device("cpu"), "file:///nowhere", 0.01):
        assert not dist.is_initialized()


def test_an_error_of_the_main_process_is_raised() -> None:
    def fail() -> None:
        raise DataError("train.txt: no such file", hint="look")

    with pytest.raises(DataError, match="no such file") as caught:
        ALONE.run_on_main(fail)
    assert caught.value.hint == "look"


def test_the_other_processes_do_not_call_and_raise_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    second = Group(1, 2)
    assert not second.is_main

    def received(made: object) -> None:
        monkeypatch.setattr(dist, "broadcast_object_list", lambda values, src: values.__setitem__(0, made))

    def never() -> int:
        raise AssertionError("called in a process that is not the main one")

    received(7)
    assert second.run_on_main(never) == 7
    received(DataError("broken"))
    with pytest.raises(DataError, match="broken"):
        second.run_on_main(never)


@pytest.mark.parametrize("call", ["sum", "gather", "share", "share_weights"])
def test_a_lost_process_is_named_in_every_call(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def lost(*_: object, **__: object) -> None:
        raise RuntimeError("Connection closed by peer\nmore")

    for name in ("all_reduce", "all_gather_object", "broadcast_object_list", "broadcast"):
        monkeypatch.setattr(dist, name, lost)
    argument = torch.nn.Linear(1, 1) if call == "share_weights" else torch.zeros(1)
    with pytest.raises(LostProcessError, match=r"has ended or does not answer \(Connection closed by peer\)") as caught:
        getattr(Group(0, 2), call)(argument)
    assert "--resume" in str(caught.value.hint)


def test_unreachable_processes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ValueError("no rendezvous handler")

    monkeypatch.setattr(dist, "init_process_group", refused)
    with (
        pytest.raises(LostProcessError, match=r"were not reached .no rendezvous handler"),
        joined_group(Group(0, 2), torch.device("cpu"), "env://", 0.01),
    ):
        pass
