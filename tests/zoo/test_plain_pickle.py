"""Pickles of plain data: read as Python reads them; everything else is refused and nothing runs."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocrx.zoo.plain_pickle import MAX_INSTRUCTIONS, DamagedError, RefusedError, StoredArray, load_plain_pickle

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_pickles.py"
# The start of an array as NumPy pickles it; its state follows.
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
EIGHT_BYTES = b"(K\x01K\x01\x85%b\x89C\x08\x10\x20\x30\x40\x50\x60\x00\x00tb."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2, 2**70], "b": (1.5, None, True, False), "c": "ä", "d": b"\xff"},
        OrderedDict([("x", ()), ("y", (1,)), ("z", (1, 2)), ("w", (1, 2, 3, 4))]),
        [],
    ],
    ids=["values", "ordered", "empty"],
)
def test_plain_values(value: Any, protocol: int) -> None:
    assert load_plain_pickle(pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        np.array(7, np.int64),
        np.arange(3, dtype=">i4"),
        np.ones(3, np.float16),
        np.zeros((0, 4), np.uint8),
    ],
    ids=["float32", "fortran", "scalar", "big endian", "float16", "empty"],
)
def test_arrays(array: np.ndarray[Any, Any], protocol: int) -> None:
    stored = load_plain_pickle(pickle.dumps({"a": array}, protocol=protocol))["a"]
    assert isinstance(stored, StoredArray)
    found = stored.build()
    assert found.dtype == array.dtype and found.shape == array.shape
    assert np.array_equal(found, array)


def array_of(dtype: bytes) -> bytes:
    return ARRAY + EIGHT_BYTES % dtype


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps(print), "it refers to builtins.print"),
        (b"cos\nsystem\n(S'true'\ntR.", "it refers to os.system"),
        (array_of(b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR"), "an array of O8"),
        (pickle.dumps(np.array([(1,)], dtype=[("a", "i4")])), "an array of"),
        (pickle.dumps(np.array([object], dtype=object)), "it refers to|an array of O8"),
        (
            # The type of a number whose state says that it has fields and holds objects.
            array_of(
                b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8tR(K\x03X\x01\x00\x00\x00<NN}J\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
            ),
            "an array of records",
        ),
        # An array made by calling the class itself, with bytes of the file as its memory.
        (b"cnumpy\nndarray\n(K\x01\x85cnumpy\ndtype\n(X\x02\x00\x00\x00f8tRC\x08aaaaaaaatR.", "it calls ndarray"),
        (b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93)\x81.", "instruction NEWOBJ"),
        (b"}(K\x01tNs.", "a key that is neither"),
        (b"\x80\x02P1\n.", "instruction PERSID"),
    ],
    ids=[
        "function",
        "system",
        "objects",
        "records",
        "object array",
        "forged",
        "constructor",
        "newobj",
        "key",
        "persid",
    ],
)
def test_anything_else_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        load_plain_pickle(data)


def test_the_flags_of_a_type_are_never_those_of_the_file() -> None:
    forged = b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8tR(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    found = load_plain_pickle(array_of(forged)).build()
    assert found.dtype == np.dtype("<f8") and not found.dtype.hasobject


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        b"K\x01",
        b"h\x05.",
        b"(.",
        b"K\x01K\x02e.",
        b"\x8b\xff\xff\xff\x7fabc.",
        b"\x8e" + b"\xff" * 7 + b"\x0fabc.",
        b"N" * (MAX_INSTRUCTIONS + 1) + b".",
        array_of(b"N"),
        ARRAY + b"(K\x01K\x03\x85cnumpy\ndtype\n(X\x02\x00\x00\x00f8tR\x89C\x08aaaaaaaatb.",
    ],
    ids=["empty", "junk", "no end", "memory", "mark", "append", "long", "bytes", "bomb", "no type", "too few bytes"],
)
def test_damage(data: bytes) -> None:
    with pytest.raises(DamagedError):
        load_plain_pickle(data)


def test_an_array_without_contents_is_damage() -> None:
    with pytest.raises(DamagedError, match="without contents"):
        load_plain_pickle(ARRAY + b".").build()


def test_a_memory_index_of_any_size_takes_no_memory() -> None:
    """Python's own unpickler makes a table as long as the index: 64 GB for these six bytes."""
    assert load_plain_pickle(b"Nr\xff\xff\xff\xff.") is None


def test_random_and_mutated_pickles() -> None:
    """2,000 cases in a process of their own, so that a crash is a failure; 100,000 by hand, see the script."""
    command = [sys.executable, str(FUZZ), "--count", "2000", "--processes", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    assert counts["arrays"] >= 16, "the valid ones are read"
    assert counts["refused"] > 100 and sum(counts.values()) == 4000, counts
