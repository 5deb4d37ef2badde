"""What ``update`` and ``diff`` do, for the command line and for library users alike."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import IO, TYPE_CHECKING

from ebrule.core.pace import Pace
from ebrule.errors import UsageError
from ebrule.pipeline.options import UpdateOptions
from ebrule.pipeline.patch import Patch, parse_assignments
from ebrule.pipeline.plan import load_rule
from ebrule.pipeline.run import Run
from ebrule.rules.registry import DEFAULT_KIND, kind_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.core.transport import Transport
    from ebrule.errors import Problem
    from ebrule.pipeline.operation import UpdateResult
    from ebrule.pipeline.plan import Desired
    from ebrule.settings import Settings


def update_rule(
    settings: Settings,
    source: str | os.PathLike[str] | None,
    options: UpdateOptions | None = None,
    *,
    pace: Pace | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    transport: Transport | None = None,
) -> UpdateResult:
    """Bring one rule to what a rule file says, safely.

    Args:
        settings: the org, the ledger, the webhook.
        source: the rule file; ``-`` is standard input; None where the options' assignments say all.
        options: what to allow.
        pace: the run's time; by default one with the settings' deadline.
        environ: where ``${env:NAME}`` and the actor come from; by default the process's environment.
        stdin: what ``-`` reads.
        transport: what carries the requests; by default httpx.

    Returns:
        The result, where the rule is as the file says; its ``webhook`` may still be ``pending``.

    Raises:
        EbruleError: the class says what happened, and ``result`` has what is known, but for a
            :class:`UsageError`, before which nothing was done.
    """
    pace = pace or Pace(settings.deadline)
    environ = os.environ if environ is None else environ
    options = options or UpdateOptions()
    load = partial(_load, settings, source, options, environ, stdin)
    return Run(settings, options, pace, environ, transport).run(load)


def _load(
    settings: Settings,
    source: str | os.PathLike[str] | None,
    options: UpdateOptions,
    environ: Mapping[str, str],
    stdin: IO[bytes] | None,
) -> Desired:
    kinds = settings.kinds
    assignments = parse_assignments(options, environ)
    if source is not None:
        stdin = stdin or _own_input()
        rule_file = load_rule(
            source,
            kind=options.kind,
            environ=environ,
            stdin=stdin,
            assignments=assignments,
            kinds=kinds,
            defer_limits=True,
        )
        return rule_file._replace(warnings=(*rule_file.warnings, *map(_of_the_org, rule_file.limits)))
    if not assignments:
        command = "diff" if options.dry_run else "update"
        raise UsageError(
            "nothing to change: give a rule file, or values to set",
            hint=f"Type: ebrule {command} --file rule.yaml  (or --set PATH=VALUE)",
        )
    return Patch(kind_named(options.kind or DEFAULT_KIND, kinds), assignments)


def _of_the_org(limit: Problem) -> Problem:
    """Return a broken limit as a warning; where the run changes what breaks it, it ends with an error instead."""
    message = f"{limit.message}; the org has this value already, and it stays"
    return limit._replace(message=message, severity="warning")


def _own_input() -> IO[bytes] | None:
    """Standard input without its buffer, whose lock a thread that waits for input would hold at the process's end."""
    buffer = getattr(sys.stdin, "buffer", None)
    return getattr(buffer, "raw", buffer)


def plan_update(
    settings: Settings,
    source: str | os.PathLike[str] | None,
    options: UpdateOptions | None = None,
    *,
    pace: Pace | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    transport: Transport | None = None,
) -> UpdateResult:
    """Return what :func:`update_rule` would change, as ``planned`` or ``unchanged``; takes and raises the same.

    Nothing is written: no request but GET and the one for a token leaves, and the ledger is left alone.
    """
    options = (options or UpdateOptions())._replace(dry_run=True)
    return update_rule(settings, source, options, pace=pace, environ=environ, stdin=stdin, transport=transport)
