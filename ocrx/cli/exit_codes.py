"""Turns how a command ended into the exit code of the process, and errors into messages."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Callable, Sequence

from ocrx.errors import DataError, OcrxError

INTERRUPTED = 130


def with_exit_code(command: Callable[[], int], arguments: Sequence[str]) -> int:
    """Run a command and report its error, if there is one.

    Args:
        command: Gives the exit code, or leaves with ``SystemExit``.
        arguments: The command-line arguments, which errors name.

    Returns:
        The exit code: 0 for success, 1 if the work failed, 2 for wrong usage.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    # Images that are too large get an error of their own.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        return command()
    except OcrxError as error:
        return _report(error, arguments)
    except BrokenPipeError:
        sys.stdout = None  # the reader has closed the pipe: nothing more may be flushed
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC and error.filename is None:
            raise
        reason = "no space left on the disk" if error.errno == errno.ENOSPC else error.strerror or error
        return _report(DataError(f"{error.filename or 'output'}: {reason}"))
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # Typer's exit code for Ctrl-C
            raise KeyboardInterrupt from None
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


def _report(error: OcrxError, arguments: Sequence[str] = ()) -> int:
    from ocrx.cli import console
    from ocrx.cli.option_names import name_options

    hint = name_options(error.hint, arguments) if error.hint else None
    console.show_error(OcrxError(name_options(error.message, arguments), hint=hint))
    return error.exit_code
