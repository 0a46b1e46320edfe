"""``python -m ocrx`` and the ``ocrx`` command."""

import sys

from ocrx.cli.app import main


def run() -> None:
    sys.exit(main())


if __name__ == "__main__":
    run()
