"""Converts official weights into an ocrx model folder and accounts for every tensor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ocrx.config import load_config
from ocrx.errors import ConfigError, ModelError
from ocrx.model_folder import SPEC_FILE, atomic_folder
from ocrx.model_spec import ImageSpec, ModelSpec, OriginSpec
from ocrx.models import build_model, frame_spec
from ocrx.models.model_io import save_model
from ocrx.text.direction import runs_right_to_left
from ocrx.zoo.archive import is_tar, unpacked_tar
from ocrx.zoo.catalog import CATALOG, reject_untrained
from ocrx.zoo.key_maps import openocr_key_map, paddle_key_map
from ocrx.zoo.key_maps_hf import transformers_key_map
from ocrx.zoo.onnx_weights import OnnxWeights, match_layers
from ocrx.zoo.tensors import KeyMap, convert_state_dict
from ocrx.zoo.weight_files import Weights, model_name_beside, read_dictionary, read_weights

# A larger difference from the original on the same input means that a layer was misread.
_TOLERANCE = 1e-3
_RELATIVE_TOLERANCE = 1e-2
_SMALL = 1e-3

Finish = Callable[[nn.Module, ModelSpec, Path], None]
"""Adds what else belongs into the model folder, e.g. the exported model."""


@dataclass(frozen=True)
class ImportReport:
    """What was imported.

    Attributes:
        source: What the weights were read from.
        output: The model folder.
        name: Recipe of the network.
        architecture: Name of the architecture.
        classes: Number of classes, the blank included.
        parameters: Number of parameters.
        notes: What the user should know about the import.
        difference: Largest difference of a probability from the original graph on noise; None if there is no graph.
    """

    source: str
    output: Path
    name: str
    architecture: str
    classes: int
    parameters: int
    notes: tuple[str, ...]
    difference: float | None

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to plain values.

        Returns:
            The fields, as JSON can hold them.
        """
        return {**asdict(self), "output": str(self.output)}


@dataclass(frozen=True)
class _Fit:
    """A recipe whose network takes the tensors, and the state that it gets."""

    name: str
    architecture: str
    params: Mapping[str, Any]
    image: ImageSpec
    state: Mapping[str, Tensor]


def import_weights(  # noqa: PLR0913  # public, the options of ocrx import
    source: str,
    output: Path,
    *,
    name: str | None = None,
    dictionary: Path | None = None,
    overwrite: bool = False,
    origin: OriginSpec | None = None,
    without_characters: bool = False,
    finish: Finish | None = None,
) -> ImportReport:
    """Convert official weights into a model folder. Nothing is written unless everything fits.

    Args:
        source: What ``read_weights`` reads, or a ``.tar`` file that holds it.
        output: The new model folder.
        name: Recipe of the network; by default all known networks are tried.
        dictionary: Dictionary to use instead of the one that comes with the weights.
        overwrite: Whether to replace a model folder.
        origin: Source to record in ``model.json``.
        without_characters: Whether to accept weights without a dictionary, as a start for fine-tuning.
        finish: Called with the folder before it is put in place, to add more files.

    Returns:
        What was imported.

    Raises:
        ModelError: The weights are damaged or fit no network.
        DataError: The dictionary cannot be read.
        ConfigError: ``name`` is not known.
    """
    check_output(output, overwrite)
    path = Path(source)
    if not path.exists():
        reject_untrained(source)
    with unpacked_tar(path) if is_tar(path) else nullcontext(source) as place:
        weights = read_weights(str(place))
        spec, state, notes = _recognise(weights, source, name, dictionary, without_characters)
        model = build_model(spec).eval()
        model.load_state_dict(dict(state))
        difference = None
        if weights.original is not None and spec.classes == _class_count(weights):
            difference = _check_against_original(model, spec, weights.original, weights.path)

    spec = replace(spec, origin=origin)
    with atomic_folder(output) as folder:
        save_model(model, spec, folder)
        if finish:
            finish(model, spec, folder)

    parameters = sum(p.numel() for p in model.parameters())
    return ImportReport(source, output, spec.name, spec.architecture, spec.classes, parameters, notes, difference)


def _recognise(
    weights: Weights, source: str, name: str | None, dictionary: Path | None, without_characters: bool
) -> tuple[ModelSpec, Mapping[str, Tensor], tuple[str, ...]]:
    """Find out which network the weights belong to: its spec, its state, and notes for the user."""
    classes = _class_count(weights)
    entries = read_dictionary(dictionary) if dictionary is not None else weights.characters
    if without_characters and not entries:
        # Private-use characters, which no dataset holds: fine-tuning keeps none of these rows.
        entries = tuple(chr(0xF0000 + index) for index in range(classes - 1))

    characters = _fitted_dictionary(entries, classes, weights.path, dictionary)
    fit = _find_fit(weights, classes, name if name is not None else _stated_name(weights.path))
    state, characters, notes = _without_unusable(fit.state, characters)
    arabic = _arabic_name(source, weights.path, dictionary, name, fit.name) if runs_right_to_left(characters) else None
    if arabic is not None:
        notes = (*notes, f"texts are put into logical order, since {arabic!r} is the name of an Arabic model")

    spec = ModelSpec(
        architecture=fit.architecture,
        params=dict(fit.params),
        charset=characters,
        image=fit.image,
        frames=frame_spec(fit.architecture, fit.params, fit.image),
        name=fit.name,
        direction="ltr" if arabic is None else "rtl",
    )
    return spec, state, notes


def _arabic_name(source: str, file: Path, dictionary: Path | None, *models: str | None) -> str | None:
    """Find the name that marks the weights as an Arabic model, which was trained on labels in visual order.

    Only a name shows it: dictionaries of many scripts hold right-to-left letters, but those models read in logical
    order.
    """
    folder = file.parent.resolve()
    # A snapshot of the hub lies in models--OWNER--NAME/snapshots/HASH.
    places = (file.name, Path(source).name, folder.name, *(parent.name for parent in folder.parents[:2]))
    # A folder for Arabic may hold models of many scripts, so the nearest name of a model counts.
    nearest = next((name for name in places if re.search(r"arabic|pp-?ocr|svtr", name.lower())), None)
    names = (nearest, dictionary.name if dictionary is not None else None, *models, model_name_beside(file))
    return next((name for name in names if name is not None and "arabic" in name.lower()), None)


def check_output(output: Path, overwrite: bool) -> None:
    """Raise an error where the output folder may not be written.

    Args:
        output: The folder to write.
        overwrite: Whether a model folder there may be replaced.
    """
    if not output.exists():
        return
    if not output.is_dir() or (any(output.iterdir()) and not (output / SPEC_FILE).is_file()):
        raise ModelError(f"{output}: exists and is not a model folder", hint="give a new folder")
    if any(output.iterdir()) and not overwrite:
        raise ModelError(f"{output}: a model lies there", hint="give a new folder, or --overwrite")


def _class_count(weights: Weights) -> int:
    if weights.graph is not None:
        return int(weights.graph.layers[-1].weight.shape[0])
    for name in ("head.ctc_head.fc.bias", "head.ctc_head.fc2.bias", "head.fc.bias", "head.head.bias", "head.fc2.bias"):
        if name in weights.tensors:
            return weights.tensors[name].size
    if "decoder.fc.bias" in weights.tensors:
        return weights.tensors["decoder.fc.bias"].size
    raise ModelError(f"{weights.path}: no output layer of a text recogniser with CTC is in it")


def _fitted_dictionary(entries: Sequence[str], classes: int, path: Path, dictionary: Path | None) -> tuple[str, ...]:
    """Exactly one entry for every class but the blank; PaddleOCR's added space and named blank are understood."""
    where = dictionary if dictionary is not None else path
    if not entries:
        raise ModelError(
            f"{path}: no dictionary comes with it",
            hint="`ocrx import` takes the one it was trained with, --charset FILE, and the model's name, --model NAME",
        )

    if len(entries) == classes and entries[0] in ("blank", "<blank>"):
        return tuple(entries[1:])
    if len(entries) == classes - 1:
        return tuple(entries)
    if len(entries) == classes - 2:
        return (*entries, " ")
    raise ModelError(
        f"{where}: a dictionary of {len(entries)} characters; the weights have {classes} classes, "
        f"so {classes - 1} characters are needed, or {classes - 2} and a space"
    )


def _find_fit(weights: Weights, classes: int, name: str | None) -> _Fit:
    """The recipe whose network takes all tensors; the error is that of the closest one."""
    if name is not None and name not in CATALOG:
        raise ConfigError(f"--model: {name!r} is no known model", hint=f"one of {', '.join(sorted(CATALOG))}")
    reasons: list[str] = []

    for recipe in [name] if name is not None else _distinct_recipes(classes):
        config = load_config(recipe)
        # Official models read every line at its own width; padding it to a bucket changes one text in ten.
        image = replace(config.Image, bucket=1)
        for params in _variants(weights, config.Model.architecture, config.Model.params):
            try:
                state = _state(weights, config.Model.architecture, params, image, classes)
            except ModelError as error:
                reasons.append(f"{recipe}: {error.message}")
                continue
            return _Fit(recipe, config.Model.architecture, params, image, state)

    if name is not None or len(reasons) == 1:
        raise ModelError(f"{weights.path}: {reasons[0] if reasons else f'weights of this kind do not fit {name}'}")
    shortest = min(reasons, key=len, default="no known network has weights of this kind")
    raise ModelError(f"{weights.path}: fits no known network; closest is {shortest}", hint="name one with --model")


def _stated_name(file: Path) -> str | None:
    """The model that the settings beside the weights name, if there is a recipe for it."""
    name = model_name_beside(file)
    return name if name in CATALOG else None


def _distinct_recipes(classes: int) -> list[str]:
    """Recipes with networks of their own, those with this number of classes first."""
    ordered = sorted(CATALOG.values(), key=lambda entry: entry.classes != classes)
    seen: set[str] = set()
    names: list[str] = []
    for entry in ordered:
        model = load_config(entry.name).Model
        key = f"{model.architecture} {sorted(model.params.items())}"
        if key not in seen:
            seen.add(key)
            names.append(entry.name)
    return names


def _variants(weights: Weights, architecture: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters of the form in which a kind of file holds a network."""
    if weights.kind == "onnx":
        yield {**params, "fused": True}
    elif weights.kind == "transformers" and architecture == "lcnetv4":
        yield {**params, "single_token": True}
    else:
        yield dict(params)


def _state(
    weights: Weights, architecture: str, params: Mapping[str, Any], image: ImageSpec, classes: int
) -> dict[str, Tensor]:
    if weights.graph is not None:
        state = match_layers(_empty(architecture, params, image, classes), _meta_images(image), weights.graph.layers)
        _refuse_unused(weights.graph)
        return state
    key_map = _key_map(weights, architecture, params)
    if key_map is None:
        raise ModelError(f"files of {weights.kind} do not hold this architecture")
    network = _empty(architecture, params, image, classes)
    return convert_state_dict(network, weights.tensors, key_map, transposed=weights.kind == "paddle")


def _key_map(weights: Weights, architecture: str, params: Mapping[str, Any]) -> KeyMap | None:
    match weights.kind:
        case "paddle":
            return paddle_key_map(architecture, params, frozenset(weights.tensors))
        case "transformers":
            return transformers_key_map(architecture, params)
    return openocr_key_map(architecture, params)


def _empty(architecture: str, params: Mapping[str, Any], image: ImageSpec, classes: int) -> nn.Module:
    """The network without memory for its weights: its names and shapes are all that is asked."""
    characters = tuple(chr(0x10000 + i) for i in range(classes - 1))
    spec = ModelSpec(architecture, params, characters, image, frame_spec(architecture, params, image))
    with torch.device("meta"):
        return build_model(spec)


def _meta_images(image: ImageSpec) -> Tensor:
    return torch.empty(1, image.channels, image.height, image.min_width, device="meta")


def _refuse_unused(graph: OnnxWeights) -> None:
    used = frozenset().union(*(layer.uses for layer in graph.layers))
    unused = sorted(graph.tensors - used)
    if unused:
        raise ModelError(f"not used: {', '.join(unused[:5])}{' …' if len(unused) > 5 else ''}")


def _without_unusable(
    state: Mapping[str, Tensor], characters: tuple[str, ...]
) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Drop classes that stand for nothing: an empty entry, or the first of two equal ones, which is never trained."""
    last = {character: index for index, character in enumerate(characters)}
    kept = [index for index, character in enumerate(characters) if character and last[character] == index]
    if len(kept) == len(characters):
        return dict(state), characters, ()
    dropped = sorted(set(range(len(characters))) - set(kept))
    rows = torch.tensor([0, *(index + 1 for index in kept)])
    classes = len(characters) + 1
    changed = {
        name: value[rows] if name.startswith("head.") and value.ndim and value.shape[0] == classes else value
        for name, value in state.items()
    }
    names = ", ".join(repr(characters[index]) for index in dropped[:5])
    note = f"dropped {len(dropped)} classes whose dictionary entry is empty or stands twice: {names}"

    return changed, tuple(characters[index] for index in kept), (note,)


def _check_against_original(model: nn.Module, spec: ModelSpec, original: onnx.ModelProto, path: Path) -> float:
    """Run the original and the imported network on the same noise; the largest difference of a probability."""
    import onnxruntime

    images = np.random.default_rng(0).uniform(-1, 1, (1, spec.image.channels, spec.image.height, 320))
    images = images.astype(np.float32)
    try:
        session = onnxruntime.InferenceSession(original.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])
    except Exception as error:  # ONNX Runtime has its own errors, which it does not export
        first = str(error).splitlines()[0]
        raise ModelError(f"{path}: ONNX Runtime cannot run it, so the import cannot be checked ({first})") from None
    with torch.inference_mode():
        found = model(torch.from_numpy(images))
    found = found.softmax(-1) if np.allclose(expected.sum(-1), 1, atol=1e-3) else found
    if expected.shape != tuple(found.shape):
        raise ModelError(f"{path}: gives {expected.shape}, the imported network {tuple(found.shape)}")
    differences = np.abs(found.numpy() - expected)
    difference = float(differences.max())
    # Classes that are nearly equally likely hide a difference, so that it also counts in proportion.
    relative = float((differences / np.maximum(np.abs(expected), _SMALL)).max())
    if not (difference <= _TOLERANCE and relative <= _RELATIVE_TOLERANCE):
        raise ModelError(f"{path}: the imported network differs from it by {difference:.2g} on the same input")
    return difference
