"""What every route of a running sandbox can reach: its configuration and its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.requests import Request

    from ebrule.sandbox.database import Database


@dataclass(frozen=True)
class Config:
    """How one server process behaves; what it stores is shared with every other on the same folder.

    Args:
        state_dir: The folder of the state file.
        latency_ms: Milliseconds that every request waits before anything else happens.
        faults: Fault specifications, see ``faults.parse``.
        rate_limit: Requests a minute for each token; 0 means no limit.
        token_seconds: For how long a new token is good.
        client: Id and secret of the OAuth client with every scope, in place of the well-known ones.
        stores: How it stores what it is sent: names of ways, see ``storing.WAYS``.
        echoes: Whether the reply to a write shows what was sent, not what is stored.
        org_id: The id, a UUID, of the organization of all clients but ``sandbox-other``, in place of the usual one.
        authors: ``all`` or ``none``: the kinds whose replies say who made and changed a resource and when. None
            means those of which the service tells it.
        replica_lag: How many reads of a resource after each write still show the state before it.
        replicas: How many replicas take turns in answering these reads; only the first one lags.
        any_case_paths: Whether the case of letters in a path matters in ids only.
    """

    state_dir: Path
    latency_ms: float = 0
    faults: Sequence[str] = ()
    rate_limit: int = 300
    token_seconds: int = 86_400
    client: tuple[str, str] | None = None
    stores: Sequence[str] = ()
    echoes: bool = False
    org_id: str | None = None
    authors: str | None = None
    replica_lag: int = 0
    replicas: int = 1
    any_case_paths: bool = False


@dataclass(frozen=True)
class Services:
    """What the routes work with."""

    config: Config
    database: Database


def services_of(request: Request) -> Services:
    """Find the services of the application that a request came to."""
    services: Services = request.app.state.services
    return services
