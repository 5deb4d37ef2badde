"""The path of a receiver's URL that lets whoever knows it post there is not shown; names in a path are."""

from __future__ import annotations

import json
import secrets

import pytest
from pydantic import SecretStr

from ebrule.core.webhook import Endpoint, Try, delivery_fields
from ebrule.redaction import Redactor
from ebrule.redaction.capabilities import capability_in, shown_url

KEY = b"k" * 32
UUID = "123e4567-e89b-12d3-a456-426614174000"

CAPABILITIES = [
    ("/services/", "T024BE7LD/B0345ABCD/x7Kq2mZp9LwR4vTn8YcD1sGh"),
    ("/services/", "T000/B000/xyz"),
    ("/api/webhooks/", "1122334455/aBc-dEf_1"),
    ("/api/v10/webhooks/", "1122334455/aBc"),
    ("/hooks/catch/", "1234567/o1bc2de/"),
    ("/webhookb2/", f"{UUID}@{UUID}/IncomingWebhook/0123456789abcdef0123456789abcdef/{UUID}"),
    ("/webhook/", UUID),
    ("/trigger/rule_changed/with/key/", "dQw4w9WgXcQ"),
    ("/hooks/", "x7kq2mzp9lwr4vtn8ycd1sghab"),
    ("/v1/integration/", "0123456789abcdef0123456789abcdef/enqueue"),
    ("/in/", "x7Kq2mZp%2D9LwR4vTn8YcD1sGh"),
    ("/in/", "qzmwxkvjhtrplsdn"),
    ("/in/", "XXXXXXXXXXXXXXXXXXXXXXXX"),
]
PLAIN = [
    "/",
    "/in",
    "/events",
    "/genesys/rule-events",
    "/process-automation-trigger-updates",
    "/conversationEventsReceiver",
    "/hooks/rules-2024-06-01",
    "/v2/eu-west-1/ruleEventsReceiver01",
    "/api/v1/organizations/12345/events",
    "/services/notify",
    "/ebrule/rule_updates/v2",
    "/administrators/notifications",
    "/oauth2callback",
]


@pytest.mark.parametrize(("fixed", "capability"), CAPABILITIES)
def test_a_capability_is_a_digest(fixed: str, capability: str) -> None:
    """The well-known services' and whatever looks random is a digest, the same each time and for each its own."""
    url = f"https://hooks.example.com{fixed}{capability}?token=x#y"
    endpoint = Endpoint(url, key=lambda: KEY)

    assert f"https://hooks.example.com{fixed}{Redactor(KEY).value(capability)}" == endpoint.shown
    assert {endpoint.shown, f"https://hooks.example.com{fixed}{capability}"} == endpoint.recorded_as
    assert endpoint.shown != Endpoint(f"{url.partition('?')[0]}x", key=lambda: KEY).shown
    assert shown_url(endpoint.shown, lambda _: "…") == endpoint.shown


@pytest.mark.parametrize("path", PLAIN)
def test_names_in_a_path_are_shown(path: str) -> None:
    """Words, with numbers behind them, are no capability."""
    assert len(path) == capability_in(path)
    assert f"https://h.example.com{path}" == Endpoint(f"https://h.example.com{path}").shown


def test_random_segments_are_told_from_names() -> None:
    """Of random tokens in the alphabets that services use, hardly one is taken for a name."""
    made = [make() for make in (secrets.token_hex, secrets.token_urlsafe) for _ in range(500)]

    assert sum(capability_in(f"/in/{token}") > len("/in/") for token in made) <= 5


@pytest.mark.parametrize(("fixed", "capability"), CAPABILITIES)
def test_a_receiver_cannot_have_its_path_shown(fixed: str, capability: str) -> None:
    """What quotes the URL is shown without its secrets, whether a message, a request's line or a record."""
    url = f"https://hooks.example.com{fixed}{capability}"
    endpoint = Endpoint(url, SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), key=lambda: KEY)
    record = delivery_fields(endpoint, {"id": "msg_1"}, Try(1, 200))

    assert capability not in endpoint.hide(f"no such hook: {url} ({fixed}{capability})")
    assert capability not in json.dumps(record)
    assert endpoint.key_id == record["key_id"]
    assert "key_id" not in delivery_fields(Endpoint("https://h/in"), {"id": "msg_1"}, Try(1, 200))
