"""Evaluates a network on the validation lines during training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ocrx.backends.pytorch import TorchBackend
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.evaluation.evaluate import LineResult, evaluate
from ocrx.inference.recognizer import Recognizer
from ocrx.model_spec import ModelSpec
from ocrx.text.metrics import Metrics, compute_metrics
from ocrx.training.distributed.group import Group

BATCH_SIZE = 64


class Validation:
    """Computes the metrics of a network; each process reads its share of the lines, and all return the same metrics.

    Attributes:
        lines: The lines that this process read last, for the calibration of the model.
    """

    def __init__(self, samples: Sequence[Sample], spec: ModelSpec, device: torch.device, group: Group) -> None:
        """Store the lines; nothing is read yet.

        Args:
            samples: All validation lines.
            spec: Spec of the networks to evaluate.
            device: The device of this process.
            group: The processes that share the lines.
        """
        self.samples, self.spec, self.device, self.group = samples, spec, device, group
        self.lines: tuple[LineResult, ...] = ()
        # Train.ignore_checks may allow missing images; they count as read wrongly.
        self._never_there = {sample.source for sample in samples if not sample.image.is_file()}

    def __call__(self, network: nn.Module) -> Metrics:
        """Read all validation lines.

        Args:
            network: The network, on the device.

        Returns:
            Metrics over the lines of all processes.

        Raises:
            DataError: If images disappeared since the training began; names them.
        """
        own = self.samples[self.group.rank :: self.group.size]
        self._require_images(own)
        result = evaluate(Recognizer(TorchBackend(network, self.spec, self.device)), own, BATCH_SIZE)
        self.lines = tuple(result.lines)

        size = self.group.size
        texts = self.group.gather([line.prediction for line in result.lines])
        return compute_metrics((line.text, texts[i % size][i // size]) for i, line in enumerate(self.samples))

    def _require_images(self, own: Sequence[Sample]) -> None:
        here = [s for s in own if s.source not in self._never_there and not s.image.is_file()]
        missing = [f"{s.source} ({s.image})" for s in here]
        everywhere = [name for names in self.group.gather(missing) for name in names]
        if everywhere:
            shown = ", ".join(everywhere[:5]) + (" ..." if len(everywhere) > 5 else "")
            raise DataError(
                f"{shown}: {len(everywhere)} images disappeared during training; expected all validation images",
                hint="put them back and resume with --resume",
            )
