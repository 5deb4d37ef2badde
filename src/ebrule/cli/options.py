"""Options that several commands share, spelled once."""

from __future__ import annotations

import enum
import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ebrule.cli.completion import complete_kind, complete_profile, complete_region
from ebrule.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEFAULT_DEADLINE = 120.0


class Output(str, enum.Enum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class ShowOutput(str, enum.Enum):
    """How a rule is printed."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


class Report(str, enum.Enum):
    """How what was found in files is printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


class OnConflict(str, enum.Enum):
    """What to do when somebody else changes the rule meanwhile."""

    MERGE = "merge"
    FAIL = "fail"
    OVERWRITE = "overwrite"


RuleIdOption = Annotated[
    str | None, typer.Option("--rule-id", metavar="ID", help="The rule; by default what the file says.")
]
FileOption = Annotated[
    str | None, typer.Option("--file", "-f", metavar="FILE", help="The rule file; - is standard input.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A value over the file's, or over the rule's. Repeatable."),
]
AllowIdentityChange = Annotated[bool, typer.Option("--allow-identity-change", help="Let a source become another one.")]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind",
        "-k",
        metavar="KIND",
        help="The rule's kind; by default what the file says.",
        autocompletion=complete_kind,
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
ReportOption = Annotated[Report, typer.Option("--output", "-o", help="How to print what was found.")]
NoCheckTargets = Annotated[
    bool, typer.Option("--no-check-targets", help="Do not ask the org whether the targets exist.")
]
ExpectVersion = Annotated[
    int | None,
    typer.Option("--expect-version", metavar="N", min=0, help="Only if the org still has this version."),
]
OnConflictOption = Annotated[
    OnConflict | None,
    typer.Option("--on-conflict", help="When somebody else changes the same fields meanwhile.  [default: merge]"),
]
MaxAttempts = Annotated[int, typer.Option("--max-attempts", metavar="N", min=1, help="How many PUTs at most.")]
NoWebhook = Annotated[bool, typer.Option("--no-webhook", help="Tell nobody.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Kept in the ledger.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")]
ExitCodeOption = Annotated[bool, typer.Option("--exit-code", help="With --dry-run: 10 if there are differences.")]
AuditLog = Annotated[Path | None, typer.Option("--audit-log", metavar="FILE", help="The ledger.  [EBRULE_AUDIT_LOG]")]
Junit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML.")]


AuditOtlp = Annotated[
    str | None,
    typer.Option(
        "--audit-otlp", metavar="URL", help="An OpenTelemetry collector that gets the records too.  [EBRULE_AUDIT_OTLP]"
    ),
]
AuditOtlpRequired = Annotated[
    bool, typer.Option("--audit-otlp-required", help="Change nothing that the collector has not got the intent of.")
]
WebhookUrl = Annotated[
    str | None,
    typer.Option("--webhook-url", metavar="URL", help="Who is told of the change.  [EBRULE_WEBHOOK_URL]"),
]


class WebhookFormat(str, enum.Enum):
    """How an event is laid out."""

    GENESYS = "genesys"
    CLOUDEVENTS = "cloudevents"


WebhookFormatOption = Annotated[WebhookFormat, typer.Option("--webhook-format", help="How the event is laid out.")]


class TransportName(str, enum.Enum):
    """What carries the requests to the org."""

    HTTPX = "httpx"
    SDK = "sdk"


CaFile = Annotated[str | None, typer.Option("--ca-file", metavar="PEM", help="Certificates to trust.  [SSL_CERT_FILE]")]
Proxy = Annotated[str | None, typer.Option("--proxy", metavar="URL", help="HTTP proxy.  [HTTPS_PROXY]")]
Deadline = Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="For the whole command.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log each request on standard error.")]


@dataclass(frozen=True)
class Connection:
    """How to reach an org: the options of every command that talks to one."""

    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            "-r",
            metavar="REGION",
            help="AWS region, domain, or sandbox.  [GENESYSCLOUD_REGION]",
            autocompletion=complete_region,
        ),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="NAME",
            help="An org of the configuration file.  [EBRULE_PROFILE]",
            autocompletion=complete_profile,
        ),
    ] = None
    client_secret_file: Annotated[
        str | None,
        typer.Option("--client-secret-file", metavar="FILE", help="The OAuth client's secret; - is standard input."),
    ] = None
    api_url: Annotated[
        str | None, typer.Option("--api-url", metavar="URL", help="Instead of a region.  [EBRULE_API_URL]")
    ] = None
    login_url: Annotated[
        str | None, typer.Option("--login-url", metavar="URL", help="Where tokens come from.  [EBRULE_LOGIN_URL]")
    ] = None
    ca_file: CaFile = None
    proxy: Proxy = None
    transport: Annotated[
        TransportName, typer.Option("--transport", help="What carries requests: ebrule's own, or the SDK.")
    ] = TransportName.HTTPX
    deadline: Deadline = DEFAULT_DEADLINE
    verbose: Verbose = False


def _check_standard_input(connection: Connection, others: Iterable[Any]) -> None:
    """Refuse to read two things from standard input, such as the rule file and the client's secret."""
    inputs = [connection.client_secret_file, *others]
    if sum("-" in (each if isinstance(each, list) else [each]) for each in inputs) > 1:
        raise UsageError(
            "standard input cannot be two things at once",
            hint="Give a file for each of them but one.",
            code="two-inputs",
        )


def with_connection(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the connection options on its command line, in place of its parameter ``connection``.

    Typer reads a command's options from its signature, so the returned function's says all of them.
    """
    own = inspect.signature(command, eval_str=True).parameters
    hints = get_type_hints(Connection, include_extras=True)
    shared = {
        field.name: inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(Connection)
    }

    def connected(**options: Any) -> int:
        connection = Connection(**{name: options.pop(name) for name in shared})
        _check_standard_input(connection, options.values())
        return command(connection=connection, **options)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own.values()
        if parameter.name != "connection"
    ]
    signature = inspect.Signature([*parameters, *shared.values()], return_annotation=int)
    connected.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature looks at first
    connected.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    return connected
