"""Which model reads a language; models inside the package come first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ocrx.errors import ConfigError
from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE

AUTO = "auto"  # in place of a code: the script of each line is found by reading it

_LATIN = (
    *("af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu", "id", "is"),
    *("it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc", "pl", "pt", "qu", "rm", "ro", "sk", "sl"),
    *("sq", "sr-latn", "sv", "sw", "tl", "tr", "uz", "vi"),
)
_OTHER_CYRILLIC = ("kk", "ky", "mn", "tg", "tt")  # with letters that printed_cyrillic does not know
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
"""Language code (ISO 639-1, or as PaddleOCR writes it) → models that read it, the preferred one first."""


def model_for_language(code: str) -> str:
    """Choose the model for a language.

    Args:
        code: As in ``LANGUAGES``; a region after ``-`` or ``_`` may follow (``pt-BR``), case does not count.

    Returns:
        The name of the first model that is embedded, else of the first that is not made for embedding.

    Raises:
        ConfigError: No model reads the language.
    """
    wanted = code.casefold().replace("_", "-")
    names = LANGUAGES.get(wanted) or LANGUAGES.get(wanted.partition("-")[0])
    if names is None:
        raise ConfigError(f"lang: {code!r}; expected one of {', '.join(sorted(LANGUAGES))}")
    embedded = [name for name in names if (EMBEDDED_DIR / name / SPEC_FILE).is_file()]
    return embedded[0] if embedded else names[-1]
