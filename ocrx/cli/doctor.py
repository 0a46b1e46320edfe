"""``ocrx doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocrx.cli import console
from ocrx.cli.options import JsonOption

if TYPE_CHECKING:
    from ocrx.modes.doctor import DoctorReport


def doctor(json: JsonOption = False) -> None:
    """Print versions, devices, CPU features, back ends and folders, for a bug report."""
    from ocrx.modes import doctor as mode

    show(mode.run(), json)


def show(report: DoctorReport, as_json: bool) -> None:
    """Write the report to stdout.

    Args:
        report: The environment that was found.
        as_json: Write one JSON document instead of rows.
    """
    if as_json:
        console.write_json(report.to_dict(), indent=2)
        return
    rows = [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
        for name, value in report.to_dict().items()
        if name != "packages"
    ]
    rows += [(name, version or "not installed") for name, version in report.packages.items()]
    console.write_rows(("what", "here"), rows)
