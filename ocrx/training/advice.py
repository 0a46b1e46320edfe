"""Advice after a training that ended with a poor model."""

from __future__ import annotations

from ocrx.training.setup import TrainingSetup
from ocrx.training.state import Outcome

POOR_ACCURACY = 0.5
FEW_UPDATES = 2000
FEW_LINES = 2000
LEARNED_LOSS = 1.0


def advise(setup: TrainingSetup, outcome: Outcome) -> str | None:
    """Suggest what to try next if fewer than half of the validation lines are read exactly.

    Args:
        setup: The training.
        outcome: How it ended.

    Returns:
        One sentence; None for a good model or an unfinished training.
    """
    state, train = outcome.state, setup.config.Train
    if outcome.interrupted or not 0 <= state.best_accuracy < POOR_ACCURACY:
        return None

    advice = []
    fine_tuned = setup.pretrained is not None or train.pretrain_weight_path is not None
    stored = len(setup.data.dataset.train)
    loss = outcome.rows[-1].train_loss if outcome.rows else float("nan")
    if loss < LEARNED_LOSS:
        advice.append(
            "the training lines are learned but the validation lines are not: add lines (ocrx synth), raise"
            " Train.augment, and check the labels (ocrx check-dataset)"
        )
    elif state.step < FEW_UPDATES:
        advice.append(
            f"{state.step} updates are few: continue with --resume -o Train.epochs_iters={4 * max(1, state.epoch)}"
        )
    if not fine_tuned and not train.synth.enable and stored < FEW_LINES:
        advice.append(f"{stored} lines are few for fresh weights: fine-tune an existing model (-c fine_tune)")
    if not advice:
        advice.append("inspect the misread lines (ocrx evaluate) and augment.png; try another learning rate")
    return f"fewer than half of the lines are read exactly: {'; '.join(advice)}"
