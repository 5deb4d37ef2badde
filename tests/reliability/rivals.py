"""How users update such a rule today, for comparison, and how writers converge in a simulation.

``version-only`` is what scripts do, and what the Terraform provider for Genesys Cloud means to do: on a 409
it reads the present version, puts it into its own body, and sends that again. ``no-retry`` gives up at
once.
"""

from __future__ import annotations

import base64
import heapq
import http.client
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ebrule.core.retry import CONFLICT_BACKOFF
from reliability.history import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliability.fleet import Job

ALGORITHMS: Final = ("version-only", "no-retry")
ATTEMPTS: Final = 10
_CONFLICT: Final = 409


def one_round(job: Job, number: int) -> Claim:
    """Make one edit, and say of it what such a client says: 0 after a 2xx, 7 otherwise."""
    target, value = job.edit(number)
    chance = random.Random(f"{job.seed} {job.writer} {number}")  # noqa: S311 - repeatable by intent
    path = f"/api/v2/eventbridge/routing/rules/{job.rule_id}"
    headers = {"Authorization": f"Bearer {_token(job.url)}", "Content-Type": "application/json"}
    _, rule = _ask(job.url, "GET", path, headers)
    next(each for each in rule["targets"] if each["id"] == target)["url"] = value
    for attempt in range(1, ATTEMPTS + 1):
        status, reply = _ask(job.url, "PUT", path, headers, json.dumps(rule))
        if status != _CONFLICT or job.algorithm == "no-retry":
            break
        # The same waits as ebrule's, so that only the algorithms differ.
        time.sleep(CONFLICT_BACKOFF.seconds(attempt, chance.random))
        rule["version"] = _ask(job.url, "GET", path, headers)[1]["version"]
    done = status < 300
    return Claim(
        job.writer,
        f"targets[{target}].url",
        value,
        0 if done else 7,
        reply["version"] if done else None,
        "updated" if done else "failed",
        attempt,
    )


def _token(url: str) -> str:
    credentials = base64.b64encode(b"sandbox:sandbox-secret").decode()
    headers = {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    _, reply = _ask(url, "POST", "/oauth/token", headers, "grant_type=client_credentials")
    token: str = reply["access_token"]
    return token


def _ask(url: str, method: str, path: str, headers: dict[str, str], body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


# --- simulated ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Converged:
    """How a simulated race ended: writers that got through, PUTs in all, seconds until the last one ended."""

    through: int
    puts: int
    seconds: float


def simulate(
    writers: int,
    wait: Callable[[int, random.Random], float],
    attempts: int,
    chance: random.Random,
    *,
    hop_seconds: float = 0.025,
) -> Converged:
    """Let ``writers`` change one versioned thing at once, in simulated time.

    Each reads, writes, and after a stale version waits, reads and writes again: ``attempts`` times at most.

    Args:
        writers: how many.
        wait: gives the seconds to wait after so many failed attempts.
        attempts: PUTs that each writer has.
        chance: where the jitter, of waits and of the network, comes from.
        hop_seconds: one way to the server, on average.
    """

    def hop() -> float:
        return hop_seconds * (0.5 + chance.random())

    # When it reaches the server, who, whether it is a PUT, the version that it knows, how many PUTs before.
    events = [(hop(), writer, False, 0, 0) for writer in range(writers)]
    heapq.heapify(events)
    version = through = puts = 0
    now = 0.0
    while events:
        now, writer, is_put, known, failed = heapq.heappop(events)
        if not is_put:
            heapq.heappush(events, (now + hop() + hop(), writer, True, version, failed))
            continue
        puts += 1
        if known == version:
            version += 1
            through += 1
        elif failed + 1 < attempts:
            pause = wait(failed + 1, chance)
            heapq.heappush(events, (now + hop() + pause + hop(), writer, False, 0, failed + 1))
    return Converged(through, puts, now)


def ours(failed: int, chance: random.Random) -> float:
    """Wait as ebrule does."""
    return CONFLICT_BACKOFF.seconds(failed, chance.random)


def client_go(failed: int, chance: random.Random) -> float:
    """Wait as client-go's ``retry.DefaultRetry`` does: 10 ms and up to a tenth more; 5 attempts in all."""
    return 0.01 * (1 + 0.1 * chance.random())


CLIENT_GO_ATTEMPTS: Final = 5
