"""SIGHUP, SIGINT, SIGTERM: while nothing is under way they end the process at once, later they ask the run to end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from ebrule.cli.asked import wants_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Who starts a run with SIGHUP ignored, as nohup does, wants it to outlive its terminal.
_HANG_UP = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
SIGINT = signal.SIGINT
SIGNALS = (*_HANG_UP, signal.SIGINT, signal.SIGTERM)


_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2
_SHOW_CURSOR = b"\x1b[?25h"

# In the midst of an import nothing can be imported that would make it.
_DOCUMENT = """\
{
  "schema_version": 1,
  "result": "failed",
  "kind": null,
  "org_id": null,
  "rule_id": null,
  "base_version": null,
  "version": null,
  "made_version": null,
  "attempts": 0,
  "conflicts": 0,
  "latency_ms": null,
  "changes": [],
  "merged": [],
  "stored_differently": [],
  "webhook": "not_sent",
  "event_id": null,
  "audit": {
    "log": null,
    "operation_id": null,
    "head": null
  },
  "error": {
    "code": "interrupted",
    "message": "interrupted by %s; the rule was not changed",
    "hint": null,
    "http_status": null,
    "correlation_id": null,
    "problems": [],
    "conflict": []
  }
}
"""

_printed: list[bool] = []


def note_document() -> None:
    """Note that the run's JSON document is about to be printed: no signal may put another one behind it."""
    _printed.append(True)


def end_at_once(signum: int, _frame: Any = None) -> None:
    """End the process with 128 and the signal's number, and with a JSON document where one is asked for."""
    # Nothing has been done that would have to be undone, and an import could swallow an exception. But a program may
    # read the output, and what moves on a terminal hides the cursor there.
    with contextlib.suppress(OSError):
        if wants_json(sys.argv[1:]) and not _printed:
            encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
            os.write(_STANDARD_OUTPUT, (_DOCUMENT % signal.Signals(signum).name).encode(encoding))
    with contextlib.suppress(OSError):
        if os.isatty(_STANDARD_ERROR) and os.environ.get("TERM") != "dumb":
            os.write(_STANDARD_ERROR, _SHOW_CURSOR)
    os._exit(128 + signum)


@contextlib.contextmanager
def stop_on_signals(handler: Callable[[int], None] | None = None) -> Iterator[None]:
    """While entered, call ``handler`` with the number of a signal that came; by default end with 128 and the number.

    The handler runs between two instructions of the main thread: it must take no lock. The default one stays for
    as long as the process; within it, signals are ignored once a handler's time is over.
    """

    def handle(signum: int, _frame: Any) -> None:
        if handler is not None:
            handler(signum)

    before = {signum: signal.signal(signum, handle if handler else end_at_once) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, previous in before.items() if handler else ():
            # What the command did now stands: no exit code of a signal may take the place of its own.
            signal.signal(signum, signal.SIG_IGN if previous is end_at_once else previous)
