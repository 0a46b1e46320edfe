"""The catalogue of named models: script, classes, published figures with their source, and available weights.

The network of a model is described by its recipe, ``configs/<name>.yaml``. Published accuracies were measured on
private test sets that differ from model to model, so they neither rank the models nor predict accuracy on other data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ocrx.config import recipe_path
from ocrx.errors import ModelError

_PADDLEX = "PaddleX 3 module table (private set, spaces ignored)"
_BOTH_SETS = "PaddleX 3 module table (private set, spaces ignored); {} % on the set of 3.0-rc0"
_OWN_SET = "PaddleX 3 module table (private set of that language, spaces ignored)"
_V5 = "PaddleOCR 3.x, 15 scenes, weighted"
_LANG5 = "PaddleOCR 3.x module table (private set of that language, whole lines)"
_V6 = "PP-OCRv6 report, 15 categories, weighted"
_UNION = "OpenOCR, six common benchmarks, letters and digits only"


@dataclass(frozen=True)
class Entry:
    """One named model.

    Attributes:
        name: Name of the model and of its recipe.
        script: Languages or scripts that it reads.
        classes: Number of outputs with the published dictionary, the blank included.
        megabytes: Published size of the weight file; None if unpublished.
        accuracy: Published accuracy in percent.
        source: Where the accuracy was published and what it was measured on.
        weights: Formats in which the official weights are published.
    """

    name: str
    script: str
    classes: int
    megabytes: float | None = None
    accuracy: float | None = None
    source: str = ""
    weights: str = ""

    @property
    def official(self) -> bool:
        """Whether the weights can be downloaded by name."""
        return self.weights.startswith(_PP3) or "PaddlePaddle/" in self.weights or "RapidOCR" in self.weights

    @property
    def licence(self) -> str:
        """Licence of the official weights; empty if there are none."""
        return "Apache-2.0" if self.official else ""

    @property
    def download_megabytes(self) -> float | None:
        """Approximate download size: the published size, else four bytes per parameter."""
        if self.megabytes is not None or self.name not in COSTS:
            return self.megabytes
        return round(COSTS[self.name][0] * 4 / 1e6, 1)


@dataclass(frozen=True)
class Latency:
    """Published milliseconds per line: PaddleX's normal mode, then its high-performance plug-in.

    Attributes:
        gpu: On an NVIDIA Tesla T4; normal mode in fp32 without TensorRT.
        cpu: On eight threads of an Intel Xeon Gold 6271C, in fp32.
    """

    gpu: tuple[float, float]
    cpu: tuple[float, float]


_PP3 = "Paddle"
_ONNX4 = "RapidOCR ONNX (in rapidocr-onnxruntime 1.4.4), Paddle"
_HF = "Hugging Face safetensors (PaddlePaddle/{}_safetensors), Paddle"

_ENTRIES = (
    Entry("printed_latin", "Latin letters of Europe, Turkish, Vietnamese", 425),
    Entry("printed_cyrillic", "Cyrillic of Europe, English", 243),
    Entry("printed_greek", "Greek, English", 214),
    Entry("printed_arabic", "Arabic, English", 205),
    Entry("printed_en", "English", 115),
    Entry("fine_tune", "any", 115),
    Entry("lcnetv4_tiny", "any", 97),
    Entry("lcnetv4_small", "any", 97),
    Entry("lcnetv4_medium", "any", 97),
    Entry("cnn_bilstm", "any", 97),
    Entry("crnn", "any", 97),
    Entry("resnet_bilstm", "any", 97, weights="torchvision ResNet-18 on ImageNet"),
    Entry("captcha", "Latin letters, digits", 63),
    Entry(
        "PP-OCRv4_server_rec_doc",
        "Chinese, English, Japanese, symbols",
        15631,
        91,
        86.58,
        _BOTH_SETS.format("81.53"),
        _PP3,
    ),
    Entry("PP-OCRv4_mobile_rec", "Chinese, English", 6625, 11, 83.28, _BOTH_SETS.format("78.74"), _ONNX4),
    Entry("PP-OCRv4_server_rec", "Chinese, English", 6625, 87, 85.19, _BOTH_SETS.format("80.61"), _PP3),
    Entry("en_PP-OCRv4_mobile_rec", "English", 97, 7.3, 70.39, _OWN_SET, _PP3),
    Entry("PP-OCRv3_mobile_rec", "Chinese, English", 6625, 11, 75.43, _BOTH_SETS.format("72.96"), _PP3),
    Entry("en_PP-OCRv3_mobile_rec", "English", 97, 7.8, 70.69, _OWN_SET, _PP3),
    Entry("korean_PP-OCRv3_mobile_rec", "Korean", 3690, 9.6, 60.21, _OWN_SET, _PP3),
    Entry("japan_PP-OCRv3_mobile_rec", "Japanese", 4401, 9.8, 45.69, _OWN_SET, _PP3),
    Entry("chinese_cht_PP-OCRv3_mobile_rec", "Traditional Chinese", 8423, 10.8, 82.06, _OWN_SET, _PP3),
    Entry("te_PP-OCRv3_mobile_rec", "Telugu", 153, 8.7, 95.88, _OWN_SET, _PP3),
    Entry("ka_PP-OCRv3_mobile_rec", "Kannada", 155, 17.4, 96.96, _OWN_SET, _PP3),
    Entry("ta_PP-OCRv3_mobile_rec", "Tamil", 130, 8.7, 76.83, _OWN_SET, _PP3),
    Entry("latin_PP-OCRv3_mobile_rec", "Latin", 187, 8.7, 76.93, _OWN_SET, _PP3),
    Entry("arabic_PP-OCRv3_mobile_rec", "Arabic", 164, 17.3, 73.55, _OWN_SET, _PP3),
    Entry("cyrillic_PP-OCRv3_mobile_rec", "Cyrillic", 165, 8.7, 94.28, _OWN_SET, _PP3),
    Entry("devanagari_PP-OCRv3_mobile_rec", "Devanagari", 169, 8.7, 96.44, _OWN_SET, _PP3),
    Entry("ch_SVTRv2_rec", "Chinese, English", 6625, 73.9, 68.81, _PADDLEX, _PP3 + ", OpenOCR .pth"),
    Entry("ch_RepSVTR_rec", "Chinese, English", 6625, 22.1, 65.07, _PADDLEX, _PP3 + ", OpenOCR .pth"),
    Entry(
        "PP-OCRv5_mobile_rec", "Chinese, English, Japanese", 18385, 16, 80.15, _V5, _HF.format("PP-OCRv5_mobile_rec")
    ),
    Entry(
        "PP-OCRv5_server_rec", "Chinese, English, Japanese", 18385, 81, 84.01, _V5, _HF.format("PP-OCRv5_server_rec")
    ),
    Entry(
        "korean_PP-OCRv5_mobile_rec",
        "Korean, English",
        11947,
        14,
        88.0,
        _LANG5,
        _HF.format("korean_PP-OCRv5_mobile_rec"),
    ),
    Entry(
        "latin_PP-OCRv5_mobile_rec",
        "Latin (36 languages)",
        838,
        14,
        84.7,
        _LANG5,
        _HF.format("latin_PP-OCRv5_mobile_rec"),
    ),
    Entry(
        "eslav_PP-OCRv5_mobile_rec",
        "Russian, Belarusian, Ukrainian, English",
        519,
        14,
        81.6,
        _LANG5,
        _HF.format("eslav_PP-OCRv5_mobile_rec"),
    ),
    Entry("th_PP-OCRv5_mobile_rec", "Thai, English", 526, 7.5, 82.68, _LANG5, _HF.format("th_PP-OCRv5_mobile_rec")),
    Entry("el_PP-OCRv5_mobile_rec", "Greek, English", 356, 7.5, 89.28, _LANG5, _HF.format("el_PP-OCRv5_mobile_rec")),
    Entry("en_PP-OCRv5_mobile_rec", "English", 438, None, 85.25, _LANG5, _HF.format("en_PP-OCRv5_mobile_rec")),
    Entry("arabic_PP-OCRv5_mobile_rec", "Arabic", 749, None, 81.27, _LANG5, _HF.format("arabic_PP-OCRv5_mobile_rec")),
    Entry(
        "cyrillic_PP-OCRv5_mobile_rec", "Cyrillic", 852, None, 80.27, _LANG5, _HF.format("cyrillic_PP-OCRv5_mobile_rec")
    ),
    Entry(
        "devanagari_PP-OCRv5_mobile_rec",
        "Devanagari",
        570,
        None,
        84.96,
        _LANG5,
        _HF.format("devanagari_PP-OCRv5_mobile_rec"),
    ),
    Entry("ta_PP-OCRv5_mobile_rec", "Tamil", 515, None, 94.2, _LANG5, _HF.format("ta_PP-OCRv5_mobile_rec")),
    Entry("te_PP-OCRv5_mobile_rec", "Telugu", 542, None, 87.65, _LANG5, _HF.format("te_PP-OCRv5_mobile_rec")),
    Entry("PP-OCRv6_tiny_rec", "Chinese, English", 6906, None, 73.5, _V6, _HF.format("PP-OCRv6_tiny_rec")),
    Entry(
        "PP-OCRv6_small_rec",
        "50 languages",
        18710,
        21.2,
        81.3,
        _V6,
        "RapidOCR ONNX (in rapidocr 3.10), " + _HF.format("PP-OCRv6_small_rec"),
    ),
    Entry("PP-OCRv6_medium_rec", "50 languages", 18710, 73.3, 83.2, _V6, _HF.format("PP-OCRv6_medium_rec")),
    Entry("SVTRv2_tiny", "English", 95, None, 94.78, _UNION, "OpenOCR .pth"),
    Entry("SVTRv2_small", "English", 95, None, 96.13, _UNION, "OpenOCR .pth"),
    Entry("SVTRv2_base", "English", 95, None, 96.57, _UNION, "OpenOCR .pth"),
)

CATALOG: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})


def reject_untrained(name: str) -> None:
    """Raise ModelError if ``name`` is a recipe whose weights cannot be downloaded by name.

    Args:
        name: Name of the model.
    """
    if recipe_path(name) is None:
        return
    entry = CATALOG.get(name)
    if entry is not None and entry.official:
        return
    # Recipes for any script are meant for training; at most their backbone has official weights.
    if entry is not None and entry.weights and entry.script != "any":
        steps = f"get them ({entry.weights}), run `ocrx import FILE --output DIR`, then give DIR"
        raise ModelError(f"{name}: its weights cannot be downloaded by name", hint=f"{steps}; see `ocrx models {name}`")

    raise ModelError(
        f"{name}: a recipe, not a trained model",
        hint=f"train it with `ocrx train -c {name} --data DATA --output DIR`, then give DIR/best_accuracy",
    )


# Parameters and 10^9 multiply-accumulates for one image of the given size, in inference form; a test recomputes them.
COSTS: Mapping[str, tuple[int, float, str]] = MappingProxyType(
    {
        "printed_latin": (2017545, 0.27, "32x320"),
        "printed_cyrillic": (1970771, 0.26, "32x320"),
        "printed_greek": (1963318, 0.26, "32x320"),
        "printed_arabic": (1961005, 0.26, "32x320"),
        "printed_en": (1937875, 0.26, "32x320"),
        "fine_tune": (1937875, 0.26, "32x320"),
        "lcnetv4_tiny": (519517, 0.16, "48x320"),
        "lcnetv4_small": (3013513, 1.01, "48x320"),
        "lcnetv4_medium": (15519969, 5.59, "48x320"),
        "cnn_bilstm": (17053793, 3.41, "64x320"),
        "crnn": (8467041, 2.21, "32x320"),
        "resnet_bilstm": (14093729, 2.82, "64x320"),
        "captcha": (514043, 0.16, "48x320"),
        "PP-OCRv4_server_rec_doc": (23664903, 10.19, "48x320"),
        "PP-OCRv4_mobile_rec": (2687653, 0.7, "48x320"),
        "PP-OCRv4_server_rec": (22575177, 10.14, "48x320"),
        "en_PP-OCRv4_mobile_rec": (1897765, 0.67, "48x320"),
        "PP-OCRv3_mobile_rec": (2633369, 0.66, "48x320"),
        "en_PP-OCRv3_mobile_rec": (2209049, 0.64, "48x320"),
        "korean_PP-OCRv3_mobile_rec": (2442594, 0.65, "48x320"),
        "japan_PP-OCRv3_mobile_rec": (2488809, 0.65, "48x320"),
        "chinese_cht_PP-OCRv3_mobile_rec": (2750239, 0.66, "48x320"),
        "te_PP-OCRv3_mobile_rec": (2212689, 0.64, "48x320"),
        "ka_PP-OCRv3_mobile_rec": (2212819, 0.64, "48x320"),
        "ta_PP-OCRv3_mobile_rec": (2211194, 0.64, "48x320"),
        "latin_PP-OCRv3_mobile_rec": (2214899, 0.64, "48x320"),
        "arabic_PP-OCRv3_mobile_rec": (2213404, 0.64, "48x320"),
        "cyrillic_PP-OCRv3_mobile_rec": (2213469, 0.64, "48x320"),
        "devanagari_PP-OCRv3_mobile_rec": (2213729, 0.64, "48x320"),
        "ch_SVTRv2_rec": (20981953, 7.39, "48x320"),
        "ch_RepSVTR_rec": (6263273, 1.23, "48x320"),
        "PP-OCRv5_mobile_rec": (4110613, 0.76, "48x320"),
        "PP-OCRv5_server_rec": (21017465, 5.88, "48x320"),
        "arabic_PP-OCRv5_mobile_rec": (1976657, 0.67, "48x320"),
        "cyrillic_PP-OCRv5_mobile_rec": (1989120, 0.67, "48x320"),
        "devanagari_PP-OCRv5_mobile_rec": (1954998, 0.67, "48x320"),
        "el_PP-OCRv5_mobile_rec": (1929104, 0.67, "48x320"),
        "en_PP-OCRv5_mobile_rec": (1939026, 0.67, "48x320"),
        "eslav_PP-OCRv5_mobile_rec": (1948827, 0.67, "48x320"),
        "korean_PP-OCRv5_mobile_rec": (3331615, 0.73, "48x320"),
        "latin_PP-OCRv5_mobile_rec": (1987426, 0.67, "48x320"),
        "ta_PP-OCRv5_mobile_rec": (1948343, 0.67, "48x320"),
        "te_PP-OCRv5_mobile_rec": (1951610, 0.67, "48x320"),
        "th_PP-OCRv5_mobile_rec": (1949674, 0.67, "48x320"),
        "PP-OCRv6_tiny_rec": (1103318, 0.18, "48x320"),
        "PP-OCRv6_small_rec": (5266550, 1.09, "48x320"),
        "PP-OCRv6_medium_rec": (19113430, 5.68, "48x320"),
        "SVTRv2_tiny": (5128159, 4.25, "48x320"),
        "SVTRv2_small": (11251103, 8.5, "48x320"),
        "SVTRv2_base": (19755359, 15.34, "48x320"),
    }
)

# From the module table of PaddleX 3.0-rc0 (PP-OCRv5: of 3.0). Nothing was published for the other names.
LATENCIES: Mapping[str, Latency] = MappingProxyType(
    {
        "PP-OCRv4_server_rec_doc": Latency((6.65, 2.38), (32.92, 32.92)),
        "PP-OCRv4_mobile_rec": Latency((4.82, 1.20), (16.74, 4.64)),
        "PP-OCRv4_server_rec": Latency((6.58, 2.43), (33.17, 33.17)),
        "PP-OCRv3_mobile_rec": Latency((5.87, 1.19), (9.07, 4.28)),
        "ch_SVTRv2_rec": Latency((8.08, 2.74), (50.17, 42.50)),
        "ch_RepSVTR_rec": Latency((5.93, 1.62), (20.73, 7.32)),
        "en_PP-OCRv4_mobile_rec": Latency((4.81, 0.75), (16.10, 5.31)),
        "en_PP-OCRv3_mobile_rec": Latency((5.44, 0.75), (8.65, 5.57)),
        "korean_PP-OCRv3_mobile_rec": Latency((5.40, 0.97), (9.11, 4.05)),
        "japan_PP-OCRv3_mobile_rec": Latency((5.70, 1.02), (8.48, 4.07)),
        "chinese_cht_PP-OCRv3_mobile_rec": Latency((5.90, 1.28), (9.28, 4.34)),
        "te_PP-OCRv3_mobile_rec": Latency((5.42, 0.82), (8.10, 6.91)),
        "ka_PP-OCRv3_mobile_rec": Latency((5.25, 0.79), (9.09, 3.86)),
        "ta_PP-OCRv3_mobile_rec": Latency((5.23, 0.75), (10.13, 4.30)),
        "latin_PP-OCRv3_mobile_rec": Latency((5.20, 0.79), (8.83, 7.15)),
        "arabic_PP-OCRv3_mobile_rec": Latency((5.35, 0.79), (8.80, 4.56)),
        "cyrillic_PP-OCRv3_mobile_rec": Latency((5.23, 0.76), (8.89, 3.88)),
        "devanagari_PP-OCRv3_mobile_rec": Latency((5.22, 0.79), (8.56, 4.06)),
        "PP-OCRv5_mobile_rec": Latency((5.43, 1.46), (21.20, 5.32)),
        "PP-OCRv5_server_rec": Latency((8.46, 2.36), (31.21, 31.21)),
    }
)
