"""``ebrule sandbox``: a local Genesys Cloud to try things on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ebrule.cli.completion import complete_fault
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

It listens on loopback only, and keeps its state in ebrule's state folder.
"""

RESET_HELP = """Put the sandbox's rules back to what they were at first.

\b
Example:
  ebrule sandbox reset
"""


class ServeCommand(NamedTuple):
    """What ``ebrule sandbox serve`` was asked to do."""

    host: str = "127.0.0.1"
    port: int = 0
    latency_ms: float = 0.0
    faults: Sequence[str] = ()


def run_serve(command: ServeCommand, screen: Screen) -> int:
    """Serve until a signal comes; return the exit code."""
    from ebrule.errors import UsageError

    state_dir = _state_dir()
    from ebrule.sandbox.server import serve

    def ready(url: str) -> None:
        client_id, secret = _client()
        screen.out(f"A sandbox serves at {url} until Ctrl-C. To use it from another terminal:")
        screen.out()
        screen.out(f"  export EBRULE_API_URL={url}")
        screen.out(f"  export GENESYSCLOUD_OAUTHCLIENT_ID={client_id} GENESYSCLOUD_OAUTHCLIENT_SECRET={secret}")
        screen.out("  ebrule show demo-rule")

    try:
        serve(
            state_dir=state_dir,
            host=command.host,
            port=command.port,
            latency_ms=command.latency_ms,
            faults=command.faults,
            on_ready=ready,
        )
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
) -> int:
    return run_serve(ServeCommand(host, port, latency_ms, fault or []), Screen())


def reset_command() -> int:
    return run_reset(Screen())
