"""``python -m ebrule.sandbox``: serve a sandbox; prints its URL, one line, once it is ready."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ebrule.sandbox.database import DatabaseError
from ebrule.sandbox.server import serve
from ebrule.sandbox.services import Config
from ebrule.sandbox.storing import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal, or the end of the lifeline.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code: 0 after a clean stop, 1 if the sandbox cannot start, 2 for wrong usage.
    """
    options = _parser().parse_args(arguments)
    try:
        serve(_config(options), host=options.host, port=options.port, on_ready=_announce, lifeline=options.lifeline)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except (OSError, DatabaseError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _config(options: argparse.Namespace) -> Config:
    return Config(
        options.state_dir,
        latency_ms=options.latency_ms,
        faults=options.fault,
        rate_limit=options.rate_limit,
        token_seconds=options.token_seconds,
        client=tuple(options.client) if options.client else None,
        stores=options.stores,
        echoes=options.echoes,
        org_id=options.org_id,
        authors=options.authors,
        replica_lag=options.replica_lag,
        replicas=options.replicas,
        any_case_paths=options.any_case_paths,
    )


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ebrule.sandbox", description="Serve a local Genesys Cloud for event-routing rules."
    )
    parser.add_argument("--state-dir", type=Path, required=True, help="folder that keeps the state")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--latency-ms", type=float, default=0, help="extra latency of every request")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND[:KEY=VALUE,…]", help="repeatable")
    parser.add_argument("--rate-limit", type=int, default=300, help="requests a minute for each token; 0: none")
    parser.add_argument("--token-seconds", type=int, default=86_400, help="for how long a token is good")
    parser.add_argument("--client", nargs=2, metavar=("ID", "SECRET"), help="the OAuth client with every scope")
    parser.add_argument("--stores", action="append", default=[], metavar="WAY[,WAY…]", help=", ".join(WAYS))
    parser.add_argument("--echoes", action="store_true", help="reply to a write with what was sent")
    parser.add_argument("--org-id", metavar="UUID", help="the organization of all clients but sandbox-other")
    parser.add_argument("--authors", choices=("all", "none"), help="kinds whose replies have createdBy, modifiedBy")
    parser.add_argument("--replica-lag", type=int, default=0, metavar="READS", help="reads that miss the last write")
    parser.add_argument("--replicas", type=int, default=1, metavar="COUNT", help="how many answer; the first one lags")
    parser.add_argument("--any-case-paths", action="store_true", help="ignore the case of paths, but not of ids")
    parser.add_argument("--lifeline", action="store_true", help="stop at the end of standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
