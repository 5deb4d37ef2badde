"""The entry point: ``ebrule`` and ``python -m ebrule``."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # as type checkers know it: until `main` runs, an interrupt would print a traceback
if TYPE_CHECKING:
    from typing import TextIO

_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        _run()
    except KeyboardInterrupt:  # before there was a handler
        from ebrule.cli.signals import SIGINT, end_at_once  # noqa: PLC0415 - as below

        end_at_once(SIGINT)


def _run() -> None:
    _hold_closed_streams()
    # What the modules of a run are made of lives to its end: by default the collector would look through all of it,
    # again and again, before the first request, and find nothing.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # Plugins of pydantic, which any installed package may bring, see all that is validated: a rule's secrets too.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"
    from ebrule.cli.signals import stop_on_signals  # noqa: PLC0415 - signals must be handled before anything slow

    with stop_on_signals():
        from ebrule.cli.app import run  # noqa: PLC0415 - within what turns a signal into its exit code

        code = run(sys.argv[1:])
    _let_go(sys.stdout)
    _let_go(sys.stderr)
    # What had to be closed is closed, and what had to be written is on the disk: to take the interpreter apart, object
    # by object, would only cost time, and threads that the run gave up on could still get in its way.
    os._exit(code)


def _hold_closed_streams() -> None:
    """Put something in the place of each standard stream that is closed, or the first file opened would get its number.

    It cannot be used either: what is printed fails as it does for a full disk, and does not just vanish.
    """
    streams: list[TextIO | None] = [sys.stdin, sys.stdout, sys.stderr]
    for stream, unusable in zip(streams, (os.O_WRONLY, os.O_RDONLY, os.O_RDONLY), strict=True):
        if stream is None:  # the lowest number that is free is its own, since those before it are taken
            os.set_inheritable(os.open(os.devnull, unusable), True)
    if streams[1] is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)


def _let_go(stream: TextIO | None) -> None:
    """Flush a stream; where that fails, send the rest nowhere, so that the interpreter does not fail for it."""
    if stream is None:
        return
    import contextlib  # noqa: PLC0415 - it is loaded by now

    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
