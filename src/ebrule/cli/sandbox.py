"""``ebrule sandbox``: a local Genesys Cloud to try things on."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli.completion import complete_fault, complete_stores
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERVE_HELP = """Serve a local Genesys Cloud until it is interrupted.

\b
Examples:
  ebrule sandbox serve
  ebrule sandbox serve --port 8080 --latency-ms 50
  ebrule sandbox serve --fault status:status=503,times=2
  ebrule sandbox serve --stores trimmed,defaults

It listens on loopback only, and keeps its state in ebrule's state folder.
The client sandbox-other (same secret) belongs to a second org with rules of
its own.

\b
Real orgs store some bodies differently than sent. Ways to store:
  lower-case     URLs and header names of targets in lower case
  truncated      name, description and notes cut at 40 characters
  trimmed        texts without leading and trailing blanks
  defaults       default values for fields that are missing or empty
  ignored        description and notes not stored
  dropped-empty  null, "", [] and {} not stored
  sorted         conditions, targets, matchCriteria, eventFilter sorted
"""

RESET_HELP = """Put the sandbox's rules back to what they were at first.

\b
Example:
  ebrule sandbox reset
"""


class Authors(str, enum.Enum):
    """The kinds of rules whose replies have createdBy and modifiedBy."""

    ALL = "all"
    NONE = "none"


class ServeCommand(NamedTuple):
    """What ``ebrule sandbox serve`` was asked to do."""

    host: str = "127.0.0.1"
    port: int = 0
    latency_ms: float = 0.0
    faults: Sequence[str] = ()
    stores: Sequence[str] = ()
    echoes: bool = False
    org_id: str | None = None
    authors: Authors | None = None
    replica_lag: int = 0
    replicas: int = 1
    any_case_paths: bool = False


def run_serve(command: ServeCommand, screen: Screen) -> int:
    """Serve until a signal comes; return the exit code."""
    from ebrule.errors import UsageError

    state_dir = _state_dir()
    from ebrule.sandbox.server import serve
    from ebrule.sandbox.services import Config

    config = Config(
        state_dir,
        latency_ms=command.latency_ms,
        faults=command.faults,
        stores=command.stores,
        echoes=command.echoes,
        org_id=command.org_id,
        authors=command.authors and command.authors.value,
        replica_lag=command.replica_lag,
        replicas=command.replicas,
        any_case_paths=command.any_case_paths,
    )

    def ready(url: str) -> None:
        client_id, secret = _client()
        screen.out(f"A sandbox serves at {url} until Ctrl-C. To use it from another terminal:")
        screen.out()
        screen.out(f"  export EBRULE_API_URL={url}")
        screen.out(f"  export GENESYSCLOUD_OAUTHCLIENT_ID={client_id} GENESYSCLOUD_OAUTHCLIENT_SECRET={secret}")
        screen.out("  ebrule show demo-rule")

    try:
        serve(config, host=command.host, port=command.port, on_ready=ready)
    except (ValueError, OSError) as error:
        raise UsageError(str(error), hint="See: ebrule sandbox serve --help", code="bad-sandbox-option") from error
    return 0


def run_reset(screen: Screen) -> int:
    """Put the first state back; return the exit code."""
    from ebrule.cli.results import short_path
    from ebrule.errors import UsageError
    from ebrule.sandbox.database import reset

    state_dir = _state_dir()
    try:
        reset(state_dir)
    except OSError as error:
        raise UsageError(f"{state_dir} cannot be written: {error.strerror}", code="bad-state-dir") from error
    screen.out(f"The sandbox is as it was at first. Its state is kept in {short_path(state_dir)}.")
    return 0


def _client() -> tuple[str, str]:
    from ebrule.cli.local_sandbox import CLIENT

    return CLIENT


def _state_dir() -> Path:
    from ebrule.cli.local_sandbox import check_installed, state_of
    from ebrule.settings import Options

    check_installed()
    return state_of(Options(), os.environ)


def serve_command(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="A loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0 takes a free one.")] = 0,
    latency_ms: Annotated[
        float, typer.Option("--latency-ms", metavar="MS", min=0, help="Added to every answer.")
    ] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", metavar="KIND[:KEY=VALUE,…]", help="Misbehave; repeatable.", autocompletion=complete_fault
        ),
    ] = None,
    stores: Annotated[
        list[str] | None,
        typer.Option(
            "--stores",
            metavar="WAY[,WAY…]",
            help="Store bodies differently than sent; repeatable.",
            autocompletion=complete_stores,
        ),
    ] = None,
    echoes: Annotated[
        bool, typer.Option("--echoes", help="Reply to a PUT with what was sent, not with what is stored.")
    ] = False,
    org_id: Annotated[
        str | None, typer.Option("--org-id", metavar="UUID", help="The org's id, instead of the usual one.")
    ] = None,
    authors: Annotated[
        Authors | None, typer.Option("--authors", help="Kinds that show their authors; by default eventbridge.")
    ] = None,
    replica_lag: Annotated[
        int, typer.Option("--replica-lag", metavar="READS", min=0, help="How many GETs miss the last write of a rule.")
    ] = 0,
    replicas: Annotated[
        int,
        typer.Option("--replicas", metavar="COUNT", min=1, help="How many answer GETs in turn; the first lags."),
    ] = 1,
    any_case_paths: Annotated[
        bool, typer.Option("--any-case-paths", help="Ignore the case of paths, but not of ids.")
    ] = False,
) -> int:
    command = ServeCommand(
        host=host,
        port=port,
        latency_ms=latency_ms,
        faults=fault or [],
        stores=stores or [],
        echoes=echoes,
        org_id=org_id,
        authors=authors,
        replica_lag=replica_lag,
        replicas=replicas,
        any_case_paths=any_case_paths,
    )
    return run_serve(command, Screen())


def reset_command() -> int:
    return run_reset(Screen())
