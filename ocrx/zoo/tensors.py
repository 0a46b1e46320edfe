"""Converts the tensors of another project into the state dict of one of our networks.

A key map holds the naming scheme of PaddleOCR (which its PyTorch ports share), OpenOCR or transformers. Each of its
rules maps the path of one of our modules to the path in the checkpoint. A convolution with batch norm is one module
here and two below that path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ocrx.errors import ModelError

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class KeyRule:
    """Maps one of our modules to its path in a checkpoint.

    Attributes:
        ours: Regular expression for our module path. Its named groups can be used in ``theirs``.
        theirs: Path in the checkpoint. ``{block}`` stands for entry ``i`` of ``KeyMap.blocks``.
        leaves: Names of the convolution and of its norm below ``theirs``.
        others: Alternative paths, tried in order if ``theirs`` is missing.
    """

    ours: str
    theirs: str
    leaves: tuple[str, str] = ("conv", "bn")
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyMap:
    """The naming scheme of one architecture in one project.

    Attributes:
        name: Name of the project.
        rules: Rules, tried in order.
        blocks: Path in the checkpoint of each block in our flat list.
        ignored: Regular expression for tensors in the checkpoint that only training uses.
        absent: Regular expression for tensors of ours that a checkpoint may lack; they stay 0.
    """

    name: str
    rules: tuple[KeyRule, ...]
    blocks: tuple[str, ...] = ()
    ignored: str = r"(?!)"
    absent: str = r"(?!)"

    def candidates(self, ours: str) -> Iterator[str]:
        """List the names that a tensor may have in the checkpoint, the most likely first.

        Args:
            ours: Name of the tensor in our network.

        Yields:
            The names.

        Raises:
            ModelError: The name is not that of a weight, bias or statistic.
        """
        match = _LEAF.fullmatch(ours)
        if match is None:
            raise ModelError(f"{ours}: no such kind of tensor")
        path, part, leaf = match["path"], match["part"], match["leaf"]

        for rule in self.rules:
            found = re.fullmatch(rule.ours, path)
            if found is None:
                continue
            groups = found.groupdict()
            block = self.blocks[int(groups["i"])] if "i" in groups else ""
            middle = {"conv": f"{rule.leaves[0]}.", "norm": f"{rule.leaves[1]}.", None: ""}[part]
            for theirs in (rule.theirs, *rule.others):
                where = theirs.format(block=block, **groups)
                yield f"{where}.{middle}{leaf}" if leaf else where


# The column reader's ``query`` is a parameter of its own, so the leaf is optional.
_LEAF = re.compile(
    r"(?P<path>.*?)(?:\.(?P<part>conv|norm))?(?:\.(?P<leaf>weight|bias|running_mean|running_var|scale))?"
)


def convert_state_dict(
    network: nn.Module, theirs: Mapping[str, Array], key_map: KeyMap, transposed: bool
) -> dict[str, Tensor]:
    """Build the state dict of a network from the tensors of another project.

    Args:
        network: The network; only its names and shapes are used.
        theirs: Tensors of the checkpoint by name.
        key_map: The naming scheme of the checkpoint.
        transposed: Whether linear weights are stored as [in, out], as in Paddle.

    Returns:
        The state dict.

    Raises:
        ModelError: Tensors are missing, unused, or of another shape; the message names them.
    """
    linear = {f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Linear)}
    state = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in network.state_dict().items()}
    missing: list[str] = []
    used: set[str] = set()

    for name, own in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        names = list(key_map.candidates(name))
        source = next((candidate for candidate in names if candidate in theirs), None)
        if source is None:
            if not re.search(key_map.absent, name):
                missing.append(names[0] if names else f"(ours) {name}")
            continue
        used.add(source)
        value = np.asarray(theirs[source])
        state[name] = _fitted(value.T if transposed and name in linear else value, own, source)

    left = sorted(set(theirs) - used)
    left = [name for name in left if not re.search(key_map.ignored, name) and "num_batches_tracked" not in name]

    if missing or left:
        parts = [f"missing: {_some(missing)}"] if missing else []
        parts += [f"not used: {_some(left)}"] if left else []
        raise ModelError(f"the tensors do not fit the architecture; {'; '.join(parts)}")

    return state


def _fitted(value: Array, own: Tensor, name: str) -> Tensor:
    """Reshape ``value`` to the shape of ``own``. Only axes of length 1 may differ, as in a 1-d convolution."""
    if [n for n in value.shape if n != 1] != [n for n in own.shape if n != 1]:
        raise ModelError(f"{name} has the shape {tuple(value.shape)}, expected {tuple(own.shape)}")
    return torch.from_numpy(np.array(value, dtype=np.float32)).reshape(own.shape)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
