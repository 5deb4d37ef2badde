"""Which org, and which OAuth client: what records of a rule are kept apart by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.errors import AccessError, EbruleError, InterruptedRunError
from ebrule.rules.kind import is_id

if TYPE_CHECKING:
    from ebrule.core.auth import Session

TOKEN_INFO = "/api/v2/tokens/me"  # noqa: S105 - a path, no secret


class OrgIdentity(NamedTuple):
    """An org, as the ledger and events name it.

    Attributes:
        id: what the org says it is; else the OAuth client's id with the host, else the host.
        client_id: the OAuth client, where what it changes names it as author (``modifiedBy``).
        warning: why the org could not be asked; None where it answered.
    """

    id: str
    client_id: str | None = None
    warning: str | None = None


def read_identity(session: Session) -> OrgIdentity:
    """Ask the org who it is. One that does not say is named by the client and the host.

    Raises :class:`InterruptedRunError` where a signal ended the run.
    """
    org = session.org
    info: dict[str, Any] = {}
    failure: EbruleError | None = None
    try:
        reply = session.reader.read(TOKEN_INFO, "asking which org this is")
        info = {} if reply is None else reply.object
    except InterruptedRunError:
        raise
    except AccessError:
        pass  # an org that does not say is named below
    except EbruleError as error:
        failure = error
    client_id = _id_in(info.get("OAuthClient")) or org.client_id
    # Only of a token that was fetched for the client is it known that changes carry the client's name.
    author = client_id if org.access_token is None else None
    if (org_id := _id_in(info.get("organization"))) is not None:
        return OrgIdentity(org_id, author)
    name = f"{client_id}@{org.name}" if client_id else org.name
    warning = f"{failure.message}; this run's records name the org {name}" if failure else None
    return OrgIdentity(name, author, warning)


def _id_in(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and is_id(found) else None
