"""What a killed process leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, sys
from pathlib import Path
from ocrx.files import partial_folder
with partial_folder(Path(sys.argv[1])) as partial:
    (partial / "half").write_text("x")
    print(partial)
    sys.stdout.flush()
    os._exit(9)
"""


def leave_partial_folder(parent: Path) -> Path:
    """The folder of a process that was killed while it wrote into ``parent``."""
    command = [sys.executable, "-c", _PROGRAM, str(parent)]
    ended = subprocess.run(command, timeout=120, check=False, capture_output=True, text=True)
    left = Path(ended.stdout.strip())
    assert left.parent == parent and left.is_dir()
    return left
