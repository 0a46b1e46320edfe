"""The model inside the package."""

DEFAULT = "printed_en"
