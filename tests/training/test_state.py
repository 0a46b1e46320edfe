"""What a training remembers of itself."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

from ocrx.training.state import TrainState


def test_models_are_compared_by_accuracy_then_by_character_errors() -> None:
    better = [
        TrainState(best_accuracy=0.5, best_cer=0.1),
        TrainState(best_accuracy=0.4, best_cer=0.1),
        TrainState(best_accuracy=0.4, best_cer=0.2),
        TrainState(),
    ]
    assert sorted(better, key=lambda state: state.score, reverse=True) == better


def test_the_mean_loss_is_that_since_the_last_evaluation() -> None:
    state = TrainState()
    assert math.isnan(state.mean_loss)
    assert replace(state, loss_sum=6.0, loss_steps=4).mean_loss == 1.5


def test_a_state_survives_being_stored() -> None:
    state = TrainState(epoch=2, batch=5, step=25, seconds=1.5, best_accuracy=0.25, finished=True, max_pixels=1000)
    assert TrainState(**asdict(state)) == state
