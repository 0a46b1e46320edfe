"""Reads weight files of any supported format as named tensors or ordered layers, with their dictionary."""

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
from ocrx.zoo.paddle_inference import read_program
from ocrx.zoo.paddle_to_onnx import to_onnx

Array = npt.NDArray[np.generic]
Kind = Literal["onnx", "paddle", "transformers", "openocr"]

_CHINESE_DICTIONARY = "ppocr_keys_v1.txt"
SUFFIXES = (".safetensors", ".onnx", ".pdparams", ".pdiparams", ".pth")
HUB_FILES = ["model.safetensors", "model.json", "config.json", "preprocessor_config.json", "inference.yml"]


@dataclass(frozen=True)
class Weights:
    """The contents of a weight file.

    Attributes:
        path: The file.
        kind: Project whose tensor names it uses; ``onnx`` if names carry no meaning and layers are matched by order.
        tensors: Tensors by name; empty for ``onnx``.
        graph: Layers in order of execution; for ``onnx`` only.
        original: ONNX model equivalent to the original network; for ``onnx`` only.
        characters: The dictionary that comes with the weights; empty if there is none.
    """

    path: Path
    kind: Kind
    tensors: Mapping[str, Array]
    graph: OnnxWeights | None
    original: onnx.ModelProto | None
    characters: tuple[str, ...]


def read_weights(source: str) -> Weights:
    """Read weights and their dictionary.

    Args:
        source: A file (``SUFFIXES``, or the ``.pdmodel`` or ``.json`` program of Paddle's inference format), a folder
            that contains one, or a hub id ``OWNER/NAME``.

    Returns:
        The weights.

    Raises:
        ModelError: The source does not exist, is damaged, or is of an unknown format.
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
            return _read_inference_format(_program_file(file))
        case ".pdparams":
            return Weights(file, "paddle", _plain_names(read_pdparams(file)), None, None, dictionary_beside(file))
        case ".safetensors":
            return Weights(file, "transformers", _read_safetensors(file), None, None, dictionary_beside(file))
        case ".pth" | ".pt":
            return Weights(file, "openocr", _plain_names(_read_torch(file)), None, None, dictionary_beside(file))
    raise ModelError(f"{file}: unknown weight format {file.suffix!r}; expected one of {', '.join(SUFFIXES)}")


def _read_inference_format(file: Path) -> Weights:
    program = read_program(file)
    try:
        model = to_onnx(program)
        graph = read_graph(model, str(file))
    except ModelError as error:
        raise ModelError(f"{file}: {error.message.removeprefix(f'{file}: ')}") from None
    graph = replace(graph, tensors=frozenset(program.parameters))
    return Weights(file, "onnx", {}, graph, model, dictionary_beside(file))


def _program_file(file: Path) -> Path:
    """Find the program that belongs to a parameter file; a program file is returned unchanged."""
    if file.suffix != ".pdiparams":
        return file
    found = [path for path in (file.with_suffix(suffix) for suffix in (".json", ".pdmodel")) if path.is_file()]
    if not found:
        raise ModelError(f"{file}: its program is missing; expected {file.stem}.json or {file.stem}.pdmodel beside it")
    return found[0]


def _weights_file(folder: Path) -> Path:
    patterns = ("model.safetensors", "*.safetensors", "*.onnx", "*.pdparams", "*.pdiparams", "*.pth")
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            raise ModelError(f"{folder}: contains {len(found)} files {pattern}; name one of them")
        if found:
            return found[0]
    raise ModelError(f"{folder}: contains no weight file; expected one of {', '.join(SUFFIXES)}")


def fetch_from_hub(name: str) -> Path:
    """Download a model's files from the Hugging Face hub.

    Args:
        name: ``OWNER/NAME``.

    Returns:
        The folder with its files.

    Raises:
        ModelError: The download fails.
    """
    from huggingface_hub import snapshot_download  # slow to import

    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES))
    except Exception as error:  # the client raises its own, network and file system errors
        raise ModelError(f"{name}: cannot be downloaded from the hub ({error})") from None


def _read_safetensors(path: Path) -> dict[str, Array]:
    try:
        tensors = load_file(path)
    except Exception as error:  # besides its own errors it raises built-in ones for unknown types
        raise ModelError(f"{path}: damaged or not safetensors ({type(error).__name__}: {error})") from None
    return _arrays(tensors, path)


def _read_torch(path: Path) -> dict[str, Array]:
    try:
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises nearly anything for a file that is damaged or holds code
        # torch's own message is left out: it advises to execute the code in the file.
        raise ModelError(
            f"{path}: damaged or not a plain weight file; nothing in it was executed ({type(error).__name__})"
        ) from None
    state = tree.get("state_dict", tree) if isinstance(tree, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelError(f"{path}: expected tensors by name")
    return _arrays(state, path)


def _arrays(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Array]:
    """Convert the tensors to float32 arrays."""
    for name, value in tensors.items():
        if not _is_plain(value):
            kind = f"{value.layout} {value.dtype}".replace("torch.", "")
            raise ModelError(f"{path}: {name} is a {kind} tensor; expected dense real numbers")
    return {str(name): value.detach().float().numpy() for name, value in tensors.items()}


def _is_plain(value: Tensor) -> bool:
    """Whether a tensor stores its values directly: dense, real and not quantised."""
    if value.layout is not torch.strided or value.is_meta:
        return False
    if value.is_quantized or value.is_complex() or value.is_neg():
        return False
    # 8-bit floats need scales, which no network here has.
    return value.element_size() > 1 or not value.is_floating_point()


def _plain_names(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Strip prefixes of parallel training, distillation (only the student is kept) and multi-decoder models."""
    student = any(name.startswith("Student.") for name in tensors)
    plain: dict[str, Array] = {}
    for name, value in tensors.items():
        if student and not name.startswith("Student."):
            continue
        name = re.sub(r"^(Student\.|module\.)+", "", name)
        plain[name.replace("decoder.ctc_decoder.", "decoder.")] = value
    return plain


def dictionary_beside(file: Path) -> tuple[str, ...]:
    """Read the dictionary beside a weight file: from the settings of PaddleX or transformers, or a dictionary file.

    Args:
        file: The weight file.

    Returns:
        The characters; empty if there is no dictionary.
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

    # A wheel keeps weights and dictionary apart: PACKAGE/models/NAME_infer and PACKAGE/ch_ppocr_rec.
    packages = [parent for parent in folder.parents[:2] if (parent / "__init__.py").is_file()]
    found = [path for package in packages for path in sorted(package.glob(f"*/{_CHINESE_DICTIONARY}"))]
    return read_dictionary(found[0]) if found else ()


def model_name_beside(file: Path) -> str | None:
    """Read the model's name from PaddleX's settings beside a weight file.

    Args:
        file: The weight file.

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
        # Keep entries as strings: a dictionary holds characters that YAML would read as numbers, dates or booleans.
        return yaml.load(read_text(path, error=ModelError), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (ValueError, yaml.YAMLError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None


def _nested(tree: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def read_dictionary(path: Path) -> tuple[str, ...]:
    """Read a dictionary without changing or dropping lines, so that their number can be compared with a head's classes.

    Args:
        path: The file.

    Returns:
        The lines.
    """
    return tuple(read_lines(path))
