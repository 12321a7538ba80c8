"""The command `fcgi-run`, also `python -m fcgi_runner`."""

import sys

from fcgi_runner.starting import start

__all__ = ["main"]


def main() -> int:
    """Runs the server by the words of the command line; the exit status is the result, or that of a `SystemExit`."""
    start(None, sys.argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
