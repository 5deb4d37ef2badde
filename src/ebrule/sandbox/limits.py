"""The rate limit: so many requests a minute for each token, counted over all server processes of a state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ebrule.sandbox.replies import ApiError

if TYPE_CHECKING:
    import sqlite3

WINDOW_SECONDS: Final = 60.0

_KEY: Final = "client.credentials.token.rate.per.minute"


@dataclass(frozen=True)
class Usage:
    """How much of its minute a token has used up.

    Args:
        count: Requests in the present window, this one included.
        allowed: Requests that a window admits.
        reset: Seconds until the next window, rounded up.
    """

    count: int
    allowed: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Give the headers that Genesys Cloud puts on each authenticated reply."""
        return {
            "inin-ratelimit-count": str(self.count),
            "inin-ratelimit-allowed": str(self.allowed),
            "inin-ratelimit-reset": str(self.reset),
        }

    def check(self) -> None:
        """Refuse the request that is one too many.

        Raises:
            ApiError: 429, with ``Retry-After`` in seconds.
        """
        if self.count > self.allowed:
            raise ApiError(
                429,
                f"Rate limit exceeded the maximum. Retry the request in [{self.reset}] seconds",
                params={"retryAfter": str(self.reset)},
                limit={"key": _KEY, "namespace": "platform.api", "value": self.allowed},
                headers={"Retry-After": str(self.reset)},
            )


def count(connection: sqlite3.Connection, token_digest: str, *, allowed: int, now: float) -> Usage:
    """Count one request of a token; call it inside a write transaction.

    Args:
        connection: The state.
        token_digest: The token, as the table ``tokens`` names it.
        allowed: Requests that a window admits.
        now: Seconds since the epoch.
    """
    connection.execute(
        "UPDATE tokens SET window_start = :now, window_count = 0"
        " WHERE digest = :digest AND NOT (window_start <= :now AND :now < window_start + :window)",
        {"now": now, "digest": token_digest, "window": WINDOW_SECONDS},
    )
    connection.execute("UPDATE tokens SET window_count = window_count + 1 WHERE digest = ?", (token_digest,))
    start, used = connection.execute(
        "SELECT window_start, window_count FROM tokens WHERE digest = ?", (token_digest,)
    ).fetchone()
    return Usage(used, allowed, math.ceil(start + WINDOW_SECONDS - now))
