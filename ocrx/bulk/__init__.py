"""Reads millions of line images so that each is in the result exactly once.

A job is a manifest split into fixed shards, and an output folder with one part per shard. The text of a line depends
only on its image, so a shard that is read twice yields the same rows: the first process to write a part has written it
for all, and processes need not know of each other. ``manifest`` lists the images, ``job`` and ``parts`` track the
output, ``work`` reads a shard; ``local`` and ``cluster`` execute the same ``schedule``.
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
