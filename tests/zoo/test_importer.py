"""Official weights read in: every format, every tensor accounted for, bad files refused with nothing written."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from support.paddle_checkpoint import renamed, write_pdparams
from support.recipes import CHARACTERS, network_of
from torch import Tensor, nn

from ocrx.backends.onnx import OnnxBackend
from ocrx.errors import ConfigError, DataError, ModelError
from ocrx.models.model_io import load_model
from ocrx.modes import import_model as mode
from ocrx.zoo.importer import import_weights
from ocrx.zoo.key_maps import openocr_key_map, paddle_key_map
from ocrx.zoo.key_maps_hf import transformers_key_map
from ocrx.zoo.weight_files import read_weights

ARABIC = tuple("ابتثجحخدذرz")
SMALL = "PP-OCRv6_tiny_rec"


def dictionary(folder: Path, characters: tuple[str, ...] = CHARACTERS) -> Path:
    path = folder / "dict.txt"
    path.write_text("".join(f"{c}\n" for c in characters), encoding="utf-8")
    return path


def same(model: nn.Module, folder: Path, width: int = 331) -> bool:
    imported, spec = load_model(folder)
    images = torch.rand(2, spec.image.channels, spec.image.height, width) * 2 - 1
    with torch.no_grad():
        return torch.allclose(imported(images), model(images), atol=2e-4)


@pytest.mark.parametrize("recipe", ["PP-OCRv3_mobile_rec", "PP-OCRv4_mobile_rec", "ch_RepSVTR_rec"])
def test_paddle(recipe: str, tmp_path: Path) -> None:
    model, spec = network_of(recipe)
    key_map = paddle_key_map(spec.architecture, spec.params, frozenset())
    assert key_map is not None
    write_pdparams(tmp_path / "w.pdparams", model, renamed(model, key_map), key_map)
    report = import_weights(
        str(tmp_path / "w.pdparams"), tmp_path / "out", name=recipe, dictionary=dictionary(tmp_path)
    )
    assert (report.architecture, report.classes) == (spec.architecture, 13)
    assert same(model, tmp_path / "out")
    _, imported = load_model(tmp_path / "out")
    assert imported.charset == (*CHARACTERS, " ")
    image = imported.image
    assert (image.order, image.filter, image.height, image.min_width, image.bucket) == (
        "BGR",
        "bilinear_point",
        48,
        320,
        1,
    )


def test_openocr_and_finding_the_network(tmp_path: Path) -> None:
    model, spec = network_of("SVTRv2_tiny")
    key_map = openocr_key_map(spec.architecture, spec.params)
    assert key_map is not None
    torch.save({"state_dict": renamed(model, key_map), "epoch": 3}, tmp_path / "w.pth")
    report = import_weights(str(tmp_path / "w.pth"), tmp_path / "out", dictionary=dictionary(tmp_path))
    assert report.name == "SVTRv2_tiny"
    assert same(model, tmp_path / "out")


def test_transformers_folder_brings_its_dictionary(tmp_path: Path) -> None:
    model, spec = network_of(SMALL, single_token=True)
    key_map = transformers_key_map(spec.architecture, spec.params)
    assert key_map is not None
    source = tmp_path / "hf"
    source.mkdir()
    save_file(
        {name: value.contiguous() for name, value in renamed(model, key_map).items()}, source / "model.safetensors"
    )
    listed = ["blank", *CHARACTERS, " "]
    (source / "preprocessor_config.json").write_text(json.dumps({"character_list": listed}), encoding="utf-8")
    report = import_weights(str(source), tmp_path / "out", name=SMALL)
    assert report.classes == 13
    assert same(model, tmp_path / "out")


def test_onnx_checks_itself_against_the_original(tmp_path: Path) -> None:
    model, _ = network_of(SMALL)
    source = write_onnx(tmp_path / "w.onnx", model)
    report = import_weights(str(source), tmp_path / "out", name=SMALL)
    assert report.difference is not None and report.difference < 1e-5
    assert same(model, tmp_path / "out")


def write_onnx(path: Path, model: nn.Module) -> Path:
    """The model as an exporter writes it, with the dictionary in its metadata as RapidOCR does."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 7):
        pytest.skip("torch 2.6 cannot write this network with its new exporter")
    fuse = model.fuse
    assert fuse is not None
    with warnings.catch_warnings():
        # onnxscript calls what it has deprecated itself while it is imported.
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(
            fuse(),
            (torch.rand(1, 3, 48, 320),),
            dynamo=True,
            dynamic_shapes=({3: torch.export.Dim.DYNAMIC},),
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = "character", "\n".join(CHARACTERS) + "\n"
    onnx.save(proto, str(path))
    return path


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("executed"),))


def test_a_pickle_with_code_is_refused_and_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("w.pdparams", "w.pth"):
        (tmp_path / name).write_bytes(pickle.dumps({"head.fc.bias": _Code()}, protocol=2))
        with pytest.raises(ModelError, match="nothing in it was executed") as raised:
            import_weights(name, tmp_path / "out", name=SMALL)
        assert "weights_only" not in raised.value.message, "torch advises to run it"
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path / "out").exists()


def test_the_name_of_a_model_is_not_its_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its weights cannot be downloaded by name") as raised:
        import_weights("SVTRv2_tiny", tmp_path / "out")
    assert "ocrx import FILE" in str(raised.value.hint)


@pytest.mark.parametrize("suffix", [".onnx", ".pdparams", ".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04\x95\xff\x00"])
def test_damaged_files(suffix: str, content: bytes, tmp_path: Path) -> None:
    source = tmp_path / f"w{suffix}"
    source.write_bytes(content)
    with pytest.raises(ModelError, match=f"w{suffix}"):
        import_weights(str(source), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path))
    assert not (tmp_path / "out").exists()


def eight_bits() -> Tensor:
    return torch.zeros(12).to(torch.float8_e4m3fn)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    ("tensor", "kind"),
    [
        (torch.zeros(12, dtype=torch.complex64), "strided complex64"),
        (torch.zeros(12).to_sparse(), "sparse_coo float32"),
        (eight_bits(), "strided float8_e4m3fn"),
    ],
    ids=["complex", "sparse", "eight bits"],
)
def test_tensors_that_are_not_plain_numbers_are_rejected(tensor: Tensor, kind: str, tmp_path: Path) -> None:
    torch.save({"decoder.fc.bias": tensor}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=rf"w\.pth: decoder\.fc\.bias is a {kind} tensor; expected"):
        import_weights(str(tmp_path / "w.pth"), tmp_path / "out", name="SVTRv2_tiny", dictionary=dictionary(tmp_path))
    assert not (tmp_path / "out").exists()


def test_safetensors_of_eight_bits_are_refused_and_of_sixteen_read(tmp_path: Path) -> None:
    save_file({"head.fc.bias": eight_bits()}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"head\.fc\.bias is a strided float8_e4m3fn tensor"):
        read_weights(str(tmp_path / "w.safetensors"))
    save_file({"head.fc.bias": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)}, tmp_path / "w.safetensors")
    found = read_weights(str(tmp_path / "w.safetensors")).tensors["head.fc.bias"]
    assert found.dtype == np.float32 and found.tolist() == [1.5, -2.0]


def test_trained_parameters_are_detached(tmp_path: Path) -> None:
    torch.save({"decoder.fc.bias": nn.Parameter(torch.tensor([1.0, 2.0]))}, tmp_path / "w.pth")
    assert read_weights(str(tmp_path / "w.pth")).tensors["decoder.fc.bias"].tolist() == [1.0, 2.0]


def test_large_arrays_are_reassembled_from_slices(tmp_path: Path) -> None:
    tree = {
        "UnpackBigParamInfor@@": {"w": {"slices": ["w.0", "w.1"], "OriginShape": (2, 3)}},
        "w.0": np.arange(4, dtype=np.float32),
        "w.1": np.arange(4, 6, dtype=np.float32),
    }
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(tree))
    tensors = read_weights(str(tmp_path / "w.pdparams")).tensors
    assert list(tensors) == ["w"] and tensors["w"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "slices",
    [
        5,
        {"w": 5},
        {"w": None},
        {"w": {"slices": ["w.0"]}},
        {"w": {"slices": ["w.9"], "OriginShape": (4,)}},
        {"w": {"slices": [], "OriginShape": (4,)}},
        {"w": {"slices": ["w.0"], "OriginShape": (5,)}},
        {"w": {"slices": ["w.0"], "OriginShape": "wide"}},
        {"w": {"slices": ["w.0"], "OriginShape": (2**70,)}},
    ],
)
def test_slices_that_do_not_fit_together(slices: Any, tmp_path: Path) -> None:
    tree = {"UnpackBigParamInfor@@": slices, "w.0": np.zeros(4, np.float32)}
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(tree))
    with pytest.raises(ModelError, match=r"w\.pdparams: damaged: its arrays cannot be reassembled"):
        read_weights(str(tmp_path / "w.pdparams"))


def test_an_output_layer_of_one_number_is_no_traceback(tmp_path: Path) -> None:
    torch.save({"decoder.fc.bias": torch.tensor(1.0)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="the weights have 1 classes"):
        import_weights(str(tmp_path / "w.pth"), tmp_path / "out", dictionary=dictionary(tmp_path))


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model, spec = network_of(SMALL)
    key_map = paddle_key_map(spec.architecture, spec.params, frozenset())
    assert key_map is not None
    tensors = renamed(model, key_map, wanted="token.point.bias")
    path = tmp_path_factory.mktemp("weights") / "w.pdparams"
    write_pdparams(path, model, tensors, key_map)
    return path


def test_truncated(tiny_file: Path, tmp_path: Path) -> None:
    (tmp_path / "half.pdparams").write_bytes(tiny_file.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"half\.pdparams: damaged"):
        import_weights(str(tmp_path / "half.pdparams"), tmp_path / "out", name=SMALL)


def test_wrong_architecture_names_tensors(tiny_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing: backbone\.conv1\.conv\.weight.*not used: "):
        import_weights(str(tiny_file), tmp_path / "out", name="PP-OCRv4_mobile_rec", dictionary=dictionary(tmp_path))
    with pytest.raises(ConfigError, match="'PP-OCRv9'"):
        import_weights(str(tiny_file), tmp_path / "out", name="PP-OCRv9", dictionary=dictionary(tmp_path))
    assert not (tmp_path / "out").exists()


def test_an_extra_or_a_missing_tensor_is_named(tiny_file: Path, tmp_path: Path) -> None:
    tree = pickle.loads(tiny_file.read_bytes())
    more = tmp_path / "more.pdparams"
    more.write_bytes(pickle.dumps({**tree, "backbone.surprise": np.zeros(3, np.float32)}))
    with pytest.raises(ModelError, match=r"not used: backbone\.surprise"):
        import_weights(str(more), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path))
    tree.pop("head.ctc_head.fc1.bias")
    more.write_bytes(pickle.dumps(tree))
    with pytest.raises(ModelError, match=r"missing: head\.ctc_head\.fc1\.bias"):
        import_weights(str(more), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path))


def test_dictionary_of_another_length(tiny_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a dictionary of 3 characters; the weights have 13 classes"):
        import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path, ("a", "b", "c")))
    with pytest.raises(ModelError, match="comes without a dictionary"):
        import_weights(str(tiny_file), tmp_path / "out", name=SMALL)
    with pytest.raises(DataError, match="no such file"):
        import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=tmp_path / "none.txt")
    assert not (tmp_path / "out").exists()


HUB_SNAPSHOT = "models--PaddlePaddle--arabic_PP-OCRv5_mobile_rec_safetensors/snapshots/5f9c2a"


@pytest.mark.parametrize(
    ("place", "names", "direction"),
    [
        ("arabic_PP-OCRv3_mobile_rec/best_accuracy.pdparams", "dict.txt", "rtl"),
        ("v3_arabic_mobile/best_model/model.pdparams", "dict.txt", "rtl"),
        (f"{HUB_SNAPSHOT}/model.pdparams", "dict.txt", "rtl"),
        ("Arabic_rec.pdparams", "dict.txt", "rtl"),
        ("w.pdparams", "ppocrv5_arabic_dict.txt", "rtl"),
        # Neither a dictionary of many scripts nor a folder for Arabic makes an Arabic model.
        ("w.pdparams", "dict.txt", "ltr"),
        ("arabic/PP-OCRv6_small_rec/w.pdparams", "dict.txt", "ltr"),
    ],
)
def test_labels_in_visual_order_are_turned(
    place: str, names: str, direction: str, tiny_file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "files" / place
    source.parent.mkdir(parents=True)
    source.write_bytes(tiny_file.read_bytes())
    entries = dictionary(tmp_path, ARABIC).rename(tmp_path / names)
    report = import_weights(str(source), tmp_path / "out", name=SMALL, dictionary=entries)
    assert load_model(tmp_path / "out")[1].direction == direction
    assert any("logical order" in note for note in report.notes) == (direction == "rtl")


def test_a_model_without_right_to_left_letters_is_never_turned(tiny_file: Path, tmp_path: Path) -> None:
    entries = dictionary(tmp_path).rename(tmp_path / "arabic_dict.txt")
    import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=entries)
    assert load_model(tmp_path / "out")[1].direction == "ltr"


def test_a_folder_read_from_inside_is_known_by_its_name(
    tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / HUB_SNAPSHOT
    folder.mkdir(parents=True)
    dictionary(folder, ARABIC)
    (folder / "model.pdparams").write_bytes(tiny_file.read_bytes())
    monkeypatch.chdir(folder)
    import_weights(".", tmp_path / "out", name=SMALL)
    assert load_model(tmp_path / "out")[1].direction == "rtl"


def test_visual_order_is_known_by_the_recipe(tmp_path: Path) -> None:
    model, spec = network_of("arabic_PP-OCRv3_mobile_rec")
    key_map = paddle_key_map(spec.architecture, spec.params, frozenset())
    assert key_map is not None
    write_pdparams(tmp_path / "w.pdparams", model, renamed(model, key_map), key_map)
    entries = dictionary(tmp_path, ARABIC)
    import_weights(
        str(tmp_path / "w.pdparams"), tmp_path / "out", name="arabic_PP-OCRv3_mobile_rec", dictionary=entries
    )
    assert load_model(tmp_path / "out")[1].direction == "rtl"


def test_visual_order_is_known_by_the_name_in_the_settings(tiny_file: Path, tmp_path: Path) -> None:
    (tmp_path / "w.pdparams").write_bytes(tiny_file.read_bytes())
    settings = {"Global": {"model_name": "arabic_PP-OCRv5_mobile_rec"}, "PostProcess": {"character_dict": [*ARABIC]}}
    (tmp_path / "inference.yml").write_text(json.dumps(settings), encoding="utf-8")
    import_weights(str(tmp_path / "w.pdparams"), tmp_path / "out", name=SMALL)
    assert load_model(tmp_path / "out")[1].direction == "rtl"


def test_a_second_space_class_is_dropped(tiny_file: Path, tmp_path: Path) -> None:
    """The dictionary of the English models holds the space already; PaddleOCR adds another, and trains only that."""
    twice = (*CHARACTERS[:-1], " ")
    report = import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path, twice))
    model, spec = load_model(tmp_path / "out")
    assert spec.charset == (*CHARACTERS[:-1], " ")
    assert report.classes == 12 and "' '" in report.notes[0]
    assert model(torch.zeros(1, 3, 48, 320)).shape[-1] == 12


def test_the_command_adds_what_predicts_without_torch(tiny_file: Path, tmp_path: Path) -> None:
    mode.run(str(tiny_file), str(tmp_path / "out"), name=SMALL, charset=str(dictionary(tmp_path)))
    backend = OnnxBackend(tmp_path / "out" / "inference" / "model.onnx")
    _, spec = load_model(tmp_path / "out")
    assert backend.spec == spec


def test_an_existing_folder_is_not_touched(tiny_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ModelError, match="not a model folder"):
        import_weights(str(tiny_file), tmp_path / "mine", name=SMALL, dictionary=dictionary(tmp_path), overwrite=True)
    import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path))
    with pytest.raises(ModelError, match="a model folder exists"):
        import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path))
    import_weights(str(tiny_file), tmp_path / "out", name=SMALL, dictionary=dictionary(tmp_path), overwrite=True)


def test_no_such_source(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file or folder"):
        import_weights(str(tmp_path / "none.onnx"), tmp_path / "out")
    with pytest.raises(ModelError, match=r"contains no weight file; expected one of \.safetensors"):
        import_weights(str(tmp_path), tmp_path / "out")
    (tmp_path / "w.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ModelError, match=r"unknown weight format '\.txt'"):
        import_weights(str(tmp_path / "w.txt"), tmp_path / "out")
