"""What a command line or a program sets of a run, before environment and profile are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import os

    from pydantic import SecretStr

DEFAULT_DEADLINE = 120.0

EventFormat = Literal["genesys", "cloudevents"]
"""How an event is laid out: as Genesys Cloud's own events are, or as a CloudEvents 1.0 event."""


class Options(NamedTuple):
    """What the command line or a library user sets; None leaves it to the environment and the profile."""

    region: str | None = None
    profile: str | None = None
    api_url: str | None = None
    login_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    ca_file: str | None = None
    proxy: str | None = None
    transport: Literal["httpx", "sdk"] = "httpx"
    deadline: float = DEFAULT_DEADLINE
    webhook_url: str | None = None
    webhook_format: EventFormat = "genesys"
    audit_log: str | os.PathLike[str] | None = None
    audit_otlp: str | None = None
    audit_otlp_required: bool = False
    state_dir: str | os.PathLike[str] | None = None
