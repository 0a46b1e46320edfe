"""Maps language codes to the models that read them; embedded models are preferred."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ocrx.errors import ConfigError
from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE

AUTO = "auto"  # instead of a code: detect the script of each line by reading it

_LATIN = (
    *("af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu", "id", "is"),
    *("it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc", "pl", "pt", "qu", "rm", "ro", "sk", "sl"),
    *("sq", "sr-latn", "sv", "sw", "tl", "tr", "uz", "vi"),
)
_OTHER_CYRILLIC = ("kk", "ky", "mn", "tg", "tt")  # they use letters that printed_cyrillic lacks
_DEVANAGARI = ("hi", "mr", "ne", "sa", "bh", "mai", "bho", "mah", "sck", "new", "gom", "bgc")
_ARABIC = ("ar", "fa", "ug", "ur", "ps", "sd")

LANGUAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "en": ("printed_latin", "en_PP-OCRv5_mobile_rec"),
        **dict.fromkeys(_LATIN, ("printed_latin", "latin_PP-OCRv5_mobile_rec")),
        **dict.fromkeys(("ru", "uk", "be"), ("printed_cyrillic", "eslav_PP-OCRv5_mobile_rec")),
        **dict.fromkeys(("bg", "mk", "sr"), ("printed_cyrillic", "cyrillic_PP-OCRv5_mobile_rec")),
        **dict.fromkeys(_OTHER_CYRILLIC, ("cyrillic_PP-OCRv5_mobile_rec",)),
        "el": ("printed_greek", "el_PP-OCRv5_mobile_rec"),
        **dict.fromkeys(("zh", "zh-hant", "ja"), ("PP-OCRv5_mobile_rec",)),
        "ko": ("korean_PP-OCRv5_mobile_rec",),
        "th": ("th_PP-OCRv5_mobile_rec",),
        **dict.fromkeys(_ARABIC, ("arabic_PP-OCRv5_mobile_rec",)),
        **dict.fromkeys(_DEVANAGARI, ("devanagari_PP-OCRv5_mobile_rec",)),
        "ta": ("ta_PP-OCRv5_mobile_rec",),
        "te": ("te_PP-OCRv5_mobile_rec",),
        "kn": ("ka_PP-OCRv3_mobile_rec",),
    }
)
"""Language code (ISO 639-1, or PaddleOCR's) → models that read the language, the preferred one first."""


def model_for_language(code: str) -> str:
    """Choose the model for a language.

    Args:
        code: A key of ``LANGUAGES``; case is ignored, and a region may follow after ``-`` or ``_`` (``pt-BR``).

    Returns:
        The name of the first embedded model, else of the last model listed, which can be downloaded.

    Raises:
        ConfigError: No model reads the language.
    """
    wanted = code.casefold().replace("_", "-")
    names = LANGUAGES.get(wanted) or LANGUAGES.get(wanted.partition("-")[0])
    if names is None:
        raise ConfigError(f"lang: {code!r}; expected one of {', '.join(sorted(LANGUAGES))}")
    embedded = [name for name in names if (EMBEDDED_DIR / name / SPEC_FILE).is_file()]
    return embedded[0] if embedded else names[-1]
