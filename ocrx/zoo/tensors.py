"""How other projects name the tensors of our networks, and the state of a network from their tensors.

A key map is PaddleOCR's (also that of its PyTorch ports), OpenOCR's, or that of transformers. Rules map the path of a
module of ours to theirs; a convolution with batch norm has two tensors' worth of names below its path.
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
    """Our module path (a regular expression) and theirs, with the names of convolution and norm below it (``leaves``).

    ``{block}`` in ``theirs`` is the path of the numbered block ``i`` of ``KeyMap.blocks``. Further paths in
    ``others`` are tried in order; the first that exists counts.
    """

    ours: str
    theirs: str
    leaves: tuple[str, str] = ("conv", "bn")
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyMap:
    """Rules for one architecture in one project.

    ``blocks``: their paths of our flat list of blocks; ``transposed``: linear weights are [in, out];
    ``ignored``: tensors (a regular expression) that serve training only; ``absent``: tensors of ours that may be
    missing because they are 0 by definition.
    """

    name: str
    rules: tuple[KeyRule, ...]
    blocks: tuple[str, ...] = ()
    ignored: str = r"(?!)"
    absent: str = r"(?!)"

    def candidates(self, ours: str) -> Iterator[str]:
        """Names that the tensor ``ours`` may have, best first.

        Args:
            ours: Name of the tensor in the network.

        Yields:
            The names.
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


# ``query`` of the column reader is a bare parameter, hence a path without a leaf.
_LEAF = re.compile(
    r"(?P<path>.*?)(?:\.(?P<part>conv|norm))?(?:\.(?P<leaf>weight|bias|running_mean|running_var|scale))?"
)


def convert_state_dict(
    network: nn.Module, theirs: Mapping[str, Array], key_map: KeyMap, transposed: bool
) -> dict[str, Tensor]:
    """The state of ``network`` out of another project's tensors.

    ``transposed``: linear weights are [in, out], as Paddle stores them.
    Raises ModelError that names tensors that are missing, left over, or of another shape.

    Args:
        network: The network.
        theirs: Tensors by their names.
        key_map: How the names correspond.
        transposed: Whether linear weights are [in, out].

    Returns:
        The state dict.
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
    """``value`` in the shape of ``own``; they may differ in axes of length 1 (a 1-d convolution is a 2-d one)."""
    if [n for n in value.shape if n != 1] != [n for n in own.shape if n != 1]:
        raise ModelError(f"{name} has the shape {tuple(value.shape)}, expected {tuple(own.shape)}")
    return torch.from_numpy(np.array(value, dtype=np.float32)).reshape(own.shape)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
