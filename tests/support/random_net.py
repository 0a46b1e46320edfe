"""A network whose random texts depend on the image: enough to test how images are read, batched and exported."""

from __future__ import annotations

import torch
from torch import nn

from ocrx.imaging.preparation import prepare
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import build_model, frame_spec
from support.lines import draw_line

WORDS = ("Invoice 42", "total", "7,50", "a", "The quick brown fox jumps over it", "Straße", "99", "RM 12.00", "x y z")


def random_model() -> tuple[nn.Module, ModelSpec]:
    """Random weights; the last layer spreads the features of drawn lines over the classes."""
    image = ImageSpec()
    charset = tuple("abcdefghijklmnopqrstuvwxyz ")
    spec = ModelSpec("lcnetv4", {}, charset, image, frame_spec("lcnetv4", {}, image), "random")
    torch.manual_seed(0)
    model = build_model(spec).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
        seen = [prepare(draw_line(word), image)[0][None] for word in WORDS]
        rows = torch.cat([model.extract_features(torch.from_numpy(one)).squeeze(2)[0].T for one in seen])
        head = model.head
        head.weight.normal_().div_(rows.std(0) + 1e-6)
        head.bias.copy_(-head.weight @ rows.mean(0))
    return model, spec
