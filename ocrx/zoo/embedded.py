"""The model that reads where none is named. It is part of the package, as are those beside it in ``weights``."""

from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE

DEFAULT = "printed_latin"
_OTHER_SCRIPTS = ("printed_greek", "printed_cyrillic")


def other_scripts() -> tuple[str, ...]:
    """Name the embedded models of other scripts than the default's, which all take images as it does.

    Returns:
        The names.
    """
    return tuple(name for name in _OTHER_SCRIPTS if (EMBEDDED_DIR / name / SPEC_FILE).is_file())
