"""The figures of each machine, kept as JSON, and ``docs/performance.md``, which shows those of all machines.

A machine's file holds its sections by name; a section that is measured again takes the place of the earlier one. The
page is written from all files, so that a figure of one machine stays when another machine is added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.errors import DataError
from ocrx.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "performance"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end of measured -->"


@dataclass(frozen=True)
class Section:
    """One table of a machine.

    Attributes:
        title: Heading.
        command: The command that measured it.
        conditions: What it was measured on, and how busy the machine was.
        head: Names of the columns.
        rows: Cells, as they are shown.
        notes: Sentences below the table, such as what could not be measured.
    """

    title: str
    command: str
    conditions: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Section:
        """Read what ``to_dict`` gave."""
        rows = tuple(tuple(row) for row in values["rows"])
        return cls(**{**values, "head": tuple(values["head"]), "rows": rows, "notes": tuple(values["notes"])})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def machine_file(machine: str, folder: Path = FIGURES) -> Path:
    """The file of a machine: its name in lower case, words joined by hyphens."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', machine.casefold()).strip('-')}.json"


def save_section(machine: str, name: str, section: Section, folder: Path = FIGURES) -> Path:
    """Store a section; the other sections of the machine and those of other machines are kept."""
    path = machine_file(machine, folder)
    stored: dict[str, Any] = read_json(path, error=DataError) if path.exists() else {"machine": machine, "sections": {}}
    stored["sections"][name] = section.to_dict()
    write_json(path, stored)
    return path


def load_machines(folder: Path = FIGURES) -> dict[str, dict[str, Section]]:
    """All sections by machine and name."""
    machines = {}
    for path in sorted(folder.glob("*.json")):
        stored = read_json(path, error=DataError)
        machines[stored["machine"]] = {name: Section.from_dict(values) for name, values in stored["sections"].items()}
    return machines


def write_page(order: Sequence[str], page: Path = PAGE, folder: Path = FIGURES) -> None:
    """Write the tables of all machines between the two marks of the page; the rest of it stays.

    Args:
        order: Names of the sections, in the order of the page.
        page: The Markdown file with the marks.
        folder: The figures.
    """
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    parts = [_machine(machine, sections, order) for machine, sections in load_machines(folder).items()]
    page.write_text(f"{before}{BEGIN}\n\n{''.join(parts)}{END}{after}", encoding="utf-8")


def _machine(machine: str, sections: Mapping[str, Section], order: Sequence[str]) -> str:
    found = [sections[name] for name in order if name in sections]
    return f"## {machine}\n\n" + "".join(map(_section, found))


def _section(section: Section) -> str:
    lines = [
        "| " + " | ".join(section.head) + " |",
        "|---" * len(section.head) + "|",
        *("| " + " | ".join(row) + " |" for row in section.rows),
    ]
    notes = "".join(f"{note}\n\n" for note in section.notes)
    return f"### {section.title}\n\n`{section.command}`: {section.conditions}.\n\n" + "\n".join(lines) + f"\n\n{notes}"
