"""``ebrule webhook``: deliver what is pending, announce a rule again, try the endpoint."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ebrule.cli import options as o
from ebrule.cli.connection import opened
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.pipeline.deliveries import Delivery, Trial

FLUSH_HELP = """Deliver the events that are pending in the ledger.

\b
Examples:
  ebrule webhook flush
  ebrule webhook flush --webhook-url https://hooks.example.com/rules

Each event goes out under its old id, the oldest first, so that a receiver can drop what it has already. Needs no org
and no credentials for one. Ends with 8 while something stays pending.
"""

SEND_HELP = """Announce a rule as it is now, once more.

\b
Examples:
  ebrule webhook send --rule-id demo-rule
  ebrule webhook send --rule-id demo-rule --webhook-format cloudevents

The event has the id that the announcement of this version has always had. The rule is read, never written. Ends with
7 where the event was not delivered.
"""

TEST_HELP = """Try the webhook with an event that announces nothing.

\b
Examples:
  ebrule webhook test
  ebrule webhook test --webhook-url https://hooks.example.com/rules

The event's type is ebrule.webhook.test, and it is sent once. Nothing is recorded. Ends with 4 where the host's
certificate is not trusted, and with 7 for any other failure.
"""


class WebhookCommand(NamedTuple):
    """What a command about the webhook was asked to do."""

    connection: o.Connection
    url: str | None = None
    event_format: o.WebhookFormat = o.WebhookFormat.GENESYS
    audit_log: Path | None = None
    output: o.Output = o.Output.TEXT


# --- flush --------------------------------------------------------------------------------------------------------


def run_flush(command: WebhookCommand, screen: Screen) -> int:
    """Deliver what is pending and print what became of it; return the exit code."""
    from ebrule.cli.results import short_path
    from ebrule.errors import ExitCode, UsageError
    from ebrule.pipeline.deliveries import flush_events

    if command.audit_log is not None and not command.audit_log.exists():
        raise UsageError(f"there is no ledger {command.audit_log}", hint="Check the path.", code="no-ledger")
    text = command.output is o.Output.TEXT
    done = []
    with opened(
        command.connection, screen, webhook_url=command.url, audit_log=command.audit_log, to_org=False
    ) as local:
        ledger = local.settings.audit_log
        for delivery in flush_events(local.settings, pace=local.pace):
            done.append(delivery)
            if text:  # at once: what is done is told even if what follows fails
                screen.out(*_line(delivery))
    pending = sum(delivery.state in ("pending", "running") for delivery in done)
    if not text:
        result = "pending" if pending else "delivered" if done else "nothing_pending"
        screen.json(_document(result, ledger, done))
    elif not done:
        screen.out(f"Nothing is pending in {short_path(ledger)}.")
    elif pending:
        screen.out(f"{pending} of {len(done)} {'is' if pending == 1 else 'are'} still pending in {short_path(ledger)}.")
    return int(ExitCode.FOLLOW_UP_PENDING if pending else ExitCode.OK)


_STYLES = {"delivered": "good", "stopped": "warning", "pending": "warning"}


def _line(delivery: Delivery) -> tuple[Any, ...]:
    words = {"running": "is left alone"}.get(delivery.state, delivery.state)
    reason = f": {delivery.reason}" if delivery.reason else ""
    return f"{delivery.rule_id}: {delivery.event_id} ", (words, _STYLES.get(delivery.state, "faint")), reason


def _document(result: str, ledger: Path, done: list[Delivery]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "result": result,
        "audit": {"log": str(ledger)},
        "events": [asdict(delivery) for delivery in done],
    }


# --- send ---------------------------------------------------------------------------------------------------------


def run_send(command: WebhookCommand, rule_id: str, kind: str | None, screen: Screen) -> int:
    """Announce a rule and print what became of the event; return the exit code."""
    from ebrule.cli.results import show_error
    from ebrule.errors import UnavailableError
    from ebrule.pipeline.deliveries import announce_rule
    from ebrule.rules.registry import DEFAULT_KIND, kind_named

    the_kind = kind_named(kind or DEFAULT_KIND)
    with opened(
        command.connection,
        screen,
        webhook_url=command.url,
        webhook_format=command.event_format,
        audit_log=command.audit_log,
    ) as org:
        delivery = announce_rule(org.settings, org.settings.kinds[the_kind.name], rule_id, pace=org.pace)
    delivered = delivery.state == "delivered"
    if command.output is o.Output.JSON:
        screen.json(_document("delivered" if delivered else "failed", org.settings.audit_log, [delivery]))
    elif delivered:
        screen.out(*_line(delivery))
    if delivered:
        return 0
    error = UnavailableError(
        f"{delivery.event_id}, the event about {rule_id}, was not delivered: {delivery.reason}",
        hint="To see what is wrong with the receiver: ebrule webhook test",
        http_status=delivery.status,
    )
    show_error(screen, error)
    return error.exit_status


# --- test ---------------------------------------------------------------------------------------------------------


def run_try(command: WebhookCommand, screen: Screen) -> int:
    """Send a test event and print how the receiver took it; return the exit code."""
    from ebrule.cli.results import show_error
    from ebrule.pipeline.deliveries import try_endpoint

    with opened(
        command.connection, screen, webhook_url=command.url, webhook_format=command.event_format, to_org=False
    ) as local:
        trial = try_endpoint(local.settings, pace=local.pace)
    if command.output is o.Output.JSON:
        screen.json(_trial_document(trial))
    elif trial.error is None:
        count = f" with {trial.signatures} secrets" if trial.signatures > 1 else ""
        signed = f"signed{count}" if trial.signed else "NOT signed: EBRULE_WEBHOOK_SECRET is not set"
        screen.out(
            f"{trial.url} ", ("took the test event", "good"), f" ({trial.status}, {trial.latency_ms:.0f} ms, {signed})."
        )
    if trial.error is None:
        return 0
    show_error(screen, trial.error)
    return trial.error.exit_status


def _trial_document(trial: Trial) -> dict[str, Any]:
    from ebrule.pipeline.operation import error_json

    return {
        "schema_version": 1,
        "result": "delivered" if trial.error is None else "failed",
        "url": trial.url,
        "event_id": trial.event_id,
        "signed": trial.signed,
        "signatures": trial.signatures,
        "status": trial.status,
        "latency_ms": None if trial.latency_ms is None else round(trial.latency_ms, 3),
        "error": None if trial.error is None else error_json(trial.error),
    }


# --- the command line ---------------------------------------------------------------------------------------------

_ToUrl = Annotated[str | None, typer.Option("--webhook-url", metavar="URL", help="Where to.  [EBRULE_WEBHOOK_URL]")]


def flush_command(
    webhook_url: _ToUrl = None,
    audit_log: o.AuditLog = None,
    output: o.OutputOption = o.Output.TEXT,
    ca_file: o.CaFile = None,
    proxy: o.Proxy = None,
    deadline: o.Deadline = o.DEFAULT_DEADLINE,
    verbose: o.Verbose = False,
) -> int:
    connection = o.Connection(ca_file=ca_file, proxy=proxy, deadline=deadline, verbose=verbose)
    return run_flush(WebhookCommand(connection, webhook_url, audit_log=audit_log, output=output), Screen())


@o.with_groups
def send_command(
    connection: o.Connection,
    rule_id: Annotated[str, typer.Option("--rule-id", metavar="ID", help="The rule.")],
    kind: o.KindWithoutFile = None,
    webhook_url: _ToUrl = None,
    webhook_format: o.WebhookFormatOption = o.WebhookFormat.GENESYS,
    audit_log: o.AuditLog = None,
    output: o.OutputOption = o.Output.TEXT,
) -> int:
    return run_send(WebhookCommand(connection, webhook_url, webhook_format, audit_log, output), rule_id, kind, Screen())


def try_command(
    webhook_url: _ToUrl = None,
    webhook_format: o.WebhookFormatOption = o.WebhookFormat.GENESYS,
    output: o.OutputOption = o.Output.TEXT,
    ca_file: o.CaFile = None,
    proxy: o.Proxy = None,
    deadline: o.Deadline = o.DEFAULT_DEADLINE,
    verbose: o.Verbose = False,
) -> int:
    connection = o.Connection(ca_file=ca_file, proxy=proxy, deadline=deadline, verbose=verbose)
    return run_try(WebhookCommand(connection, webhook_url, webhook_format, output=output), Screen())
