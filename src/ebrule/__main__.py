"""The entry point: ``ebrule`` and ``python -m ebrule``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from ebrule.cli.signals import stop_on_signals  # noqa: PLC0415 - signals must be handled before anything slow

    with stop_on_signals():
        from ebrule.cli.app import run  # noqa: PLC0415

        code = run(sys.argv[1:])
    sys.exit(code)


if __name__ == "__main__":
    main()
