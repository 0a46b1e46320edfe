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
from ocrx.errors import ConfigError, ModelError, first_line
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

# A larger difference from the original's output means that a layer was misread.
_TOLERANCE = 1e-3
_RELATIVE_TOLERANCE = 1e-2
_SMALL = 1e-3

Finish = Callable[[nn.Module, ModelSpec, Path], None]
"""Adds further files to the model folder, such as the exported model."""


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
        notes: Remarks for the user.
        difference: Largest difference in a probability from the original graph, on noise; None if there is no graph.
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
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return {**asdict(self), "output": str(self.output)}


@dataclass(frozen=True)
class _Fit:
    """A recipe whose network fits the weights, and the resulting state dict."""

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
    """Convert official weights into a model folder. Nothing is written unless every tensor fits.

    Args:
        source: A source for ``read_weights``, or a ``.tar`` archive that contains one.
        output: The new model folder.
        name: Recipe of the network; by default all known networks are tried.
        dictionary: Dictionary to use instead of the one that comes with the weights.
        overwrite: Whether to replace an existing model folder.
        origin: Source to record in ``model.json``.
        without_characters: Whether to accept weights without a dictionary, as pretrained weights for fine-tuning.
        finish: Called to add files before the folder is put in place.

    Returns:
        The report of the import.

    Raises:
        ModelError: The weights are damaged or fit no network.
        DataError: The dictionary cannot be read.
        ConfigError: ``name`` is unknown.
    """
    check_output(output, overwrite)
    path = Path(source)
    if not path.exists():
        reject_untrained(source)
    with unpacked_tar(path) if is_tar(path) else nullcontext(source) as unpacked:
        weights = read_weights(str(unpacked))
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
    """Find the network that the weights belong to: its spec, its state dict, and notes for the user."""
    classes = _class_count(weights)
    entries = read_dictionary(dictionary) if dictionary is not None else weights.characters
    if without_characters and not entries:
        # Private-use characters occur in no dataset, so fine-tuning keeps none of these rows.
        entries = tuple(chr(0xF0000 + index) for index in range(classes - 1))

    characters = _fitted_dictionary(entries, classes, weights.path, dictionary)
    fit = _find_fit(weights, classes, name if name is not None else _stated_name(weights.path))
    state, characters, notes = _without_unusable(fit.state, characters)
    arabic = _arabic_name(source, weights.path, dictionary, name, fit.name) if runs_right_to_left(characters) else None
    if arabic is not None:
        notes = (*notes, f"the text is converted to logical order, as {arabic!r} names an Arabic model")

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
    """Find the name that identifies the weights as an Arabic model, which was trained on labels in visual order.

    Only the name reveals it: dictionaries of other models hold right-to-left letters, too, but those models output
    logical order.
    """
    folder = file.parent.resolve()
    # A hub snapshot is stored in models--OWNER--NAME/snapshots/HASH.
    path_names = (file.name, Path(source).name, folder.name, *(parent.name for parent in folder.parents[:2]))
    # A folder named "arabic" may hold models of many scripts, so only the nearest model name counts.
    nearest = next((name for name in path_names if re.search(r"arabic|pp-?ocr|svtr", name.lower())), None)
    names = (nearest, dictionary.name if dictionary is not None else None, *models, model_name_beside(file))
    return next((name for name in names if name is not None and "arabic" in name.lower()), None)


def check_output(output: Path, overwrite: bool) -> None:
    """Raise ModelError if the output folder must not be written.

    Args:
        output: The folder to write.
        overwrite: Whether an existing model folder may be replaced.
    """
    if not output.exists():
        return
    if not output.is_dir() or (any(output.iterdir()) and not (output / SPEC_FILE).is_file()):
        raise ModelError(f"{output}: exists and is not a model folder", hint="give a new folder")
    if any(output.iterdir()) and not overwrite:
        raise ModelError(f"{output}: a model folder exists", hint="give a new folder, or --overwrite")


def _class_count(weights: Weights) -> int:
    if weights.graph is not None:
        return int(weights.graph.layers[-1].weight.shape[0])
    for name in ("head.ctc_head.fc.bias", "head.ctc_head.fc2.bias", "head.fc.bias", "head.head.bias", "head.fc2.bias"):
        if name in weights.tensors:
            return weights.tensors[name].size
    if "decoder.fc.bias" in weights.tensors:
        return weights.tensors["decoder.fc.bias"].size
    raise ModelError(f"{weights.path}: no CTC output layer found; not a text recognition model, or not one with CTC")


def _fitted_dictionary(entries: Sequence[str], classes: int, path: Path, dictionary: Path | None) -> tuple[str, ...]:
    """Return one entry per class except the blank, allowing for PaddleOCR's implicit space and explicit blank."""
    where = dictionary if dictionary is not None else path
    if not entries:
        raise ModelError(
            f"{path}: comes without a dictionary",
            hint="give `ocrx import` the dictionary it was trained with, --charset FILE, and its name, --model NAME",
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
    """Find the recipe whose network takes all tensors; on failure, report why the closest one does not."""
    if name is not None and name not in CATALOG:
        raise ConfigError(f"--model: unknown model {name!r}", hint=f"one of {', '.join(sorted(CATALOG))}")
    reasons: list[str] = []

    for recipe in [name] if name is not None else _distinct_recipes(classes):
        config = load_config(recipe)
        # Official models expect each line at its own width; padding to buckets changes about one text in ten.
        image = replace(config.Image, bucket=1)
        for params in _variants(weights, config.Model.architecture, config.Model.params):
            try:
                state = _state(weights, config.Model.architecture, params, image, classes)
            except ModelError as error:
                reasons.append(f"{recipe}: {error.message}")
                continue
            return _Fit(recipe, config.Model.architecture, params, image, state)

    if name is not None or len(reasons) == 1:
        raise ModelError(f"{weights.path}: {reasons[0] if reasons else f'weights of this format do not fit {name}'}")
    shortest = min(reasons, key=len, default="none has weights of this format")
    raise ModelError(f"{weights.path}: fits no known network; the closest is {shortest}", hint="name one with --model")


def _stated_name(file: Path) -> str | None:
    """The model named in the settings beside the weights, if there is a recipe for it."""
    name = model_name_beside(file)
    return name if name in CATALOG else None


def _distinct_recipes(classes: int) -> list[str]:
    """List one recipe per distinct network, those with this number of classes first."""
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
    """Adjust the parameters to the form in which this file format stores the network."""
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
        _reject_unused(weights.graph)
        return state
    key_map = _key_map(weights, architecture, params)
    if key_map is None:
        raise ModelError(f"{weights.kind} files do not contain this architecture")
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
    """Build the network on the meta device: only its names and shapes are needed."""
    characters = tuple(chr(0x10000 + i) for i in range(classes - 1))
    spec = ModelSpec(architecture, params, characters, image, frame_spec(architecture, params, image))
    with torch.device("meta"):
        return build_model(spec)


def _meta_images(image: ImageSpec) -> Tensor:
    return torch.empty(1, image.channels, image.height, image.min_width, device="meta")


def _reject_unused(graph: OnnxWeights) -> None:
    used = frozenset().union(*(layer.uses for layer in graph.layers))
    unused = sorted(graph.tensors - used)
    if unused:
        raise ModelError(f"not used: {', '.join(unused[:5])}{' …' if len(unused) > 5 else ''}")


def _without_unusable(
    state: Mapping[str, Tensor], characters: tuple[str, ...]
) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Drop classes that no label uses: empty entries, and the first of two equal ones, which is never trained."""
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
    note = f"dropped {len(dropped)} classes with an empty or duplicate dictionary entry: {names}"

    return changed, tuple(characters[index] for index in kept), (note,)


def _check_against_original(model: nn.Module, spec: ModelSpec, original: onnx.ModelProto, path: Path) -> float:
    """Compare the original and the imported network on noise; return the largest difference in a probability."""
    import onnxruntime

    images = np.random.default_rng(0).uniform(-1, 1, (1, spec.image.channels, spec.image.height, 320))
    images = images.astype(np.float32)
    try:
        session = onnxruntime.InferenceSession(original.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])
    except Exception as error:  # ONNX Runtime does not export its exception classes
        raise ModelError(
            f"{path}: ONNX Runtime cannot run it, so the import cannot be checked ({first_line(error)})"
        ) from None
    with torch.inference_mode():
        found = model(torch.from_numpy(images))
    found = found.softmax(-1) if np.allclose(expected.sum(-1), 1, atol=1e-3) else found
    if expected.shape != tuple(found.shape):
        raise ModelError(f"{path}: its output is {expected.shape}, that of the imported network {tuple(found.shape)}")
    differences = np.abs(found.numpy() - expected)
    difference = float(differences.max())
    # Where many classes are about equally likely, absolute differences are tiny, so relative ones are checked, too.
    relative = float((differences / np.maximum(np.abs(expected), _SMALL)).max())
    if not (difference <= _TOLERANCE and relative <= _RELATIVE_TOLERANCE):
        raise ModelError(f"{path}: the output of the imported network differs by {difference:.2g} on the same input")
    return difference
