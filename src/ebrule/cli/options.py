"""Options that several commands share, spelled once."""

from __future__ import annotations

import enum
import inspect
import shlex
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

from ebrule.cli.completion import complete_kind, complete_profile, complete_region, complete_rule
from ebrule.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    str | None,
    typer.Option(
        "--rule-id", metavar="ID", help="The rule; by default what the file says.", autocompletion=complete_rule
    ),
]
FileOption = Annotated[
    str | None, typer.Option("--file", "-f", metavar="FILE", help="The rule file; - is standard input.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A value over the file's, or over the rule's. Repeatable."),
]
SetStringOption = Annotated[
    list[str] | None,
    typer.Option("--set-string", metavar="PATH=TEXT", help="As --set, and always text. Repeatable."),
]
AllowIdentityChange = Annotated[bool, typer.Option("--allow-identity-change", help="Let a source become another one.")]


def _kind(help_text: str) -> Any:
    return typer.Option("--kind", "-k", metavar="KIND", help=help_text, autocompletion=complete_kind)


KindOption = Annotated[str | None, _kind("The rule's kind; by default what the file says.")]
KindWithoutFile = Annotated[str | None, _kind("The rule's kind; by default eventbridge.")]
KindInLedger = Annotated[str | None, _kind("The rule's kind; by default what the ledger says.")]
OnlyKind = Annotated[str | None, _kind("Only this kind; by default all.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
ReportOption = Annotated[Report, typer.Option("--output", "-o", help="How to print what was found.")]
NoCheckTargets = Annotated[
    bool, typer.Option("--no-check-targets", help="Do not ask the org whether the targets exist.")
]
ExpectVersion = Annotated[
    int | None,
    typer.Option("--expect-version", metavar="N", min=0, help="Only if the org still has this version."),
]
AuditLog = Annotated[Path | None, typer.Option("--audit-log", metavar="FILE", help="The ledger.  [EBRULE_AUDIT_LOG]")]
Junit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML.")]


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
Proxy = Annotated[str | None, typer.Option("--proxy", metavar="URL", help="Proxy, without a password.  [HTTPS_PROXY]")]
Deadline = Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="For the whole command.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log each request, and where a bug is.  [EBRULE_DEBUG]")]


def as_typed(options: Mapping[str, str | None]) -> str:
    """Return options as they can be typed, without those that were not given."""
    return shlex.join(word for name, value in options.items() if value for word in (name, value))


class Connection(NamedTuple):
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

    @property
    def given(self) -> str:
        """How the command line told the org, to be told again to another command; a proxy's URL may have a password."""
        return as_typed(
            {
                "--region": self.region,
                "--profile": self.profile,
                "--client-secret-file": self.client_secret_file,
                "--api-url": self.api_url,
                "--login-url": self.login_url,
                "--ca-file": self.ca_file,
            }
        )


class Change(NamedTuple):
    """How a change is made: the options of every command that changes a rule."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False
    exit_code: Annotated[bool, typer.Option("--exit-code", help="With --dry-run: 10 if there are differences.")] = False
    expect_version: ExpectVersion = None
    on_conflict: Annotated[
        OnConflict | None,
        typer.Option(
            "--on-conflict",
            help="When somebody else changes the rule meanwhile.  [default: merge; fail if a version is expected]",
        ),
    ] = None
    max_attempts: Annotated[int, typer.Option("--max-attempts", metavar="N", min=1, help="How many PUTs at most.")] = 10
    no_check_targets: NoCheckTargets = False
    allow_identity_change: AllowIdentityChange = False
    webhook_url: WebhookUrl = None
    webhook_format: WebhookFormatOption = WebhookFormat.GENESYS
    no_webhook: Annotated[bool, typer.Option("--no-webhook", help="Tell nobody.")] = False
    audit_log: AuditLog = None
    audit_otlp: Annotated[
        str | None,
        typer.Option(
            "--audit-otlp",
            metavar="URL",
            help="An OpenTelemetry collector that gets the records too.  [EBRULE_AUDIT_OTLP]",
        ),
    ] = None
    audit_otlp_required: Annotated[
        bool, typer.Option("--audit-otlp-required", help="Change nothing that the collector has not got the intent of.")
    ] = False
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Kept in the ledger.")] = None
    output: OutputOption = Output.TEXT


def check_unasked(connection: Connection, ask: str) -> None:
    """Refuse options that would make believe that the org is asked; ``ask`` is the option that has it asked."""
    usual = Connection()
    unused = next((name for name, given in connection._asdict().items() if given != getattr(usual, name)), None)
    if unused is not None:
        option = f"--{unused.replace('_', '-')}"
        raise UsageError(f"{option} is for asking the org", hint=f"Add {ask}, or leave out {option}.")


def _check_standard_input(groups: Iterable[Any], others: Iterable[Any]) -> None:
    """Refuse to read two things from standard input, such as the rule file and the client's secret."""
    inputs = [*(group.client_secret_file for group in groups if isinstance(group, Connection)), *others]
    if sum("-" in (each if isinstance(each, list) else [each]) for each in inputs) > 1:
        raise UsageError(
            "standard input cannot be two things at once",
            hint="Give a file for each of them but one.",
            code="two-inputs",
        )


def with_groups(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of each group that it takes, on its command line, in the group's place.

    A group is a parameter whose type is a named tuple of options, such as :class:`Connection`. Typer reads a command's
    options from its signature, so the returned function's says all of them: the command's own, then the groups'.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: parameter.annotation for name, parameter in own.items() if _is_group(parameter.annotation)
    }
    singles = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, parameter in own.items() if name not in groups
    ]
    grouped = {name: _parameters(group) for name, group in groups.items()}

    def spread(**options: Any) -> int:
        taken = {
            name: groups[name](**{each.name: options.pop(each.name) for each in parameters})
            for name, parameters in grouped.items()
        }
        _check_standard_input(taken.values(), options.values())
        return command(**taken, **options)

    signature = inspect.Signature([*singles, *chain.from_iterable(grouped.values())], return_annotation=int)
    spread.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature looks at first
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    return spread


def _is_group(annotation: Any) -> bool:
    return hasattr(annotation, "_field_defaults")


def _parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
        for name, default in group._field_defaults.items()
    ]
