"""Reads random, mutated and hostile pickles as Paddle checkpoints, in worker processes that may die.

    python benchmarks/fuzz_pickles.py --count 100000

Every case has to end in arrays of numbers by name or in a ModelError: no crash, no other exception, no other object, at
most 10 s and 2 GiB. Prints one JSON object with the counts; exit 1 unless all is well.
"""

from __future__ import annotations

import argparse
import json
import pickle
import pickletools
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ocrx.errors import ModelError
from ocrx.zoo.paddle_checkpoint import read_pdparams

LIMIT_S = 10
LIMIT_BYTES = 2 * 1024**3
CHUNK = 5000

_NAMES = (
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy._core.numeric _frombuffer",
    "numpy ndarray",
    "numpy dtype",
    "collections OrderedDict",
    "builtins tuple",
    "_codecs encode",
    "os system",
    "builtins eval",
    "numpy.core.multiarray scalar",
)


def valid_pickles() -> list[bytes]:
    """Checkpoints in every form that Paddle has written, small."""
    arrays: dict[str, Any] = {
        "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
        "norm._mean": np.zeros(3, np.float32),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        "count": np.array(3, np.int64),
        "half": np.ones(4, np.float16),
        "big": np.arange(3, dtype=">i4"),
    }
    named = {name: ("linear_0.w_0", value) for name, value in arrays.items()}
    sliced = {
        "UnpackBigParamInfor@@": {"w": {"slices": ["w.0", "w.1"], "OriginShape": (2, 3)}},
        "w.0": np.arange(4, dtype=np.float32),
        "w.1": np.arange(4, 6, dtype=np.float32),
        "StructuredToParameterName@@": {"w": "w_0"},
    }
    trees: tuple[Any, ...] = (arrays, named, sliced, OrderedDict(arrays))
    return [pickle.dumps(tree, protocol=protocol) for tree in trees for protocol in (2, 3, 4, 5)]


def hostile_pickles() -> list[bytes]:
    """Attacks that are known: objects out of bytes, forged flags, code, amplification, deep nesting."""
    objects = np.array([None, "x"], dtype=object)
    eight = b"\x10\x20\x30\x40\x50\x60\x00\x00"
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(K\x00tC\x01b\x87R"
    of_objects = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R"
    forged = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8K\x00K\x01\x87R"
    forged += b"(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
    state = b"(K\x01K\x01\x85%b\x89C\x08" + eight + b"tb"
    direct = b"cnumpy\nndarray\n(K\x01\x85%bC\x08" + eight + b"tR"
    return [
        pickle.dumps({"w": objects}),
        pickle.dumps({"w": np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")])}),
        *(b"}X\x01\x00\x00\x00w" + reconstruct + state % kind + b"s." for kind in (of_objects, forged)),
        *(b"}X\x01\x00\x00\x00wcbuiltins\ntuple\n" + direct % kind + b"\x85Rs." for kind in (of_objects, forged)),
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"Nr\xff\xff\xff\xff.",
        b"\x8e" + struct.pack("<Q", 2**60) + b"abc.",
        b"\x8b" + struct.pack("<i", 2**31 - 1) + b"abc.",
        b"}" + b"(" * 100_000 + b"t" * 100_000 + b"Ns.",
        b"]" + b"\x85" * 200_000 + b".",
        b"]q\x00h\x00a.",
        b"(lp0\n(dp1\n" + b"g0\n" * 1000 + b"tp2\n.",
    ]


def cases(seed: int, start: int, count: int) -> Iterator[bytes]:
    """Cases ``start`` to ``start + count`` of a seed."""
    bases = valid_pickles()
    hostile = hostile_pickles()
    for index in range(start, start + count):
        rng = random.Random(f"{seed}/{index}")
        if index < len(bases) + len(hostile):
            yield (bases + hostile)[index]
            continue
        kind = index % 4
        if kind == 0:
            yield rng.randbytes(rng.randrange(1, 200)) + b"."
        elif kind == 1:
            yield _program(rng)
        else:
            yield _mutated(rng, bases if kind == 2 else hostile)


def _program(rng: random.Random) -> bytes:
    """Valid instructions with plausible arguments, in any order."""
    parts = []
    for _ in range(rng.randrange(3, 60)):
        opcode = rng.choice(pickletools.opcodes)
        parts.append(opcode.code.encode("latin1") + _argument(opcode, rng))
    return b"".join(parts) + b"."


def _argument(opcode: Any, rng: random.Random) -> bytes:
    if opcode.name == "GLOBAL":
        return rng.choice(_NAMES).replace(" ", "\n").encode() + b"\n"
    size = opcode.arg.n if opcode.arg is not None else 0
    if size >= 0:
        return bytes(rng.choice((0, 1, 2, 255, rng.randrange(256))) for _ in range(size))
    text = rng.choice(("O8", "f4", "numpy", "ndarray", "w", "1", "<", *_NAMES[:4])).encode()
    if size == -1:
        return text + b"\n"
    length = {-2: "<B", -3: "<i", -4: "<I", -5: "<Q"}[size]
    return struct.pack(length, len(text)) + text


def _mutated(rng: random.Random, bases: list[bytes]) -> bytes:
    data = bytearray(rng.choice(bases))
    for _ in range(rng.randrange(1, 9)):
        place = rng.randrange(len(data))
        match rng.randrange(6):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                data[place] ^= 1 << rng.randrange(8)
            case 2:
                del data[place : place + rng.randrange(1, 9)]
            case 3:
                data[place:place] = rng.choice(pickletools.opcodes).code.encode("latin1")
            case 4:
                other = rng.choice(bases)
                begin = rng.randrange(len(other))
                data[place:place] = other[begin : begin + rng.randrange(1, 64)]
            case _:
                data[place : place + 4] = struct.pack("<I", rng.choice((0, 1, 2**16, 2**31 - 1, 2**32 - 1)))
        if not data:
            return b"."
    return bytes(data)


def outcome(data: bytes, path: Path) -> str:
    """What reading a case ends in: ``arrays``, ``refused``, ``damaged`` or ``WRONG: …``."""
    path.write_bytes(data)
    signal.alarm(LIMIT_S)
    try:
        tensors = read_pdparams(path)
    except ModelError as error:
        return "refused" if "nothing in it was executed" in error.message else "damaged"
    except BaseException as error:
        return f"WRONG: {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    plain = all(type(name) is str and type(a) is np.ndarray and a.dtype.kind in "fiu" for name, a in tensors.items())
    return "arrays" if plain else "WRONG: not an array of numbers"


def _work(seed: int, start: int, count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "w.pdparams")
        for index, data in enumerate(cases(seed, start, count), start):
            result = outcome(data, path)
            found[result if not result.startswith("WRONG") else f"{result} (case {index})"] += 1
    print(json.dumps(found))


def run(count: int, seed: int, processes: int) -> Counter[str]:
    """Outcomes of ``count`` cases, read in ``processes`` processes at a time."""
    found: Counter[str] = Counter()
    starts = list(range(0, count, CHUNK))
    for first in range(0, len(starts), processes):
        running = []
        for start in starts[first : first + processes]:
            share = ["--work", str(start), "--count", str(min(CHUNK, count - start)), "--seed", str(seed)]
            command = [sys.executable, __file__, *share]
            running.append((start, subprocess.Popen(command, stdout=subprocess.PIPE, text=True)))
        for start, process in running:
            output, _ = process.communicate()
            if process.returncode:
                found[f"WRONG: the process of case {start} and later died with {process.returncode}"] += 1
            else:
                found.update(json.loads(output))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        _work(options.seed, options.work, options.count)
        return 0
    found = run(options.count, options.seed, options.processes)
    print(json.dumps({"cases": options.count, **found}))
    return int(any(name.startswith("WRONG") for name in found))


if __name__ == "__main__":
    sys.exit(main())
