"""Ranges that several settings share."""

from __future__ import annotations

from typing import Annotated

from ocrx.schema import Range

Count = Annotated[int, Range(1, 1_000_000_000)]
CountOrZero = Annotated[int, Range(0, 1_000_000_000)]
BatchSize = Annotated[int, Range(1, 65_536)]
# More threads or processes would not be faster on any machine, and starting them might exhaust it.
Workers = Annotated[int, Range(1, 512)]
WorkersOrNone = Annotated[int, Range(0, 512)]
Fraction = Annotated[float, Range(0, 1)]
FractionInside = Annotated[float, Range(above=0, below=1)]
FractionBelowOne = Annotated[float, Range(0, below=1)]
Weight = Annotated[float, Range(0, 1_000_000)]
Minutes = Annotated[float, Range(above=0, most=1_000_000)]
