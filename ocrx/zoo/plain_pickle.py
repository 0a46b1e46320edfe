"""Reads pickles of plain data: numbers, strings and arrays in lists, tuples and dictionaries, and nothing else.

A pickle is a program for a small stack machine. Restricting ``find_class`` of Python's unpickler is not enough: a file
can still call whatever passes it with any arguments, and NumPy's constructors accept arguments that turn raw bytes into
objects. The machine here implements only the instructions that plain data needs. The names that a NumPy array needs are
markers that are never looked up: an array is recorded as a validated type, shape and bytes, and built on request.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

# An array takes about 40 instructions; the largest known checkpoint has 2,000 arrays.
MAX_INSTRUCTIONS = 2_000_000
_MAX_DIMENSIONS = 32
_ELEMENT_TYPE = re.compile(r"[<>|=]?(?:f[248]|[iu][1248])")


class RefusedError(ValueError):
    """The pickle contains something other than plain data."""


class DamagedError(ValueError):
    """The pickle is truncated or inconsistent."""


class StoredArray:
    """An array as described in the pickle; ``build`` creates it."""

    def __init__(self) -> None:
        self._dtype: np.dtype[Any] | None = None
        self._shape: tuple[int, ...] = ()
        self._data: bytes = b""
        self._order: str = "C"

    def describe(self, dtype: object, shape: object, data: object, order: str) -> None:
        """Set type, shape and contents.

        Args:
            dtype: Element type as found in the file.
            shape: Shape as found in the file.
            data: Contents as found in the file.
            order: Memory layout, ``C`` or ``F``.

        Raises:
            RefusedError: The elements are not numbers.
            DamagedError: Type, shape and contents do not fit together.
        """
        if not isinstance(dtype, _ElementType):
            raise DamagedError("an array without a type")
        dimensions = shape if isinstance(shape, tuple) else (shape,)
        # bool is a subclass of int, but not a valid size.
        if len(dimensions) > _MAX_DIMENSIONS or not all(type(size) is int and size >= 0 for size in dimensions):
            raise DamagedError("an array whose shape is not a tuple of sizes")
        # Python 2 pickles bytes as a string.
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(raw, bytes | bytearray):
            raise RefusedError("an array of objects")
        expected = math.prod(dimensions) * dtype.value.itemsize
        if len(raw) != expected:
            raise DamagedError(f"an array of {len(raw)} bytes; its type and shape need {expected}")

        self._dtype, self._shape, self._data, self._order = dtype.value, dimensions, bytes(raw), order

    def build(self) -> Array:
        """Create the array.

        Returns:
            The array, read-only.

        Raises:
            DamagedError: The pickle never described its contents.
        """
        if self._dtype is None:
            raise DamagedError("an array without contents")
        flat: Array = np.frombuffer(self._data, dtype=self._dtype) if self._data else np.empty(0, self._dtype)
        return flat.reshape(self._shape, order="F" if self._order == "F" else "C")


class _ElementType:
    """The element type of an array: a number."""

    def __init__(self, code: object) -> None:
        if not isinstance(code, str) or not _ELEMENT_TYPE.fullmatch(code):
            raise RefusedError(f"an array of {code if isinstance(code, str) else type(code).__name__}"[:60])
        self.value: np.dtype[Any] = np.dtype(code)

    def set_state(self, state: object) -> None:
        """Set the byte order; the rest of a numeric type's state is empty."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise DamagedError("an element type with an unknown state")
        if any(part is not None for part in state[2:5]):
            raise RefusedError("an array of records")
        self.value = self.value.newbyteorder(state[1])


class _Name(Enum):
    """Names that a pickle may refer to."""

    RECONSTRUCT = "_reconstruct"
    FROM_BUFFER = "_frombuffer"
    NDARRAY = "ndarray"
    DTYPE = "dtype"
    TUPLE = "tuple"
    DICT = "OrderedDict"
    ENCODE = "encode"
    BYTES = "bytes"


_NAMES = {
    "numpy.core.multiarray _reconstruct": _Name.RECONSTRUCT,
    "numpy._core.multiarray _reconstruct": _Name.RECONSTRUCT,
    "numpy.core.numeric _frombuffer": _Name.FROM_BUFFER,
    "numpy._core.numeric _frombuffer": _Name.FROM_BUFFER,
    "numpy ndarray": _Name.NDARRAY,
    "numpy dtype": _Name.DTYPE,
    "collections OrderedDict": _Name.DICT,
    "builtins tuple": _Name.TUPLE,
    "__builtin__ tuple": _Name.TUPLE,
    "_codecs encode": _Name.ENCODE,
    # Protocol 2 represents empty bytes as a call.
    "__builtin__ bytes": _Name.BYTES,
}

# Instructions that push their argument, and those without effect.
_PUSH = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    }
)
_IGNORED = frozenset({"PROTO", "FRAME"})
_MARK = object()


def load_plain_pickle(data: bytes) -> Any:
    """Load a pickle of plain data.

    Args:
        data: The whole pickle.

    Returns:
        Numbers, strings, bytes, None and ``StoredArray`` in lists, tuples and dictionaries.

    Raises:
        RefusedError: It contains a name or an instruction that plain data does not need; nothing was executed.
        DamagedError: It is truncated, inconsistent, or has more than ``MAX_INSTRUCTIONS`` instructions.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                raise DamagedError(f"more than {MAX_INSTRUCTIONS} instructions")
            if opcode.name == "STOP":
                return machine.pop()
            machine.run(opcode.name, argument)
    except (RefusedError, DamagedError):
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}"[:200]) from None

    raise DamagedError("it ends without STOP")


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memory: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _PUSH:
            self._stack.append(argument)
            return
        operation = _OPERATIONS.get(name)
        if operation is None:
            raise RefusedError(f"it contains the instruction {name}")
        operation(self, argument)

    def pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise DamagedError("a mark where a value belongs")
        return value

    def pop_to_mark(self) -> list[Any]:
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                values = self._stack[index + 1 :]
                del self._stack[index:]
                return values
        raise DamagedError("values without a mark")

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def top(self) -> Any:
        value = self.pop()
        self._stack.append(value)
        return value

    def remember(self, index: int | None) -> None:
        self._memory[len(self._memory) if index is None else index] = self.top()

    def recall(self, index: int) -> None:
        self._stack.append(self._memory[index])

    def append(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise DamagedError("values appended to something other than a list")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise DamagedError("items set in something other than a dictionary")
        target.update(_pairs(values))

    def name(self, argument: str | None) -> None:
        if argument is None:
            name, module = self.pop(), self.pop()
            argument = f"{module} {name}" if isinstance(module, str) and isinstance(name, str) else "?"
        found = _NAMES.get(argument)
        if found is None:
            raise RefusedError(f"it refers to {argument.replace(' ', '.')[:80]}")
        self._stack.append(found)

    def call(self) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, _Name) or not isinstance(arguments, tuple):
            raise RefusedError("it calls something other than a constructor of arrays")
        self._stack.append(_construct(name, arguments))

    def set_state(self) -> None:
        state, target = self.pop(), self.top()
        if isinstance(target, _ElementType):
            target.set_state(state)
        elif isinstance(target, StoredArray):
            if not isinstance(state, tuple) or len(state) != 5:
                raise DamagedError("an array with an unknown state")
            _, shape, dtype, is_fortran, contents = state
            target.describe(dtype, shape, contents, "F" if is_fortran else "C")
        else:
            raise RefusedError("it sets the state of something other than an array")


def _pairs(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise DamagedError("a key without a value")
    keys = values[::2]
    # Other keys are not needed, and hashing a deeply nested tuple overflows the stack.
    if not all(isinstance(key, str | int | bytes) for key in keys):
        raise RefusedError("a key that is neither a string nor a number")
    return dict(zip(keys, values[1::2], strict=True))


def _construct(name: _Name, arguments: tuple[Any, ...]) -> Any:
    """Evaluate a call of a known name, with exactly the arguments that NumPy and Paddle write."""
    match name, arguments:
        case _Name.RECONSTRUCT, (_Name.NDARRAY, tuple(), bytes() | str()):
            return StoredArray()
        case _Name.FROM_BUFFER, (data, dtype, shape, "C" | "F" as order):
            array = StoredArray()
            array.describe(dtype, shape, data, order)
            return array
        case _Name.DTYPE, (code, *flags) if all(isinstance(flag, int) for flag in flags):
            return _ElementType(code)
        case _Name.TUPLE, (tuple() | list() as values,):
            return tuple(values)
        case _Name.DICT, ():
            return {}
        case _Name.DICT, (list() as items,) if all(isinstance(item, list | tuple) and len(item) == 2 for item in items):
            return _pairs([part for item in items for part in item])
        case _Name.ENCODE, (str() as text, "latin1" | "latin-1"):
            return text.encode("latin1")
        case _Name.BYTES, ():
            return b""
    raise RefusedError(f"it calls {name.value} with arguments that no array needs")


_OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.push(_MARK),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "LIST": lambda machine, _: machine.push(machine.pop_to_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "DICT": lambda machine, _: machine.push(_pairs(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.push((machine.pop(),)),
    "TUPLE2": lambda machine, _: machine.push(tuple(reversed([machine.pop() for _ in range(2)]))),
    "TUPLE3": lambda machine, _: machine.push(tuple(reversed([machine.pop() for _ in range(3)]))),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items(list(reversed([machine.pop() for _ in range(2)]))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "PUT": lambda machine, index: machine.remember(index),
    "BINPUT": lambda machine, index: machine.remember(index),
    "LONG_BINPUT": lambda machine, index: machine.remember(index),
    "MEMOIZE": lambda machine, _: machine.remember(None),
    "GET": lambda machine, index: machine.recall(index),
    "BINGET": lambda machine, index: machine.recall(index),
    "LONG_BINGET": lambda machine, index: machine.recall(index),
    "GLOBAL": lambda machine, names: machine.name(names),
    "STACK_GLOBAL": lambda machine, _: machine.name(None),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.set_state(),
}
