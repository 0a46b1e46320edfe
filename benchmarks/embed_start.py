"""Weights to start another charset from: python benchmarks/embed_start.py SOURCE TARGET CHARSET [ACTIVATION]

SOURCE is the name or folder of an ``lcnet_lstm``; TARGET gets the same network with the classes of CHARSET (a name of
``ocrx.synth.charsets`` or a value of ``Synth.charset``). Rows of characters that SOURCE knows stay; a letter with an
accent starts as its plain letter does, and all new ones with a lower bias, so that they win nothing before they are
learned. ``ACTIVATION``: ``gelu`` or ``relu`` instead of that of SOURCE.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ocrx.inference.discovery import find_model
from ocrx.model_folder import find_model_folder
from ocrx.models import build_model
from ocrx.models.model_io import load_model, save_model
from ocrx.synth.text import charset_characters
from ocrx.text.charset import Charset
from ocrx.text.direction import runs_right_to_left

_BEHIND = 3.0  # how much lower the bias of a new class begins
# What letters of other scripts, letters that Unicode does not decompose, and signs look like.
_ALIKE = {
    **dict(zip("ıđħłøŧßŊŋĐÐĦŁØŦæœÆŒþð", "idhlotBNnDDHLOTaoAOpd", strict=True)),
    **dict(zip("„‚‹›«»·÷¢†‡ªº¡¿‰¹²³№", "\"'<><>.+cttao!?%123N", strict=True)),
    **dict(
        zip("абвгдеикмнопрстухчшіѕјћђАВЕКМНОРСТУХІЅЈГЗЯ", "aбBrдeuKMHonpcmyxчшiSjhhABEKMHOPCTYXISJT3R", strict=True)
    ),
    **dict(zip("αβγεικνορτυχωηΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aByeiKvoptuxwnABEZHIKMNOPTYX", strict=True)),
    **dict(zip("،؛؟٪٫ـا١٩٥٠", ",;?%,-l19o.", strict=True)),
}


def main(source: str, target: Path, charset: str, activation: str | None) -> None:
    model, spec = load_model(find_model_folder(find_model(source)))
    params = {**spec.params, "activation": activation} if activation else spec.params
    characters = tuple(Charset(sorted(set(charset_characters(charset)))))
    direction = "rtl" if runs_right_to_left(characters) else "ltr"
    new_spec = replace(spec, charset=characters, params=params, direction=direction, metrics={})
    torch.manual_seed(1)
    network = build_model(new_spec)
    state, given = network.state_dict(), model.state_dict()
    for name, value in given.items():
        state[name] = mapped(value, state[name], spec.charset, characters) if name.startswith("head.") else value
    network.load_state_dict(state)
    target.mkdir(parents=True, exist_ok=True)
    save_model(network, new_spec, target)
    print(f"{target}: {len(characters)} characters, {len(set(characters) & set(spec.charset))} of them known before")


def mapped(old: Tensor, fresh: Tensor, known: tuple[str, ...], wanted: tuple[str, ...]) -> Tensor:
    """The head's weight or bias with a row for each class of ``wanted``."""
    row = {character: number for number, character in enumerate(known, start=1)}
    result = fresh.clone()
    result[0] = old[0]
    for number, character in enumerate(wanted, start=1):
        like = _ALIKE.get(character) or unicodedata.normalize("NFD", character)[0]
        if character in row:
            result[number] = old[row[character]]
        elif like in row:
            result[number] = old[row[like]] + (fresh[number] * 0.3 if old.dim() > 1 else -_BEHIND)
        elif old.dim() == 1:
            result[number] = old.mean() - _BEHIND
    return result


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)
