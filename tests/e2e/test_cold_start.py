"""What must answer at once does not load what is slow to load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import sys
from ocrx.cli.app import main
code = main(sys.argv[1:])
slow = ("torch", "torchvision", "matplotlib", "onnxruntime", "safetensors", "numpy", "PIL", "importlib.metadata",
    "ocrx.files")
loaded = [name for name in slow if name in sys.modules]
print("LOADED", *loaded, file=sys.stderr)
sys.exit(code)
"""


def loaded(*arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=600)
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("LOADED"), done.stderr
    return done.returncode, set(line.split()[1:])


def test_help_loads_nothing_heavy() -> None:
    assert loaded("--help") == (0, set())


@pytest.mark.parametrize("command", ["train", "predict"])
def test_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    code, names = loaded(command, "--help")
    assert code == 0
    assert names <= {"importlib.metadata"}  # Typer's parameters need pydantic, which loads it


def test_importing_the_package_loads_nothing_heavy() -> None:
    probe = "import sys, ocrx; print(*[n for n in ('torch', 'onnxruntime', 'numpy', 'PIL') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.split() == []


def test_checking_a_dataset_loads_no_torch(line_folder: Path, tmp_path: Path) -> None:
    code, names = loaded("check-dataset", str(line_folder), "--output", str(tmp_path / "out"))
    assert code == 0 and "torch" not in names


def test_reading_with_an_exported_model_loads_no_torch(line_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    train = [sys.executable, "-m", "ocrx", "train", "--data", str(line_folder), "--output", str(output)]
    subprocess.run([*train, "-o", "Train.epochs_iters=1"], check=True, capture_output=True, timeout=600)
    code, names = loaded("predict", str(line_folder / "images" / "00.png"), "--model", str(output / "best_accuracy"))
    assert code == 0
    assert names - {"numpy", "PIL", "importlib.metadata", "ocrx.files"} == {"onnxruntime"}
