"""The token goes to the configured host only."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from reliability.canaries import SDK_IS_HERE, Cage
from reliability.echoing_org import EchoingOrg
from reliability.second_server import PLACES, REDIRECTS, SPELLINGS, WAYS, credentials_in, lead_astray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.loopback

SEED: Final = 1
_ONE_EACH: Final = [f"{place} {status}" for place, status in zip(PLACES, REDIRECTS, strict=True)]
FEW: Final = [*(name for name in WAYS if not name.endswith(tuple(map(str, REDIRECTS)))), *_ONE_EACH]
"""Every way, but one redirect only from each place, each with another status."""

needs_sdk = pytest.mark.skipif(not SDK_IS_HERE, reason="the SDK is not installed")


@pytest.mark.parametrize(
    ("ways", "rounds", "transport"),
    [
        pytest.param(FEW, 1, "httpx", id="few"),
        pytest.param(["get 307"], 1, "sdk", id="sdk", marks=needs_sdk),
        pytest.param(list(WAYS), SPELLINGS, "httpx", id="all", marks=pytest.mark.full),
        pytest.param(list(WAYS), 1, "sdk", id="all-sdk", marks=[needs_sdk, pytest.mark.full]),
    ],
)
def test_no_token_goes_elsewhere(ways: Sequence[str], rounds: int, transport: str) -> None:
    """Whatever the configured host answers, whatever ids and proxies say: a second server sees no secret."""
    guarded = lead_astray(SEED, ways, rounds=rounds, options=("--transport", transport))

    assert ([], []) == (guarded.found, guarded.wrong)
    assert guarded.sent > guarded.runs / 2


@pytest.mark.parametrize(
    ("path", "header", "body"),
    [
        ("/x", "Authorization: Bearer of somebody", ""),
        ("/x", "Proxy-Authorization: Basic of somebody", ""),
        ("/x", "Cookie: session=of somebody", ""),
        ("/x", "X-Token: {token}", ""),
        ("/x", "X-Pair: {pair}", ""),
        ("/x/{token}?y", "Accept: */*", ""),
        ("/x?token={token}", "Accept: */*", ""),
        ("/x", "Accept: */*", "token={token}"),
        ("/x", "Accept: */*", '[{{"a": "b {token}"}}]'),
    ],
)
def test_a_credential_is_found_wherever_it_stands(path: str, header: str, body: str) -> None:
    """A header for credentials, and a piece of a secret in a path, a query, any header or a body, is a token."""
    cage = Cage(random.Random(SEED))  # noqa: S311 - repeatable by intent
    token = cage.canary("the token")
    cage.encoded(f"client:{token}", "the pair")
    words = {"token": token, "pair": base64.b64encode(f"client:{token}".encode()).decode()}
    name, _, value = header.format(**words).partition(": ")

    assert len(_found_in_put(cage, path.format(**words), {name: value}, body.format(**words))) == 1


def test_a_signed_event_carries_no_credential() -> None:
    """The signature of a webhook is for whoever gets it."""
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,c2lnbmVkCg=="}

    assert _found_in_put(Cage(random.Random(SEED)), "/events", headers, "{}") == []  # noqa: S311 - as above


def _found_in_put(cage: Cage, path: str, headers: dict[str, str], body: str) -> list[str]:
    second = EchoingOrg({}, "")
    with second.serving():
        httpx.put(f"{second.url}{path}", headers=headers, content=body, trust_env=False)
    return credentials_in(second.asked[0], cage)


_FOLLOWING: Final = """
import httpx
from ebrule.core import transport

def follow(reply):
    if to := reply.headers.get("location"):
        kept = {"Authorization": reply.request.headers["Authorization"]}
        httpx.request(reply.request.method, to, headers=kept, trust_env=False)

transport._forget_location = follow
"""


@pytest.mark.parametrize("place", ["token", "get", "other", "put"])
def test_an_ebrule_that_follows_is_found_out(tmp_path: Path, place: str) -> None:
    """The proof fails for an ebrule that goes with its credentials where a reply leads."""
    (tmp_path / "sitecustomize.py").write_text(_FOLLOWING)

    guarded = lead_astray(SEED, [f"{place} 307"], environ={"PYTHONPATH": str(tmp_path)})

    assert any(found.startswith("the header authorization in ") for found in guarded.found)
