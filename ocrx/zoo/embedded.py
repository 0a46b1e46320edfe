"""Names of the models that ship inside the package, in ``weights``: the default and those for other scripts."""

from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE

DEFAULT = "printed_latin"
_OTHER_SCRIPTS = ("printed_greek", "printed_cyrillic")


def other_scripts() -> tuple[str, ...]:
    """List the embedded models for scripts that the default does not read; all share its preprocessing.

    Returns:
        Their names.
    """
    return tuple(name for name in _OTHER_SCRIPTS if (EMBEDDED_DIR / name / SPEC_FILE).is_file())
