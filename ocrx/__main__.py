"""``python -m ocrx`` and the ``ocrx`` command."""

import os
import signal
import sys
from pathlib import Path

INTERRUPTED = 130


def run() -> None:
    """Run the command line in this process and exit with its code.

    Ctrl-C ends with exit code 130 and one line, also while modules are still being imported. A closed stdout is an
    error by name, since every result goes there; a closed stderr loses only messages.
    """
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # stays open until the process ends
    if sys.stdout is None:
        sys.stderr.write("error: stdout is closed; expected a file, a pipe or a terminal for the results\n")
        sys.exit(1)

    try:
        from ocrx.cli.shortcut import main

        code = main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = INTERRUPTED
    # Nothing is left to stop: a second Ctrl-C must not print a traceback while modules are unloaded.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


if __name__ == "__main__":
    run()
