"""``ebrule auth``: who am I, where, until when, may I?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from ebrule.cli import options as o
from ebrule.cli.connection import opened
from ebrule.cli.guide import HELP_COLUMNS, folded
from ebrule.cli.render import Screen, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from ebrule.core.status import AuthStatus, Verdict
    from ebrule.settings import Org, Settings

STATUS_HELP = """Ask the org who you are, where, until when, and what you may.

\b
Examples:
  ebrule auth status
  ebrule auth status --profile night
  ebrule auth status --output json | jq .expires_at

Ends with 0 where the org knows the credentials, also if they do not allow everything: the table says what. Ends with 4
where there are none, or the org does not accept them. Nothing is written; that an update would be allowed is told from
the scopes that the org names.
"""

READING = ("show, diff", "show, diff, list")
"""The commands that read rules of a kind: without a list, and with one."""


class StatusCommand(NamedTuple):
    """What ``ebrule auth status`` was asked to do."""

    connection: o.Connection
    output: o.Output = o.Output.TEXT


def run_status(command: StatusCommand, screen: Screen) -> int:
    """Ask the org and print what it says; return the exit code."""
    from ebrule.core.auth import connect
    from ebrule.core.status import auth_status

    with opened(command.connection, screen) as opening:
        org = opening.settings.require_org()
        with connect(org, opening.settings.network, opening.pace, read_only=True) as session:
            status = auth_status(session, opening.settings.kinds.values())
        now = opening.pace.clock.now()
    if command.output is o.Output.JSON:
        screen.json(_document(status, org))
    else:
        _show(screen, status, opening.settings, now)
    return 0


def _document(status: AuthStatus, org: Org) -> dict[str, object]:
    from ebrule.pipeline.operation import SCHEMA_VERSION, error_json

    return {
        "schema_version": SCHEMA_VERSION,
        "result": "authenticated",
        "region": org.name,
        "api_url": org.api_url,
        "credentials": org.credentials,
        "organization": {"id": status.organization_id, "name": status.organization_name},
        "client": {"id": status.client_id, "name": status.client_name},
        "scopes": None if status.scopes is None else list(status.scopes),
        "expires_at": status.expires_at and f"{status.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "kinds": [asdict(kind) for kind in status.kinds],
        "unanswered": [error_json(error) for error in status.unanswered],
        "error": None,
    }


def _show(screen: Screen, status: AuthStatus, settings: Settings, now: datetime) -> None:
    org = settings.require_org()
    client = " ".join(dict.fromkeys(filter(None, (status.client_name, status.client_id))))
    rows = {
        "organization": " ".join(filter(None, (status.organization_name, status.organization_id))),
        "region": f"{org.name}  {org.api_url}",
        "client": client,
        "credentials": org.credentials,
        "expires": _until(status.expires_at, now),
        "scopes": None if status.scopes is None else ", ".join(status.scopes) or "none",
    }
    screen.out(("Authenticated", "good"), f" as {one_line(client or 'a client that the org does not name')}.")
    screen.out()
    for name, text in rows.items():
        if text:
            line = f"  {name:<14}{one_line(text)}"
            for part in folded(line, screen.width or len(line)).splitlines():
                screen.out(part)
        else:
            screen.out(f"  {name:<14}", ("the org does not say", "faint"))
    screen.out()
    _show_permissions(screen, status, settings)
    for error in status.unanswered:
        screen.err(("warning:", "warning"), f" {error.message}")


def _show_permissions(screen: Screen, status: AuthStatus, settings: Settings) -> None:
    narrow = screen.width is not None and screen.width < HELP_COLUMNS
    width, wide = max(len(kind.kind) for kind in status.kinds), max(map(len, READING))
    for kind in status.kinds:
        reading = READING[settings.kinds[kind.kind].listing is not None]
        first, second = f"{kind.kind:<{width}}   ", " " * (width + 3)
        if narrow:
            screen.out(f"  {kind.kind}")
            first = second = "  "
        screen.out(f"  {first}{reading:<{wide}}   ", *_verdict(kind.read))
        screen.out(f"  {second}{'update':<{wide}}   ", *_verdict(kind.update))


def _verdict(verdict: Verdict) -> list[tuple[str, str]]:
    word, style = {True: ("yes", "good"), False: ("no", "error"), None: ("not known", "warning")}[verdict.allowed]
    return [(word, style), (f" ({one_line(verdict.reason)})" if verdict.reason else "", "")]


def _until(expires_at: datetime | None, now: datetime) -> str:
    if expires_at is None:
        return ""
    minutes = round((expires_at - now).total_seconds() / 60)
    when = f"in {minutes // 60} h {minutes % 60} min" if minutes >= 0 else "in the past"
    return f"{expires_at:%Y-%m-%dT%H:%M:%SZ}  ({when})"


@o.with_groups
def status_command(connection: o.Connection, output: o.OutputOption = o.Output.TEXT) -> int:
    return run_status(StatusCommand(connection, output), Screen())
