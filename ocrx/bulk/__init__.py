"""Reads millions of line images so that every one of them is in the result exactly once.

A job is a manifest cut into fixed shards, and a place for one part per shard. Since the text of a line depends on
nothing but its image, a shard that is read twice gives the same rows: whoever writes a part first has written it for
all, and no process needs to know of another. ``manifest`` says what is read, ``job`` and ``parts`` what is done,
``work`` how a shard is read; ``local`` and ``cluster`` carry out the same ``schedule``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocrx.bulk.line_reader import LineReader

__all__ = ["LineReader"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ocrx.bulk' has no attribute {name!r}")
    return import_module("ocrx.bulk.line_reader").LineReader
