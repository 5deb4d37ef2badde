"""What a run tells, for Python's ``logging``: silent unless the program that uses ebrule sets a handler up.

Loggers are ``ebrule.http`` (each request, at DEBUG) and ``ebrule.run`` (waits at INFO, warnings at WARNING). What is
logged is what ``--verbose`` prints: nothing secret is among it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ebrule.core.notices import AskingBack, Merged, Notice, Requested, Waiting

if TYPE_CHECKING:
    from logging import Logger


def log_notice(notice: Notice) -> None:
    """Log one notice, where anybody can listen: who never imported ``logging`` has no handler."""
    logging = sys.modules.get("logging")
    if logging is None:
        return
    if isinstance(notice, Requested):
        ended = notice.error or notice.status
        given = (notice.method, notice.url, ended, notice.milliseconds, notice.correlation_id or "-")
        _logger("ebrule.http").debug("%s %s: %s in %.0f ms, correlation id %s", *given)
    elif isinstance(notice, Waiting):
        tries = (notice.seconds, notice.attempt, notice.attempts, notice.left)
        _logger("ebrule.run").info("%s: next try in %.1f s (%d of %d, %.0f s left)", notice.reason, *tries)
    elif isinstance(notice, AskingBack):
        _logger("ebrule.run").warning("%s: reading the rule to find out what happened", notice.reason)
    elif isinstance(notice, Merged):
        versions = (notice.from_version, notice.to_version, len(notice.changes))
        _logger("ebrule.run").info("the rule changed from version %d to %d: %d changes of others are kept", *versions)
    else:
        _logger("ebrule.run").warning("%s", notice.message)


def _logger(name: str) -> Logger:
    """Return a logger below ``ebrule``, which has a handler that drops all: without one, Python prints warnings."""
    import logging  # noqa: PLC0415 - it is loaded

    top = logging.getLogger("ebrule")
    if not top.handlers:
        top.addHandler(logging.NullHandler())
    return logging.getLogger(name)
