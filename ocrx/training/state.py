"""How far a training has come, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from ocrx.training.history import HistoryRow


@dataclass
class TrainState:
    """How far a training has come; saved in ``state.pt``.

    Attributes:
        epoch: Epochs that are complete.
        batch: Updates within the current epoch.
        step: Updates over the whole training.
        seconds: Training time so far, evaluations included.
        best_accuracy: Best validation accuracy, -1 before the first evaluation.
        best_cer: Character error rate of the best model.
        best_epoch: Epoch of the best model.
        finished: Whether nothing is left to train.
        loss_sum: Sum of losses since the last evaluation.
        loss_steps: Updates that ``loss_sum`` counts.
        images: Images since the last evaluation.
        images_seconds: Time spent on those images, without evaluations.
        evals_without_improvement: Evaluations since the score last improved.
        skipped: Updates that were skipped because the loss or gradient was not finite.
        max_pixels: Most padded pixels computed at once, see ``StepResult``.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_cer: float = float("inf")
    best_epoch: int = 0
    finished: bool = False
    loss_sum: float = 0.0
    loss_steps: int = 0
    images: int = 0
    images_seconds: float = 0.0
    evals_without_improvement: int = 0
    skipped: int = 0
    max_pixels: int | None = None

    @property
    def score(self) -> tuple[float, float]:
        """Models are compared by this: accuracy, then the negated character error rate."""
        return self.best_accuracy, -self.best_cer

    @property
    def mean_loss(self) -> float:
        """Mean loss since the last evaluation; NaN before the first update."""
        return self.loss_sum / self.loss_steps if self.loss_steps else float("nan")


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        state: Its last state.
        rows: All evaluations, in order.
        interrupted: Whether it was stopped and can be resumed.
        nothing_to_do: Whether the resumed training had been finished before.
        changed_images: Training images that disappeared or changed meanwhile.
    """

    state: TrainState
    rows: tuple[HistoryRow, ...]
    interrupted: bool
    nothing_to_do: bool = False
    changed_images: int = 0
