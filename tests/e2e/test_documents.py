"""Every command and every piece of Python in README and docs runs, page by page, in the order in which it stands there.

A block behind ``<!-- not run: reason -->`` is left out and listed by ``test_what_is_not_run_says_why``.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS_PER_COMMAND = 300


@dataclass(frozen=True)
class Block:
    """A fenced block: ``console`` or ``python``; ``not_run`` is the reason why it is left out, if there is one."""

    language: str
    text: str
    not_run: str

    @property
    def commands(self) -> list[str]:
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"(?:<!-- not run: (.*?) -->\n)?^```(console|python)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [Block(language, body, reason) for reason, language, body in found]


def arguments(command: str) -> list[str]:
    """The command as a test runs it: minutes of training are for people."""
    words = shlex.split(command)
    assert words[0] == "ocrx", f"{command}: only ocrx is shown as a console block that runs"
    return [re.sub(r"^Train\.max_minutes=.*", "Train.max_minutes=0.1", word) for word in words[1:]]


def run(program: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_PER_COMMAND,
        check=False,
    )
    assert done.returncode == 0, f"{program}\n{done.stderr[-2000:]}"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_shows_runs(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "datasets" / "demo", tmp_path / "datasets" / "demo")
    python = ""
    for block in blocks(page):
        if block.not_run:
            continue
        for command in block.commands if block.language == "console" else ():
            run(["-m", "ocrx", *arguments(command)], tmp_path)
        if block.language == "python":
            # A later block may use what an earlier one of the page has defined.
            python += block.text
            run(["-c", python], tmp_path)


def test_what_is_not_run_says_why() -> None:
    left_out = {
        (page.relative_to(ROOT).as_posix(), block.not_run) for page in PAGES for block in blocks(page) if block.not_run
    }
    assert left_out == {
        ("docs/bulk.md", "needs GPUs or several machines"),
        ("docs/training.md", "needs GPUs or several machines"),
        ("docs/training.md", "downloads ImageNet weights"),
        ("docs/models.md", "needs a file of official weights"),
        ("docs/models.md", "downloads, or needs rapidocr-onnxruntime"),
        ("docs/export.md", "needs a machine that computes int8 wrongly"),
        ("docs/export.md", "needs Docker"),
        ("docs/export.md", "needs RapidOCR and a page of yours"),
        ("docs/export.md", "needs PaddleX"),
        ("docs/pages.md", "needs the extra `page` and a page of yours"),
        ("docs/review.md", "waits for a person in front of the page"),
    }


def test_the_readme_is_short_and_its_targets_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([\w-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
