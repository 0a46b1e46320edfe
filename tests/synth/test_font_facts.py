from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocrx.synth.font_facts import FontFacts, facts_file


@pytest.fixture
def font(tmp_path: Path) -> Path:
    file = tmp_path / "some.ttf"
    file.write_bytes(b"glyphs")
    return file


def kept(tmp_path: Path, font: Path) -> Path:
    """A file with one fact."""
    path = tmp_path / "cache" / "fonts.json"
    facts = FontFacts(path)
    assert facts.find(str(font), "sizes", lambda: [8, 12]) == [8, 12]
    facts.save()
    return path


def test_a_fact_is_found_out_once(tmp_path: Path, font: Path) -> None:
    facts = FontFacts(kept(tmp_path, font))
    assert facts.find(str(font), "sizes", lambda: pytest.fail("found out again")) == [8, 12]
    assert facts.get(str(font), "sizes") == [8, 12] and facts.get(str(font), "names") is None
    facts.set(str(font), "names", ["Some", "Bold"])
    facts.set(str(font), "sizes", [8])
    facts.save()
    again = FontFacts(tmp_path / "cache" / "fonts.json")
    assert (again.get(str(font), "names"), again.get(str(font), "sizes")) == (["Some", "Bold"], [8])


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_file_is_looked_at_again(tmp_path: Path, font: Path, change: str) -> None:
    path = kept(tmp_path, font)
    if change == "size":
        font.write_bytes(b"more glyphs")
    else:
        os.utime(font, ns=(0, font.stat().st_mtime_ns + 1))
    assert FontFacts(path).find(str(font), "sizes", lambda: [16]) == [16]


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"versions": null}', '{"versions": [0, "0", "0"], "files": {"some.ttf": [[1, 1], {}]}}']
)
def test_a_damaged_or_old_file_counts_as_empty(tmp_path: Path, font: Path, content: str) -> None:
    path = kept(tmp_path, font)
    path.write_text(content, encoding="utf-8")
    facts = FontFacts(path)
    assert facts.get(str(font), "sizes") is None
    facts.set(str(font), "sizes", [9])
    facts.save()
    assert FontFacts(path).get(str(font), "sizes") == [9]


def test_missing_files_are_not_kept(tmp_path: Path, font: Path) -> None:
    path = kept(tmp_path, font)
    font.unlink()
    facts = FontFacts(path)
    facts.set(str(path), "names", None)
    facts.save()
    assert str(font) not in path.read_text(encoding="utf-8")


def test_facts_without_a_place_are_kept_in_memory(font: Path) -> None:
    facts = FontFacts()
    facts.set(str(font), "names", ["Some"])
    facts.save()
    assert facts.get(str(font), "names") == ["Some"]


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, font: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file, not a folder")
    facts = FontFacts(tmp_path / "cache" / "fonts.json")
    facts.set(str(font), "names", ["Some"])
    facts.save()


def test_nothing_is_written_without_news(tmp_path: Path, font: Path) -> None:
    path = kept(tmp_path, font)
    facts = FontFacts(path)
    facts.find(str(font), "sizes", lambda: pytest.fail("found out again"))
    path.unlink()
    facts.save()
    assert not path.exists()


def test_the_file_lies_in_the_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert facts_file() == tmp_path / "ocrx" / "fonts.json"
