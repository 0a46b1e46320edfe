"""Paths and addresses."""

from __future__ import annotations

import ntpath
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocrx.bulk import locations
from ocrx.bulk.locations import absolute


def test_paths_are_absolute_and_addresses_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b.csv") == absolute(f"file://{tmp_path}/b.csv") == f"{tmp_path}/b.csv"
    assert absolute("s3://bucket/b.csv") == "s3://bucket/b.csv"


def test_paths_of_windows_have_the_separator_of_manifests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a manifest is found by its last ``/``."""
    monkeypatch.setattr(locations, "os", SimpleNamespace(path=ntpath, sep="\\"))
    assert absolute("C:\\scans\\lines.csv") == "C:/scans/lines.csv"
