from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ocrx.arrays import Floats
from ocrx.model_spec import FrameSpec
from ocrx.training.frame_shift import measure_shift

FRAMES = FrameSpec(layers=((4, 4, 0),))


class Looking(nn.Module):
    """Frames of 4 pixels; a bright column is class 1, a dark one class 2, each shown ``early`` frames too soon."""

    def __init__(self, early: int) -> None:
        super().__init__()
        self.early = early
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        ink = nn.functional.avg_pool1d(images.mean(dim=(1, 2))[:, None], 4)[:, 0] * self.gain
        ink = torch.roll(ink, -self.early, dims=1)
        return torch.stack([torch.full_like(ink, 1.0), 20 * ink, -20 * ink], dim=2)


def lines(count: int) -> list[Floats]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        image = np.zeros((1, 8, 160), dtype=np.float32)
        for i, place in enumerate(range(32, 128, 16)):
            image[:, :, place : place + 4] = (1, -1)[(i + int(rng.integers(2))) % 2]
        made.append(image)
    return made


@pytest.mark.parametrize(("early", "shift"), [(0, 0.0), (3, 12.0), (-2, -8.0)])
def test_the_shift_is_what_the_network_does(early: int, shift: float) -> None:
    assert measure_shift(Looking(early), FRAMES, lines(4)) == pytest.approx(shift, abs=0.2)


def test_an_earlier_measurement_does_not_add_up() -> None:
    assert measure_shift(Looking(3), FrameSpec(FRAMES.layers, shift=12.0), lines(4)) == pytest.approx(12.0, abs=0.2)


def test_too_little_to_go_by() -> None:
    assert measure_shift(Looking(3), FRAMES, []) == 0.0
    assert measure_shift(Looking(3), FRAMES, [np.zeros((1, 8, 160), dtype=np.float32)] * 9) == 0.0
    assert measure_shift(Looking(3), FRAMES, lines(2)) == 0.0


def test_the_network_is_left_as_it_was() -> None:
    network = Looking(1).train()
    measure_shift(network, FRAMES, lines(4))
    assert network.training
    assert network.gain.grad is None
