"""Webhook syncer: the event that announces a change, its signature (Standard Webhooks), and its delivery.

An event has one of two formats, and tells which by itself, so that one from the ledger goes out as it is:

    genesys       {"id", "eventType", "timestamp", "data", "previousVersion", "auditHead"}, and "storedDifferently"
                  where the org stored fields differently than sent
    cloudevents   the same as a CloudEvents 1.0 event in structured mode, told by its ``specversion``
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import socket
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import SecretStr

from ebrule.core.addresses import is_link_local_or_metadata
from ebrule.core.client import as_json, send
from ebrule.core.reply import NotSentError, Reply, Request, TransportError
from ebrule.core.retry import Backoff, retry_after
from ebrule.core.timestamps import timestamp
from ebrule.core.transport import HttpxTransport, host_of
from ebrule.errors import UsageError
from ebrule.redaction import Redactor, holds_redacted
from ebrule.redaction.capabilities import capability_in, shown_url
from ebrule.settings.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ebrule.core.pace import Pace
    from ebrule.core.transport import Transport
    from ebrule.rules.kind import Data, Kind, Rule
    from ebrule.rules.stored import StoredDifferently
    from ebrule.settings import EventFormat, Network

TRIES = 3
SECONDS_IN_ALL = 10.0
_BACKOFF = Backoff(base=0.5, cap=2.0)
GONE = 410
"""The status of a receiver that wants no more events."""

TEST_EVENT_TYPE = "ebrule.webhook.test"
_SECRET_BYTES = range(24, 65)

Event = dict[str, Any]
"""An announcement as it is sent, in either format; ``id`` and ``data`` (the rule) stand in both."""


class Try(NamedTuple):
    """One try to deliver: ``status`` is None where no reply came, and ``error`` then says why."""

    attempt: int
    status: int | None
    error: str | None = None

    @property
    def success(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - 2xx


class Endpoint:
    """Where events go, and the secret that signs them.

    Args:
        url: https, or http to a loopback address; no userinfo, no link-local or metadata address.
        secret: ``whsec_`` and 24 to 64 bytes in base64, or several such, with a space between: each signs every event,
            so that a receiver may know any of them. Without one, nothing is signed.
        key: gives the key of digests, once one is needed; by default a key of no other use.

    Raises:
        UsageError: for any other URL or secret.
    """

    def __init__(
        self, url: str, secret: SecretStr | None = None, *, key: Callable[[], bytes] = lambda: os.urandom(32)
    ) -> None:
        self.url = _checked_url(url)
        secrets = secret.get_secret_value().split(" ") if secret else []
        self._secrets = tuple(map(SecretStr, secrets))
        self._keys = tuple(map(_key, secrets))
        self._digest_key = key

    @property
    def shown(self) -> str:
        """The URL as the ledger has it: scheme, host and path; what lets whoever knows it post there is a digest."""
        return shown_url(self.url, self._redactor.value)

    @property
    def recorded_as(self) -> frozenset[str]:
        """The URL as records of this receiver may have it: earlier ones have the whole path."""
        return frozenset((self.shown, shown_url(self.url, str)))

    @property
    def key_id(self) -> str:
        """What the key of the digest in the URL is known by."""
        return self._redactor.key_id

    def hide(self, text: str) -> str:
        """Return text to be shown, such as a receiver's own words, without what it was asked with."""
        path = urlsplit(self.url).path
        at = capability_in(path)
        if at < len(path):
            text = text.replace(path, path[:at] + self._redactor.value(path[at:]))
        return self._redactor.text(text)

    @cached_property
    def _redactor(self) -> Redactor:
        _, _, path, query, _ = urlsplit(self.url)
        values = (value for _, value in parse_qsl(query))
        secrets = (secret.get_secret_value() for secret in self._secrets)
        capability = path[capability_in(path) :]
        parts = (capability, *capability.split("/"))
        return Redactor(self._digest_key(), (query, *values, *secrets, *parts, *map(unquote, parts)))

    @property
    def secure(self) -> bool:
        """Whether certificates are needed."""
        return urlsplit(self.url).scheme == "https"

    @property
    def signs(self) -> bool:
        """Whether requests are signed."""
        return bool(self._keys)

    @property
    def signatures(self) -> int:
        """How many signatures each request has."""
        return len(self._keys)

    def connect(self, network: Network) -> Transport:
        """Return what carries events there; it is to be closed.

        Raises :class:`UsageError` for certificates or a proxy that cannot be used.
        """
        return _Guarded(HttpxTransport(network, secure=self.secure, urls=(self.url,)))

    def request(self, event: Event, now: datetime) -> Request:
        """Return the request that carries ``event``, stamped and signed as of ``now``."""
        body = as_json(event)
        stamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/cloudevents+json" if "specversion" in event else "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "ebrule",
            "webhook-id": event["id"],
            "webhook-timestamp": stamp,
        }
        if self._keys:
            signatures = (signature(key, event["id"], stamp, body) for key in self._keys)
            headers["webhook-signature"] = " ".join(signatures)
        return Request("POST", self.url, headers, body)


class _Guarded:
    """A transport to a host that may not be looked up as an address where clouds keep credentials.

    A host that this machine cannot look up is for a proxy to know.
    """

    def __init__(self, transport: Transport, look_up: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._transport = transport
        self._look_up = look_up

    def send(self, request: Request) -> Reply:
        """Send ``request``, unless it would go where it must not."""
        host = urlsplit(request.url).hostname or ""
        try:
            found = {address[0] for *_, address in self._look_up(host, None)}
        except (OSError, UnicodeError):
            found = set()
        if refused := sorted(each for each in found if is_link_local_or_metadata(each.partition("%")[0])):
            raise NotSentError(f"{host} leads to {refused[0]}, a link-local or metadata address")
        return self._transport.send(request)

    def close(self) -> None:
        """Close what is open."""
        self._transport.close()


def signature(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of Standard Webhooks, version 1: HMAC-SHA256 over id, timestamp (seconds) and body."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def make_event(
    kind: Kind,
    org_id: str,
    rule: Rule,
    shown: Data,
    *,
    previous_version: int | None,
    now: datetime,
    head: str,
    stored: Sequence[StoredDifferently] = (),
    event_format: EventFormat = "genesys",
) -> Event:
    """Return the announcement of a change.

    Args:
        kind: the rule's kind.
        org_id: the org.
        rule: the rule as the change made it.
        shown: the same with sensitive values taken out.
        previous_version: the version that was replaced; None where that is not known.
        now: the time of the announcement.
        head: the ledger's head, as of the change's intent.
        stored: what the org stored differently than sent, with sensitive values taken out.
        event_format: ``genesys`` or ``cloudevents``.
    """
    event = {
        "id": event_id_of(kind, org_id, rule.id, rule.version),
        "eventType": kind.event_type,
        "timestamp": timestamp(now),
        "data": {**shown, "id": rule.id},
        "previousVersion": previous_version,
        "auditHead": head,
        **({"storedDifferently": [each._asdict() for each in stored]} if stored else {}),
    }
    return _cloud_event(event, f"{org_id}:{kind.name}", rule.id) if event_format == "cloudevents" else event


def event_id_of(kind: Kind, org_id: str, rule_id: str, version: int) -> str:
    """Return the id of the announcement of a rule's version.

    It depends on org, kind, rule and version alone, so that whoever announces the same change announces it under the
    same id, in whatever format, and so that nothing can be guessed from it.
    """
    identity = "\n".join((org_id, kind.name, rule_id, str(version)))
    return f"msg_{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def make_test_event(now: datetime, event_format: EventFormat = "genesys") -> Event:
    """Return an event that announces nothing: its type is that of no rule, and it names none."""
    event = {
        "id": f"msg_test_{now:%Y%m%d%H%M%S%f}",
        "eventType": TEST_EVENT_TYPE,
        "timestamp": timestamp(now),
        "data": {"message": "This is a test of the webhook. No rule was changed."},
    }
    return _cloud_event(event, "test", None) if event_format == "cloudevents" else event


def previous_version_of(event: Event) -> int | None:
    """Return the version that the announced one replaced, where the event says it."""
    version = event.get("previousVersion", event.get("previousversion"))
    return version if isinstance(version, int) else None


def _cloud_event(event: Event, source: str, subject: str | None) -> Event:
    """Return ``event`` in structured mode (CloudEvents 1.0.2, JSON format 1.0.2); an unknown attribute is left out."""
    attributes = {
        "specversion": "1.0",
        "id": event["id"],
        "source": f"urn:ebrule:{quote(source, safe=':')}",
        "type": event["eventType"],
        "subject": subject,
        "time": event["timestamp"],
        "datacontenttype": "application/json",
        "previousversion": event.get("previousVersion"),
        "auditheadhash": event.get("auditHead"),
        "storeddifferently": json.dumps(stored) if (stored := event.get("storedDifferently")) else None,
    }
    return {**{name: value for name, value in attributes.items() if value is not None}, "data": event["data"]}


def send_event(
    endpoint: Endpoint,
    event: Event,
    *,
    transport: Transport,
    pace: Pace,
    on_try: Callable[[Try], None] = lambda _: None,
) -> bool:
    """Deliver ``event``: three tries, ten seconds in all. Return whether the receiver has it.

    2xx is delivered, 410 ends the tries, anything else is tried again. ``on_try`` is told of each try.
    """
    ends = pace.clock.monotonic() + SECONDS_IN_ALL
    for attempt in range(1, TRIES + 1):
        left = min(ends - pace.clock.monotonic(), pace.left())
        request = endpoint.request(event, pace.clock.now())
        try:
            outcome: Reply | TransportError = send(transport, request, pace, limit=max(left, 0.0), hide=endpoint.hide)
        except TransportError as error:
            outcome = error
        reply = outcome if isinstance(outcome, Reply) else None
        tried = Try(attempt, reply.status if reply else None, None if reply else str(outcome))
        on_try(tried)
        if tried.success:
            return True
        asked = retry_after(reply.headers, pace.clock.now()) if reply else None
        seconds = max(asked or 0.0, _BACKOFF.seconds(attempt, pace.random))
        left = min(ends - pace.clock.monotonic(), pace.left())
        if tried.status == GONE or attempt == TRIES or seconds >= left or pace.interrupted is not None:
            break
        pace.sleep(seconds)
    return False


def delivery_fields(endpoint: Endpoint, event: Event, tried: Try) -> dict[str, Any]:
    """Return what the ledger's ``delivery`` record says of one try."""
    url = endpoint.shown
    return {
        "event_id": event["id"],
        "url": url,
        "status": tried.status,
        "attempt": tried.attempt,
        "success": tried.success,
        **({"key_id": endpoint.key_id} if holds_redacted(url) else {}),
    }


def _checked_url(url: str) -> str:
    hint = "A webhook URL looks like https://host/path; plain http goes to loopback addresses only."
    try:
        parts = urlsplit(url)
        host, port = host_of(url), parts.port
    except ValueError as error:
        # The error's own text may show a piece of a password.
        raise UsageError("the webhook URL is none", hint=hint, code="bad-webhook-url") from error
    if not host or parts.scheme not in ("http", "https") or port == 0 or not url.isprintable() or " " in url:
        raise UsageError("the webhook URL is no http or https URL", hint=hint, code="bad-webhook-url")
    if parts.username is not None or parts.password is not None:
        raise UsageError("the webhook URL must not carry a user or password", hint=hint, code="bad-webhook-url")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"the webhook URL is plain http to {host}", hint=hint, code="bad-webhook-url")
    if is_link_local_or_metadata(host):
        raise UsageError(
            f"the webhook URL leads to a link-local or metadata address: {host}", hint=hint, code="bad-webhook-url"
        )
    return url


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise UsageError(
            "invalid webhook secret: it must be whsec_ and 24 to 64 bytes in base64",
            hint="Set EBRULE_WEBHOOK_SECRET to the receiver's secret, or to several, with one space between them.",
            code="bad-webhook-secret",
        )
    return key
