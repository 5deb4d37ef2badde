"""``ebrule webhook``: deliver what the ledger holds as pending, announce a rule again, try the endpoint.

An event is pending from the record that holds it, an ``outcome`` or a ``resolution``, until a ``delivery`` says that
a receiver has it. One that a receiver answered with 410 is not sent there again; another receiver may still get it.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ebrule.core.audit import RuleKey, new_operation_id
from ebrule.core.auth import connect
from ebrule.core.chain import decode
from ebrule.core.client import send
from ebrule.core.collector import open_ledger
from ebrule.core.fetcher import fetch_rule
from ebrule.core.identity import read_identity
from ebrule.core.reply import TransportError, UntrustedHostError
from ebrule.core.webhook import (
    GONE,
    SECONDS_IN_ALL,
    Endpoint,
    Event,
    Try,
    delivery_fields,
    make_event,
    make_test_event,
    previous_version_of,
    send_event,
)
from ebrule.errors import AccessError, EbruleError, LedgerError, UnavailableError, UsageError
from ebrule.redaction import Redactor, redaction_key, redaction_key_at_hand
from ebrule.rules.kind import checked_id

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ebrule.core.audit import AuditLog
    from ebrule.core.chain import Entry
    from ebrule.core.pace import Pace
    from ebrule.core.transport import Transport
    from ebrule.rules.kind import Kind
    from ebrule.settings import Settings


@dataclass(frozen=True)
class Delivery:
    """What is known of one event.

    ``state`` is ``delivered``, ``pending``, ``running`` (a live process is at its operation) or ``stopped`` (the
    receiver answered 410). ``status`` is that of the last reply, ``reason`` says why the event was not delivered.
    """

    event_id: str
    operation_id: str
    rule_id: str
    kind: str
    state: str = "pending"
    status: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Pending:
    """An event that a ledger holds, and what is known of it."""

    event: Event
    delivery: Delivery


class Outbox:
    """The events of a ledger that no receiver has, the oldest first; each `read` takes in what was added since."""

    def __init__(self, ledger: AuditLog) -> None:
        self._ledger = ledger
        self._end = 0
        self._lines: dict[str, bytes] = {}
        self._gone: set[tuple[str, str]] = set()

    def read(self) -> None:
        """Take in the ledger's records from where the last reading ended.

        Raises:
            LedgerError: the file cannot be read.
        """
        for entry in self._ledger.entries(start=self._end):
            if not entry.terminated:
                return
            self._end = entry.offset + len(entry.raw) + 1
            if entry.raw.startswith(_DELIVERY):
                self._take(entry)
            elif entry.raw.startswith(_MAY_HOLD) and (found := _EVENT.search(entry.raw)):
                self._lines.setdefault(found[1].decode(), entry.raw)

    def pending(self, urls: Container[str]) -> list[Pending]:
        """What is to be delivered to the receiver that records have under these URLs, see `Endpoint.recorded_as`."""
        gone = {event_id for event_id, url in self._gone if url in urls}
        lines = [line for event_id, line in self._lines.items() if event_id not in gone]
        return [each for each in map(_pending, lines) if each is not None]

    def holds(self, event_id: str) -> bool:
        """Whether nobody has this event."""
        return event_id in self._lines

    def _take(self, delivery: Entry) -> None:
        if success := _SUCCESS.search(delivery.raw):
            self._lines.pop(success[1].decode(), None)
        elif (record := delivery.record) and record.get("status") == GONE:
            self._gone.add((str(record.get("event_id")), str(record.get("url"))))


def _pending(line: bytes) -> Pending | None:
    """Read a line that looks as if it held an event; an edited ledger may hold anything."""
    try:
        record = decode(line)
        event = record["event"]
        about = Delivery(event["id"], record["operation_id"], str(record["rule_id"]), str(record["kind"]))
    except (ValueError, KeyError, TypeError):
        return None
    return Pending(event, about)


# Lines are told apart by what ebrule writes, since most need not be parsed: their event has long been delivered.
_DELIVERY = b'{"schema":1,"type":"delivery"'
_MAY_HOLD = (b'{"schema":1,"type":"outcome"', b'{"schema":1,"type":"resolution"')
_EVENT = re.compile(rb'"event":\{(?:"specversion":"1.0",)?"id":"(msg_[0-9a-f]{32})"')
_SUCCESS = re.compile(rb'"event_id":"(msg_[0-9a-f]{32})".*,"success":true')


def endpoint_of(settings: Settings) -> Endpoint:
    """Return where the settings send events; raises :class:`UsageError` where they name no place."""
    if not settings.webhook_url:
        hint = "Set EBRULE_WEBHOOK_URL, or give --webhook-url URL."
        raise UsageError("no webhook to send to", hint=hint, code="no-webhook")
    key = partial(redaction_key_at_hand, settings)
    return Endpoint(settings.webhook_url, settings.webhook_secret, key=key)


# --- flush --------------------------------------------------------------------------------------------------------


def flush_events(settings: Settings, *, pace: Pace, transport: Transport | None = None) -> Iterator[Delivery]:
    """Deliver what is pending in the ledger, the oldest first, and yield what became of each event.

    An event goes out under its old id, so that a receiver can drop what it has already. Safe to kill, to run twice
    and in parallel: an operation is held while its event is delivered, as a live run holds its own.

    Raises:
        EbruleError: there is no endpoint, or the ledger cannot be read or written.
    """
    endpoint = endpoint_of(settings)
    with open_ledger(settings, pace) as ledger:
        outbox = Outbox(ledger)
        outbox.read()
        pending = outbox.pending(endpoint.recorded_as)
        if not pending:
            return
        ledger.prepare()
        with contextlib.closing(transport or endpoint.connect(settings.network)) as hook:
            postman = _Postman(ledger, endpoint, hook, pace)
            for each in pending:
                yield postman.deliver(each, outbox)


class _Postman:
    """Delivers events and records each try; gives up on a receiver, or on a rule, where going on would be wrong."""

    def __init__(self, ledger: AuditLog, endpoint: Endpoint, hook: Transport, pace: Pace) -> None:
        self._ledger = ledger
        self._endpoint = endpoint
        self._hook = hook
        self._pace = pace
        self._over: str | None = None
        self._behind: dict[tuple[str, str], str] = {}

    def deliver(self, pending: Pending, outbox: Outbox) -> Delivery:
        """Deliver one event, unless somebody else is at it, or another must come first."""
        about = pending.delivery
        rule = (about.kind, about.rule_id)
        if self._pace.left() <= 0:
            self._over = "the deadline is over"
        if reason := self._over or self._behind.get(rule):
            return replace(about, reason=reason)
        with contextlib.ExitStack() as stack:
            try:
                if self._ledger.is_running(about.operation_id):
                    return replace(about, state="running", reason="a live process is at it")
                stack.enter_context(self._ledger.running(about.operation_id))
            except LedgerError:
                return replace(about, state="running", reason="another process has just begun to deliver it")
            except ValueError:
                return replace(about, reason="its record is not as ebrule writes it")
            outbox.read()
            if not outbox.holds(about.event_id):
                return replace(about, state="delivered", reason="another process has just delivered it")
            done = self.post(pending.event, about)
        if done.state == "pending":
            self._behind[rule] = f"an earlier event of {about.rule_id} comes first"
        return done

    def post(self, event: Event, about: Delivery) -> Delivery:
        """Send an event and return what became of it; raises :class:`LedgerError` where that cannot be recorded."""
        tries: list[Try] = []

        def record(tried: Try) -> None:
            tries.append(tried)
            fields = delivery_fields(self._endpoint, event, tried)
            self._ledger.append("delivery", about.operation_id, rule_id=about.rule_id, kind=about.kind, **fields)

        if send_event(self._endpoint, event, transport=self._hook, pace=self._pace, on_try=record):
            return replace(about, state="delivered", status=tries[-1].status)
        status, reason = tries[-1].status, tries[-1].error or f"the receiver answered {tries[-1].status}"
        if status is None or status in _NOT_NOW:
            self._over = f"not tried, since of an earlier event {reason}"
        return replace(about, state="stopped" if status == GONE else "pending", status=status, reason=reason)


# A receiver that wants no more events, or none for now, is not asked to take the next one either.
_NOT_NOW = frozenset({GONE, 429, 503})


# --- send ---------------------------------------------------------------------------------------------------------


def announce_rule(
    settings: Settings,
    kind: Kind,
    rule_id: str,
    *,
    pace: Pace,
    transport: Transport | None = None,
    hook: Transport | None = None,
) -> Delivery:
    """Announce the present state of a rule, under the id that the announcement of that version has always had.

    What the ledger does not know of the version, its event does not say: where the ledger has no announcement of it,
    the version before is told only for kinds whose versions grow by one.

    Args:
        settings: the org, the ledger, the webhook.
        kind: the rule's kind.
        rule_id: the rule.
        pace: the run's time.
        transport: what carries the requests to the org; by default what the settings say.
        hook: what carries the event; by default httpx.

    Raises:
        EbruleError: there is no endpoint, the rule cannot be read, or the ledger cannot be written.
    """
    org, endpoint = settings.require_org(), endpoint_of(settings)
    key = redaction_key(settings)
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(open_ledger(settings, pace))
        ledger.prepare()
        sender = stack.enter_context(contextlib.closing(hook or endpoint.connect(settings.network)))
        with connect(org, settings.network, pace, read_only=True, transport=transport) as session:
            identity = read_identity(session)
            rule = fetch_rule(session.reader, kind, checked_id(rule_id))
            redactor = Redactor(key, session.tokens.credentials)
        of_rule = RuleKey(kind.name, rule.id, identity.id, org.name)
        known = (ledger.state_at(of_rule, rule.version), ledger.last_applied(of_rule))
        announced = ledger.event_of(of_rule, rule.version) or {}
        before = previous_version_of(announced)
        if before is None and kind.version_increments_by_one:
            before = rule.version - 1
        event = make_event(
            kind,
            identity.id,
            rule,
            redactor.knowing([state and state.data for state in known], rule.data).data(rule.data),
            previous_version=before,
            now=pace.clock.now(),
            head=ledger.head(),
            event_format=settings.webhook_format,
        )
        event["id"] = announced.get("id", event["id"])
        about = Delivery(event["id"], new_operation_id(), rule.id, kind.name)
        return _Postman(ledger, endpoint, sender, pace).post(event, about)


# --- test ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """How a receiver took a test event: ``error`` says what went wrong, and ``latency_ms`` is None without a reply."""

    event_id: str
    url: str
    signed: bool
    status: int | None = None
    latency_ms: float | None = None
    error: EbruleError | None = None
    signatures: int = 0


def try_endpoint(settings: Settings, *, pace: Pace, hook: Transport | None = None) -> Trial:
    """Send an event that announces nothing, once, and tell how the receiver took it. The ledger is left alone.

    Raises :class:`UsageError` where there is no endpoint.
    """
    endpoint = endpoint_of(settings)
    event = make_test_event(pace.clock.now(), settings.webhook_format)
    trial = Trial(event["id"], endpoint.shown, endpoint.signs, signatures=endpoint.signatures)
    with contextlib.closing(hook or endpoint.connect(settings.network)) as sender:
        request = endpoint.request(event, pace.clock.now())
        try:
            reply = send(sender, request, pace, limit=min(SECONDS_IN_ALL, pace.left()), hide=endpoint.hide)
        except UntrustedHostError as error:
            message = f"the webhook's host, {error.origin}, could not prove who it is: {error}"
            hint = "Where its certificate is a private one, give --ca-file PEM."
            return replace(trial, error=AccessError(message, hint=hint, code="untrusted-webhook"))
        except TransportError as error:
            hint = "Check the host's name, the port, and whether a proxy or firewall stands between."
            where = f" at {error.origin}" if error.origin else ""
            message = f"the webhook{where} gave no answer: {error}"
            return replace(trial, error=UnavailableError(message, hint=hint, code="webhook-unreachable"))
    return replace(trial, status=reply.status, latency_ms=reply.milliseconds, error=_refusal(reply.status, endpoint))


def _refusal(status: int, endpoint: Endpoint) -> UnavailableError | None:
    """Return the error that a reply's status means, with what to do about it."""
    if Try(1, status).success:
        return None
    secret = "Is EBRULE_WEBHOOK_SECRET the receiver's own?" if endpoint.signs else "It may want EBRULE_WEBHOOK_SECRET."
    hints = {
        3: "Redirects are not followed: give the URL that it leads to.",
        4: "Check the URL's path, and that the receiver takes this format.",
        5: "The receiver itself failed: look at its log.",
        400: secret,
        401: secret,
        403: secret,
        GONE: "It wants no more events: give another URL.",
    }
    hint = hints.get(status, hints.get(status // 100))
    return UnavailableError(f"the webhook answered {status}", hint=hint, code="webhook-refused", http_status=status)
