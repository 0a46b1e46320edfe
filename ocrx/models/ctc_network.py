"""The base of all networks: image to features to logits."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from ocrx.models.blocks import fused_copy


class CTCNetwork(nn.Module):
    """Images [N, C, H, W] → logits [N, T, K], with T frames per line and K classes (0 is the blank).

    A subclass is one architecture. It takes ``(params, image, classes)`` and implements the two steps. Names of
    modules are names in stored weights: they never change.

    Attributes:
        takes_guide: Whether ``Train.guide`` may train the backbone (see ``ocrx.models.guide``).
    """

    takes_guide: ClassVar[bool] = False

    def extract_features(self, images: Tensor) -> Tensor:
        """Run the backbone.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Features [N, D, rows, T]; rows is 1 unless the architecture says otherwise.
        """
        raise NotImplementedError

    def read_features(self, features: Tensor) -> Tensor:
        """Run neck or LSTM, and the head.

        Args:
            features: The result of ``extract_features``.

        Returns:
            Logits [N, T, K].
        """
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Run both steps.

        Args:
            images: float32 [N, C, H, W].

        Returns:
            Logits [N, T, K].
        """
        return self.read_features(self.extract_features(images))

    def fuse(self) -> CTCNetwork:
        """Convert to the inference form, with parallel branches and batch norms folded into single convolutions.

        Returns:
            A copy in evaluation mode, with the same outputs up to rounding.
        """
        return fused_copy(self)
