"""Every command in the README runs, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line[2:]
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader of the README has it: the demo data, nothing else."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "datasets" / "demo", folder / "datasets" / "demo")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(command: str, place: Path) -> None:
    words = shlex.split(command)
    assert words[0] == "ocrx"
    # Two minutes of training are for people.
    words = [re.sub(r"^Train\.max_minutes=.*", "Train.max_minutes=0.1", word) for word in words[1:]]
    done = subprocess.run(
        [sys.executable, "-m", "ocrx", *words], cwd=place, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_readme_shows_commands_and_its_tests_are_those_of_make() -> None:
    assert len(COMMANDS) >= 8
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_python_of_the_readme_runs(place: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    images = sorted(place.glob("datasets/demo/images/*.png"))
    shutil.copy(images[0], place / "a.png")
    shutil.copy(images[1], place / "b.png")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
