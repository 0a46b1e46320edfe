"""What ``make bench`` keeps and shows: ``benchmarks/performance_page.py`` and the choice of peers."""

from __future__ import annotations

import sys
from pathlib import Path

import peers
import pytest
from performance import SECTIONS
from performance_page import BEGIN, END, PAGE, Section, load_machines, machine_file, save_section, write_page
from predict_speed import ratio


def section(title: str, cell: str) -> Section:
    return Section(title, "python measure.py", "3 rounds", ("reader", "ms"), ((cell, "1.5"),), ("a note",))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "performance.md"
    path.write_text(f"# Performance\n\n{BEGIN}\nold\n{END}\n\nbelow\n", encoding="utf-8")
    return path


def test_a_machine_keeps_its_figures_when_another_is_measured(tmp_path: Path, page: Path) -> None:
    folder = tmp_path / "figures"
    save_section("Linux A, 2 cores", "reading", section("Reading", "first"), folder)
    save_section("Linux B, 8 cores", "reading", section("Reading", "other"), folder)
    save_section("Linux A, 2 cores", "start", section("Start", "started"), folder)
    save_section("Linux A, 2 cores", "reading", section("Reading", "again"), folder)

    assert load_machines(folder) == {
        "Linux A, 2 cores": {"reading": section("Reading", "again"), "start": section("Start", "started")},
        "Linux B, 8 cores": {"reading": section("Reading", "other")},
    }
    write_page(["start", "reading"], page, folder)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Performance\n") and text.endswith("\n\nbelow\n")
    assert "old" not in text and "first" not in text
    places = [
        text.index(part) for part in ("## Linux A", "### Start", "| again | 1.5 |", "## Linux B", "| other | 1.5 |")
    ]
    assert places == sorted(places)
    assert "`python measure.py`: 3 rounds.\n\n| reader | ms |\n|---|---|\n| again | 1.5 |\n\na note\n" in text

    write_page(["start", "reading"], page, folder)
    assert page.read_text(encoding="utf-8") == text


def test_files_of_machines_have_plain_names(tmp_path: Path) -> None:
    assert machine_file("Linux AMD EPYC (8), 2 cores", tmp_path).name == "linux-amd-epyc-8-2-cores.json"


def test_the_page_of_the_project_holds_what_is_stored(tmp_path: Path) -> None:
    copy = tmp_path / "performance.md"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    write_page(list(SECTIONS), copy)
    assert copy.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_ratios_compare_the_same_rounds() -> None:
    assert ratio([1.0, 2.0, 1.0], [6.0, 14.0, 8.0]) == (7.0, 6.0, 8.0)


def test_peers_that_are_not_there_come_with_their_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(peers.PYTHONS_VARIABLE, raising=False)
    assert peers.find_peers([]) == {}
    missing = peers.missing_peers([])
    assert missing["ddddocr"] == "pip install ddddocr"
    assert set(missing) >= {peer.title for peer in peers.PEERS.values()}
    assert "ddddocr" not in peers.missing_peers(["ddddocr"])


def test_peers_are_found_in_the_pythons_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    here = peers.Peer("This project", ("ocrx",), "ocrx", "def read(path):\n    return path[-5:]\n")
    monkeypatch.setattr(peers, "PEERS", {"ocrx": here, "none": peers.Peer("None", ("no_such_module",), "", "")})
    monkeypatch.setenv(peers.PYTHONS_VARIABLE, sys.executable)
    assert peers.find_peers([]) == {"ocrx": Path(sys.executable)}
    reading = peers.read_peer("ocrx", Path(sys.executable), [Path("1.png"), Path("2.png")], 1)
    assert reading.texts == ["1.png", "2.png"]


def test_a_peer_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = peers.Peer("Broken", ("sys",), "", "raise RuntimeError('no weights')\n")
    monkeypatch.setattr(peers, "PEERS", {"broken": broken})
    with pytest.raises(RuntimeError, match="no weights"):
        peers.read_peer("broken", Path(sys.executable), [Path("1.png")], 1)
