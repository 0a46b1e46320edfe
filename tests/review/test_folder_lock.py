from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ocrx.errors import DataError
from ocrx.review.folder_lock import lock_folder

HOLD = "import sys; from ocrx.review.folder_lock import lock_folder; from pathlib import Path\n"
HOLD += "held = lock_folder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"


def test_a_lock_of_another_process_is_named_and_ends_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "state")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DataError, match="being reviewed by another process"):
            lock_folder(tmp_path / "state")
        other.kill()
    lock_folder(tmp_path / "state").release()
