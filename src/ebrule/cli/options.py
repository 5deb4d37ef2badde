"""Options that several commands share, spelled once."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

_ORG = "Org"
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


class OnConflict(str, enum.Enum):
    """What to do when somebody else changes the rule meanwhile."""

    MERGE = "merge"
    FAIL = "fail"
    OVERWRITE = "overwrite"


RuleIdOption = Annotated[
    str | None, typer.Option("--rule-id", metavar="ID", help="The rule; by default what the file says.")
]
FileOption = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The rule file; - is standard input.")]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", "-k", metavar="KIND", help="The rule's kind; by default what the file says."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
NoCheckTargets = Annotated[
    bool, typer.Option("--no-check-targets", help="Do not ask the org whether the targets exist.")
]
ExpectVersion = Annotated[
    int | None,
    typer.Option("--expect-version", metavar="N", min=0, help="Only if the org still has this version."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log each request on standard error.")]
Region = Annotated[
    str | None,
    typer.Option("--region", "-r", metavar="REGION", help="AWS region, domain, or sandbox.  [GENESYSCLOUD_REGION]"),
]
ApiUrl = Annotated[str | None, typer.Option("--api-url", metavar="URL", help="Instead of a region.  [EBRULE_API_URL]")]
LoginUrl = Annotated[
    str | None, typer.Option("--login-url", metavar="URL", help="Where tokens come from.  [EBRULE_LOGIN_URL]")
]
CaFile = Annotated[str | None, typer.Option("--ca-file", metavar="PEM", help="Certificates to trust.  [SSL_CERT_FILE]")]
Proxy = Annotated[str | None, typer.Option("--proxy", metavar="URL", help="HTTP proxy.  [HTTPS_PROXY]")]


class TransportName(str, enum.Enum):
    """What carries the requests to the org."""

    HTTPX = "httpx"
    SDK = "sdk"


Transport = Annotated[
    TransportName, typer.Option("--transport", help="What carries requests: ebrule's own, or the SDK.")
]
Deadline = Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="For the whole command.")]
AuditLog = Annotated[Path | None, typer.Option("--audit-log", metavar="FILE", help="The ledger.  [EBRULE_AUDIT_LOG]")]


@dataclass(frozen=True)
class Connection:
    """How to reach an org: the options of every command that talks to one."""

    region: str | None = None
    api_url: str | None = None
    login_url: str | None = None
    ca_file: str | None = None
    proxy: str | None = None
    transport: TransportName = TransportName.HTTPX
    deadline: float = DEFAULT_DEADLINE
    verbose: bool = False
