from __future__ import annotations

import pytest

from ocrx.ctc.frames import required_frames


@pytest.mark.parametrize(("classes", "frames"), [([], 0), ([4], 1), ([1, 2, 1], 3), ([1, 1], 3), ([2, 2, 2, 1, 1], 8)])
def test_required_frames(classes: list[int], frames: int) -> None:
    assert required_frames(classes) == frames
