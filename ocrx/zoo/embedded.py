"""The model that reads where none is named. It is part of the package, as are those beside it in ``weights``."""

DEFAULT = "printed_latin"
