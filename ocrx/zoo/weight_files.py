"""Official files of weights, whatever their format, as named tensors or ordered layers, with their dictionary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from ocrx.errors import ModelError
from ocrx.files import read_json, read_lines, read_text
from ocrx.zoo.onnx_weights import OnnxWeights, load_onnx, read_graph
from ocrx.zoo.paddle_checkpoint import read_pdparams
from ocrx.zoo.paddle_program import read_program
from ocrx.zoo.paddle_to_onnx import to_onnx

Array = npt.NDArray[np.generic]
Kind = Literal["onnx", "paddle", "transformers", "openocr"]

_CHINESE_DICTIONARY = "ppocr_keys_v1.txt"
SUFFIXES = (".safetensors", ".onnx", ".pdparams", ".pdiparams", ".pth")
HUB_FILES = ["model.safetensors", "model.json", "config.json", "preprocessor_config.json", "inference.yml"]


@dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
        path: The file.
        kind: Whose names the tensors have; ``onnx`` where they have none and their order counts.
        tensors: By name; empty for ``onnx``.
        graph: The layers in the order in which they run; for ``onnx`` only.
        original: The ONNX model that computes what the original computes; for ``onnx`` only.
        characters: The dictionary that came with the weights, if any.
    """

    path: Path
    kind: Kind
    tensors: Mapping[str, Array]
    graph: OnnxWeights | None
    original: onnx.ModelProto | None
    characters: tuple[str, ...]


def read_weights(source: str) -> Weights:
    """Read ``source``: an ``.onnx``, ``.pdparams``, ``.pth`` or ``.safetensors`` file, a folder with one, or a hub id.

    Raises ModelError if there is no such thing or it is damaged.

    Args:
        source: A file, a folder or a hub id.

    Returns:
        The weights.
    """
    path = Path(source)
    if not path.exists():
        if re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not path.suffix:
            path = fetch_from_hub(source)
        else:
            raise ModelError(f"{source}: no such file or folder", hint="give a file, a folder, or a hub id OWNER/NAME")

    file = _weights_file(path) if path.is_dir() else path
    match file.suffix:
        case ".onnx":
            model = load_onnx(file)
            graph = read_graph(model, str(file))
            return Weights(file, "onnx", {}, graph, model, graph.characters or dictionary_beside(file))
        case ".pdmodel" | ".json" | ".pdiparams":
            return _read_inference_form(_program_file(file))
        case ".pdparams":
            return Weights(file, "paddle", _plain_names(read_pdparams(file)), None, None, dictionary_beside(file))
        case ".safetensors":
            return Weights(file, "transformers", _read_safetensors(file), None, None, dictionary_beside(file))
        case ".pth" | ".pt":
            return Weights(file, "openocr", _plain_names(_read_torch(file)), None, None, dictionary_beside(file))
    raise ModelError(f"{file}: unknown kind of weights {file.suffix!r}; expected one of {', '.join(SUFFIXES)}")


def _read_inference_form(file: Path) -> Weights:
    program = read_program(file)
    try:
        model = to_onnx(program)
        graph = read_graph(model, str(file))
    except ModelError as error:
        raise ModelError(f"{file}: {error.message.removeprefix(f'{file}: ')}") from None
    graph = replace(graph, tensors=frozenset(program.parameters))
    return Weights(file, "onnx", {}, graph, model, dictionary_beside(file))


def _program_file(file: Path) -> Path:
    """The program that the parameters ``file`` belong to."""
    if file.suffix != ".pdiparams":
        return file
    found = [path for path in (file.with_suffix(suffix) for suffix in (".json", ".pdmodel")) if path.is_file()]
    if not found:
        raise ModelError(f"{file}: the program it belongs to, {file.stem}.json or {file.stem}.pdmodel, is missing")
    return found[0]


def _weights_file(folder: Path) -> Path:
    patterns = ("model.safetensors", "*.safetensors", "*.onnx", "*.pdparams", "*.pdiparams", "*.pth")
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            raise ModelError(f"{folder}: holds {len(found)} files {pattern}; name one of them")
        if found:
            return found[0]
    raise ModelError(f"{folder}: holds no file of weights; expected one of {', '.join(SUFFIXES)}")


def fetch_from_hub(name: str) -> Path:
    """The folder with the files of the hub's model ``name`` (``OWNER/NAME``).

    Raises ModelError where the hub does not give it.

    Args:
        name: ``OWNER/NAME``.

    Returns:
        The folder.
    """
    from huggingface_hub import snapshot_download  # slow to import

    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES))
    except Exception as error:  # the client raises its own, the network's and the file system's errors
        raise ModelError(f"{name}: cannot be fetched from the hub ({error})") from None


def _read_safetensors(path: Path) -> dict[str, Array]:
    try:
        tensors = load_file(path)
    except Exception as error:  # besides its own errors it raises Python's for types that it does not know
        raise ModelError(f"{path}: damaged or not safetensors ({type(error).__name__}: {error})") from None
    return _arrays(tensors, path)


def _read_torch(path: Path) -> dict[str, Array]:
    try:
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a file that is damaged or holds code
        # Not in torch's words: they advise to run what is in the file.
        raise ModelError(
            f"{path}: damaged or not a plain file of weights, nothing in it was executed ({type(error).__name__})"
        ) from None
    state = tree.get("state_dict", tree) if isinstance(tree, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelError(f"{path}: expected tensors by name")
    return _arrays(state, path)


def _arrays(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Array]:
    """The tensors as float32; trained ones are detached."""
    for name, value in tensors.items():
        if not _is_plain(value):
            kind = f"{value.layout} {value.dtype}".replace("torch.", "")
            raise ModelError(f"{path}: {name} is a tensor of {kind}, expected dense real numbers")
    return {str(name): value.detach().float().numpy() for name, value in tensors.items()}


def _is_plain(value: Tensor) -> bool:
    """Whether the values of a tensor stand in it as they are."""
    if value.layout is not torch.strided or value.is_meta:
        return False
    if value.is_quantized or value.is_complex() or value.is_neg():
        return False
    # Floats of eight bits mean something only with scales, which no network here has.
    return value.element_size() > 1 or not value.is_floating_point()


def _plain_names(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Without the prefixes of parallel training, distillation (the student counts) and of several decoders."""
    student = any(name.startswith("Student.") for name in tensors)
    plain: dict[str, Array] = {}
    for name, value in tensors.items():
        if student and not name.startswith("Student."):
            continue
        name = re.sub(r"^(Student\.|module\.)+", "", name)
        plain[name.replace("decoder.ctc_decoder.", "decoder.")] = value
    return plain


def dictionary_beside(file: Path) -> tuple[str, ...]:
    """The dictionary that lies beside the weights: in the settings of PaddleX or transformers, or as a list.

    Args:
        file: The file with the weights.

    Returns:
        The characters; empty where there is none.
    """
    folder = file.parent
    for name, keys in (
        ("preprocessor_config.json", ("character_list",)),
        ("inference.yml", ("PostProcess", "character_dict")),
    ):
        entries = _nested(_settings(folder / name), keys)
        if isinstance(entries, list) and entries:
            return tuple(map(str, entries))

    for name in ("label_dict.txt", "dict.txt", _CHINESE_DICTIONARY):
        if (folder / name).is_file():
            return read_dictionary(folder / name)

    # A wheel keeps it in another folder of the package: PACKAGE/models/NAME_infer and PACKAGE/ch_ppocr_rec.
    packages = [parent for parent in folder.parents[:2] if (parent / "__init__.py").is_file()]
    found = [path for package in packages for path in sorted(package.glob(f"*/{_CHINESE_DICTIONARY}"))]
    return read_dictionary(found[0]) if found else ()


def model_name_beside(file: Path) -> str | None:
    """The name that PaddleX's settings beside the weights give the model, if there are any.

    Args:
        file: The file with the weights.

    Returns:
        The name, or None.
    """
    name = _nested(_settings(file.parent / "inference.yml"), ("Global", "model_name"))
    return name if isinstance(name, str) else None


def _settings(path: Path) -> Any:
    if not path.is_file():
        return None
    if path.suffix == ".json":
        return read_json(path, error=ModelError)
    try:
        # Every entry as it is written: a dictionary holds texts that YAML takes for numbers, dates and truth values.
        return yaml.load(read_text(path, error=ModelError), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (ValueError, yaml.YAMLError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None


def _nested(tree: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def read_dictionary(path: Path) -> tuple[str, ...]:
    """The lines of a dictionary exactly as they stand, so that their number shows whether it fits a head.

    Args:
        path: The file.

    Returns:
        The lines.
    """
    return tuple(read_lines(path))
