from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from ocrx.errors import DataError
from ocrx.synth import font_files
from ocrx.synth.font_facts import FontFacts
from ocrx.synth.font_files import Face, find_faces, fingerprint, matplotlib_folder, read_pcf_properties


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return find_faces([matplotlib_folder()], FontFacts())


def test_faces_are_sorted_into_kinds_and_symbols_left_out(faces: list[Face]) -> None:
    kinds = {face.family: face.kind for face in faces}
    assert kinds["DejaVu Sans Mono"] == "mono"
    assert kinds["DejaVu Sans"] == kinds["DejaVu Serif"] == "core"
    assert not any("STIXNonUni" in face.path or "STIXSiz" in face.path for face in faces)


def test_missing_or_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        find_faces([tmp_path / "nowhere"], FontFacts())
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    with pytest.raises(DataError, match="no usable font"):
        find_faces([tmp_path], FontFacts())


def test_fingerprint_follows_the_faces(faces: list[Face]) -> None:
    assert fingerprint(faces) == fingerprint(find_faces([matplotlib_folder()], FontFacts()))
    assert fingerprint(faces) != fingerprint(faces[1:])


def test_pcf_properties_are_read() -> None:
    strings = b"PIXEL_SIZE\0FAMILY_NAME\0Fixed\0"
    rows = struct.pack("<IBI", 0, 0, 13) + struct.pack("<IBI", 11, 1, 23)
    table = struct.pack("<II", 0, 2) + rows + b"\0" * (-2 % 4) + struct.pack("<I", len(strings)) + strings
    head = b"\x01fcp" + struct.pack("<I", 1) + struct.pack("<4I", 1, 0, len(table), 24)
    assert read_pcf_properties(head + table) == {"PIXEL_SIZE": 13, "FAMILY_NAME": "Fixed"}
    assert read_pcf_properties(b"something else") == {}


def test_known_files_are_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(matplotlib_folder() / "DejaVuSans.ttf", tmp_path)
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    (tmp_path / "small.pcf").write_bytes(b"nor this")
    facts = FontFacts()
    found = find_faces([tmp_path], facts)
    assert [face.name for face in found] == ["DejaVu Sans Book"]
    for name in ("_names", "_pcf_properties"):
        monkeypatch.setattr(font_files, name, lambda path: pytest.fail(f"opened {path}"))
    assert find_faces([tmp_path], facts) == found
