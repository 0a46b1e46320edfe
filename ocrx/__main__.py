"""``python -m ocrx`` and the ``ocrx`` command."""

import sys

from ocrx.cli import main


def run() -> None:
    sys.exit(main())


if __name__ == "__main__":
    run()
