"""``ebrule webhook`` delivers what is pending, announces a rule again, and tries the endpoint."""

from __future__ import annotations

import json
import signal
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook

from command_line import HANG_GUARD_SECONDS
from ebrule import Options, Pace, load_settings, update_rule
from ebrule.core.pace import SystemClock
from ebrule.core.reply import BrokenError
from ebrule.core.transport import HttpxTransport
from ebrule.errors import UnknownOutcomeError
from ebrule.settings import Network
from receiver import receiving

if TYPE_CHECKING:
    from datetime import datetime

    from command_line import CommandLine
    from ebrule.core.reply import Reply, Request
    from receiver import Receiver
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def update(ebrule: CommandLine, url: str, priority: int, *options: str, rule_id: str = "demo-rule") -> Any:
    """Change a rule, and give what the command said of it."""
    file = ebrule.rule(id=rule_id, priority=priority)
    return ebrule("update", "--file", file, "--webhook-url", url, "--output", "json", *options).json


def left_pending(ebrule: CommandLine, *priorities: int, **options: str) -> list[str]:
    """Change a rule while the receiver is down; give the ids of the events that nobody took."""
    with receiving(500) as receiver:
        found = [update(ebrule, receiver.url, priority, **options) for priority in priorities]
    assert ["pending"] * len(found) == [each["webhook"] for each in found]
    return [each["event_id"] for each in found]


def ids(receiver: Receiver) -> list[str]:
    """Give the ids under which events arrived."""
    return [headers["webhook-id"] for headers, _ in receiver.received]


def deliveries(ebrule: CommandLine) -> list[tuple[str, int | None]]:
    """Give event and status of each try that the ledger tells of."""
    return [(each["event_id"], each["status"]) for each in ebrule.records() if each["type"] == "delivery"]


def test_no_exit_code_is_told_of_a_run_whose_event_is_pending(ebrule: CommandLine) -> None:
    """An outcome is recorded before its event is sent, so a 0 there is not what the run ended with."""
    with receiving(500) as receiver:
        ran = ebrule("update", "--file", ebrule.rule(priority=51), "--webhook-url", receiver.url)
    told = ebrule("audit", "show", "--changes").out

    assert (8, 0) == (ran.code, ebrule.records()[1]["exit_code"])
    assert "updated, pending" in told
    assert "    event: pending (msg_" in told
    assert "exit code" not in told


# --- flush --------------------------------------------------------------------------------------------------------


def test_a_flush_delivers_what_is_pending(ebrule: CommandLine, offline: CommandLine) -> None:
    """Without an org, a flush delivers each event in order, as the outcome has it; a second one finds nothing."""
    pending = left_pending(ebrule, 51, 52)
    tried = len(deliveries(ebrule))
    with receiving() as receiver:
        first, second = (offline("webhook", "flush", "--webhook-url", receiver.url) for _ in "12")

    assert (0, 0) == (first.code, second.code), first.err
    assert [f"demo-rule: {each} delivered" for each in pending] == first.out.splitlines()
    assert second.out == "Nothing is pending in ~/state/audit.jsonl.\n"
    third = offline("webhook", "flush", "--webhook-url", receiver.url, "-o", "json").json
    assert ("nothing_pending", []) == (third["result"], third["events"])
    assert pending == ids(receiver)
    recorded = [record["event"] for record in ebrule.records() if record.get("event")]
    assert recorded == [json.loads(body) for _, body in receiver.received]
    assert [(each, 200) for each in pending] == deliveries(ebrule)[tried:]


def test_a_flush_signs_anew(ebrule: CommandLine) -> None:
    """A flushed event has a timestamp and signature of its own time, which the receiver's library accepts."""
    left_pending(ebrule, 51)
    ebrule.environ["EBRULE_WEBHOOK_SECRET"] = SECRET
    with receiving() as receiver:
        ebrule("webhook", "flush", "--webhook-url", receiver.url)

    ((headers, body),) = receiver.received
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)


def test_what_the_receiver_refuses_stays_pending(ebrule: CommandLine) -> None:
    """While a receiver fails, the flush ends with 8; later versions of the rule wait, other rules do not."""
    first, second = left_pending(ebrule, 51, 52)
    (other,) = left_pending(ebrule, 51, rule_id="demo-rule-disabled")
    with receiving(500, 500, 500, 200) as receiver:
        ran = ebrule("webhook", "flush", "--webhook-url", receiver.url, "--output", "json")

    assert ran.code == 8
    assert ran.json["result"] == "pending"
    assert [(first, "pending", 500), (second, "pending", None), (other, "delivered", 200)] == [
        (each["event_id"], each["state"], each["status"]) for each in ran.json["events"]
    ]
    assert [first, first, first, other] == ids(receiver)
    with receiving() as receiver:
        assert ebrule("webhook", "flush", "--webhook-url", receiver.url).code == 0
    assert [first, second] == ids(receiver)


def test_a_receiver_that_is_not_there_is_asked_for_one_event(ebrule: CommandLine) -> None:
    """Where nobody answers, the flush does not try one event after the other."""
    left_pending(ebrule, 51)
    left_pending(ebrule, 51, rule_id="demo-rule-disabled")
    with receiving() as receiver:
        url = receiver.url
    before = len(deliveries(ebrule))
    ran = ebrule("webhook", "flush", "--webhook-url", url)

    assert ran.code == 8
    assert "not tried, since of an earlier event" in ran.out
    assert "2 of 2 are still pending in ~/state/audit.jsonl." in ran.out
    assert len(deliveries(ebrule)) - before == 3


def test_410_stops_for_good(ebrule: CommandLine) -> None:
    """A receiver that answers 410 is not sent the event again; another receiver is."""
    (pending,) = left_pending(ebrule, 51)
    with receiving(410) as gone, receiving() as other:
        codes = [ebrule("webhook", "flush", "--webhook-url", gone.url).code for _ in "12"]
        elsewhere = ebrule("webhook", "flush", "--webhook-url", other.url)

    assert codes == [0, 0]
    assert [pending] == ids(gone)
    assert elsewhere.code == 0
    assert [pending] == ids(other)


def test_two_flushes_at_once_share_the_work(ebrule: CommandLine) -> None:
    """Flushes that run at the same time deliver each event once."""
    pending = left_pending(ebrule, *range(51, 56))
    with receiving() as receiver:
        processes = [ebrule.start("webhook", "flush", "--webhook-url", receiver.url) for _ in range(4)]
        codes = {process.communicate()[0] and process.returncode for process in processes}

    assert codes <= {0, 8}
    assert sorted(pending) == sorted(ids(receiver))


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_flush_that_is_cut_off_is_harmless(ebrule: CommandLine, signum: signal.Signals) -> None:
    """Ended in the midst of a delivery, it leaves the event pending, and held by nobody."""
    (pending,) = left_pending(ebrule, 51)
    before = ebrule.ledger.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with ebrule.start("webhook", "flush", "--webhook-url", url) as process:
            silent.settimeout(HANG_GUARD_SECONDS)
            with silent.accept()[0]:
                process.send_signal(signum)
                process.communicate(timeout=HANG_GUARD_SECONDS)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143}[signum]
    assert before == ebrule.ledger.read_bytes()
    with receiving() as receiver:
        assert ebrule("webhook", "flush", "--webhook-url", receiver.url).code == 0
    assert [pending] == ids(receiver)


def test_a_flush_starts_no_sandbox_and_asks_no_org(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Whatever the environment says of an org, no request goes there."""
    (pending,) = left_pending(ebrule, 51)
    before = len(sandbox.requests())
    ebrule.environ["GENESYSCLOUD_REGION"] = "nowhere"
    with receiving() as receiver:
        ran = ebrule("webhook", "flush", "--webhook-url", receiver.url)

    assert (ran.code, ran.err) == (0, "")
    assert [pending] == ids(receiver)
    assert before == len(sandbox.requests())


@pytest.mark.parametrize("command", [["flush"], ["test"], ["send", "--rule-id", "demo-rule"]], ids=lambda each: each[0])
def test_without_a_url_there_is_nowhere_to_go(ebrule: CommandLine, command: list[str]) -> None:
    """Each command says which variable to set."""
    ran = ebrule("webhook", *command)

    assert ran.code == 2
    assert "no webhook to send to" in ran.err
    assert "EBRULE_WEBHOOK_URL" in ran.err


def test_a_ledger_that_is_not_there_is_a_mistake(offline: CommandLine) -> None:
    """A mistyped path is not an empty ledger."""
    ran = offline("webhook", "flush", "--webhook-url", "http://127.0.0.1:1", "--audit-log", "no.jsonl")

    assert ran.code == 2
    assert "there is no ledger no.jsonl" in ran.err


class Cut(HttpxTransport):
    """A transport that breaks off for good once a PUT has arrived."""

    def __init__(self) -> None:
        super().__init__(Network(), secure=False)
        self.broken = False

    def send(self, request: Request) -> Reply:
        """Send a request, unless it is too late."""
        reply = None if self.broken else super().send(request)
        self.broken = self.broken or request.method == "PUT"
        if self.broken or reply is None:
            raise BrokenError("it broke off")
        return reply


class AnHourAgo(SystemClock):
    """A clock that is an hour slow: what it stamps is old enough to be settled at once."""

    def now(self) -> datetime:
        """Return the time of an hour ago."""
        return super().now() - timedelta(hours=1)


def left_open(ebrule: CommandLine, url: str | None, **changes: Any) -> None:
    """Leave an update open whose PUT was applied; it was to be announced as a CloudEvent, or not at all."""
    settings = load_settings(Options(webhook_url=url, webhook_format="cloudevents"), ebrule.environ)
    file = ebrule.folder / ebrule.rule(**changes)
    with pytest.raises(UnknownOutcomeError):
        update_rule(settings, file, pace=Pace(60, clock=AnHourAgo()), transport=Cut(), environ=ebrule.environ)


@pytest.mark.parametrize("replaced", [False, True])
def test_what_a_killed_run_changed_is_announced_once_it_is_settled(ebrule: CommandLine, replaced: bool) -> None:
    """As the version that it made, in its own format and without secrets, also where the rule has changed since."""
    ebrule.environ["PHRASE"] = "canary phrase"
    left_open(ebrule, "http://127.0.0.1:1/", description="${env:PHRASE}")
    del ebrule.environ["PHRASE"]
    if replaced:
        ebrule("update", "--file", ebrule.rule(description=None, priority=60), "--no-webhook")
    with receiving() as receiver:
        assert ebrule("audit", "resolve").code == 0
        ran = ebrule("webhook", "flush", "--webhook-url", receiver.url)

    assert ran.code == 0, ran.err
    ((headers, body),) = receiver.received
    assert headers["content-type"] == "application/cloudevents+json"
    event = json.loads(body)
    assert (event["previousversion"], event["data"]["version"], event["data"]["priority"]) == (7, 8, 50)
    assert event["data"]["description"].startswith("redacted:")


def test_what_was_not_to_be_announced_is_not(ebrule: CommandLine) -> None:
    """A run without a webhook leaves nothing pending, whatever is set when it is settled."""
    left_open(ebrule, None)
    with receiving() as receiver:
        ebrule.environ["EBRULE_WEBHOOK_URL"] = receiver.url
        assert ebrule("audit", "resolve").code == 0
        ran = ebrule("webhook", "flush")

    assert "Nothing is pending" in ran.out
    assert receiver.received == []


# --- the formats --------------------------------------------------------------------------------------------------


def test_an_event_may_be_a_cloudevent(ebrule: CommandLine) -> None:
    """The official library reads what ``--webhook-format cloudevents`` sends, and finds each attribute."""
    with receiving() as receiver:
        result = update(ebrule, receiver.url, 51, "--webhook-format", "cloudevents")

    ((headers, body),) = receiver.received
    assert headers["content-type"] == "application/cloudevents+json"
    event = from_http_event(HTTPMessage(headers, body))
    outcome = next(record for record in ebrule.records() if record["type"] == "outcome")
    assert result["event_id"] == event.get_id() == headers["webhook-id"]
    assert f"urn:ebrule:{outcome['org_id']}:eventbridge" == event.get_source()
    assert (event.get_type(), event.get_subject()) == ("genesys.eventbridge.rule.updated", "demo-rule")
    assert (event.get_datacontenttype(), event.get_specversion()) == ("application/json", "1.0")
    assert event.get_time() is not None
    assert event.get_extension("previousversion") == 7
    assert outcome["prev"] == event.get_extension("auditheadhash")
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["priority"] == 51


@pytest.mark.parametrize("event_format", ["genesys", "cloudevents"])
def test_a_flush_keeps_the_format(ebrule: CommandLine, event_format: str) -> None:
    """What was to be sent in one format is sent in that format later too."""
    with receiving(500) as down:
        update(ebrule, down.url, 51, "--webhook-format", event_format)
    with receiving() as receiver:
        ebrule("webhook", "flush", "--webhook-url", receiver.url)

    (headers, body), (later, again) = down.received[0], receiver.received[0]
    assert body == again
    assert headers["content-type"] == later["content-type"]


# --- send ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_format", ["genesys", "cloudevents"])
def test_a_rule_is_announced_again_under_its_old_id(ebrule: CommandLine, event_format: str) -> None:
    """In either format the event has the id and the content of the first announcement."""
    with receiving() as receiver:
        result = update(ebrule, receiver.url, 51)
        options = ["--rule-id", "demo-rule", "--webhook-url", receiver.url, "--webhook-format", event_format]
        ran = ebrule("webhook", "send", *options)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"demo-rule: {result['event_id']} delivered\n"
    (first, body), (second, again) = receiver.received
    assert first["webhook-id"] == second["webhook-id"]
    event, later = json.loads(body), json.loads(again)
    assert event["data"] == later["data"]
    assert event["previousVersion"] == later.get("previousVersion", later.get("previousversion"))


def test_what_was_sent_again_is_no_longer_pending(ebrule: CommandLine) -> None:
    """A delivery by hand settles the event, and neither confuses ``audit resolve`` nor breaks the chain."""
    (pending,) = left_pending(ebrule, 51)
    with receiving() as receiver:
        ebrule("webhook", "send", "--rule-id", "demo-rule", "--webhook-url", receiver.url)
        ran = ebrule("webhook", "flush", "--webhook-url", receiver.url)

    assert "Nothing is pending" in ran.out
    assert [pending] == ids(receiver)
    assert "No unresolved operations" in ebrule("audit", "resolve").out
    assert len({record["operation_id"] for record in ebrule.records()}) == 2


def test_a_version_that_the_ledger_does_not_know_is_announced(ebrule: CommandLine) -> None:
    """For a kind whose versions grow by one, the version before is told all the same."""
    with receiving() as receiver:
        ran = ebrule("webhook", "send", "--rule-id", "demo-rule", "--webhook-url", receiver.url, "-o", "json")

    assert ran.json["result"] == "delivered"
    assert json.loads(receiver.received[0][1])["previousVersion"] == 6


def test_a_secret_of_an_earlier_file_stays_out_of_a_later_event(ebrule: CommandLine) -> None:
    """What a run took from the environment is redacted also when the rule is announced later."""
    ebrule.environ["PHRASE"] = "canary phrase"
    file = ebrule.rule(description="${env:PHRASE}")
    assert ebrule("update", "--file", file).code == 0
    del ebrule.environ["PHRASE"]
    with receiving() as receiver:
        ebrule("webhook", "send", "--rule-id", "demo-rule", "--webhook-url", receiver.url)

    body = receiver.received[0][1].decode()
    assert "canary" not in body
    assert json.loads(body)["data"]["description"].startswith("redacted:")


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_rule_that_could_not_be_announced(ebrule: CommandLine, output: str) -> None:
    """Where the receiver fails, the command ends with 7 and says what to do; nothing is left pending."""
    with receiving(500) as receiver:
        options = ["--webhook-url", receiver.url, "--output", output]
        ran = ebrule("webhook", "send", "--rule-id", "demo-rule", *options)
        flushed = ebrule("webhook", "flush", "--webhook-url", receiver.url)

    assert ran.code == 7
    assert "was not delivered: the receiver answered 500" in ran.err
    assert "ebrule webhook test" in ran.err
    assert output == "text" or ran.json["result"] == "failed"
    assert "Nothing is pending" in flushed.out


def test_a_rule_that_is_not_there_is_not_announced(ebrule: CommandLine) -> None:
    """An unknown rule ends with 6, and the receiver hears nothing."""
    with receiving() as receiver:
        ran = ebrule("webhook", "send", "--rule-id", "none", "--webhook-url", receiver.url)

    assert ran.code == 6
    assert receiver.received == []


# --- test ---------------------------------------------------------------------------------------------------------


def test_the_endpoint_can_be_tried(offline: CommandLine) -> None:
    """A signed event of a type of its own is sent once; the ledger is left alone."""
    offline.environ["EBRULE_WEBHOOK_SECRET"] = SECRET
    with receiving() as receiver:
        ran = offline("webhook", "test", "--webhook-url", receiver.url)

    assert (ran.code, ran.err) == (0, "")
    assert f"{receiver.url} took the test event (200, " in ran.out
    assert " ms, signed)." in ran.out
    ((headers, body),) = receiver.received
    event = Webhook(SECRET).verify(body, headers)
    assert event["eventType"] == "ebrule.webhook.test"
    assert set(event["data"]) == {"message"}
    assert not offline.state.exists()


def test_two_secrets_sign_while_one_replaces_the_other(offline: CommandLine) -> None:
    """Receivers that know the old one, and those that know the new one, both accept the event; the output says so."""
    new = "whsec_" + "A" * 32
    offline.environ["EBRULE_WEBHOOK_SECRET"] = f"{new} {SECRET}"
    with receiving() as receiver:
        ran = offline("webhook", "test", "--webhook-url", receiver.url)
        document = offline("webhook", "test", "--webhook-url", receiver.url, "-o", "json").json

    assert " ms, signed with 2 secrets)." in ran.out
    assert (True, 2) == (document["signed"], document["signatures"])
    headers, body = receiver.received[0]
    assert Webhook(SECRET).verify(body, headers) == Webhook(new).verify(body, headers)


def test_a_secret_that_is_none_among_two_is_wrong_usage(offline: CommandLine) -> None:
    """A half-finished rotation is reported before anything is sent, and shows no secret."""
    offline.environ["EBRULE_WEBHOOK_SECRET"] = f"{SECRET} {SECRET[:-8]}"
    with receiving() as receiver:
        ran = offline("webhook", "test", "--webhook-url", receiver.url)

    assert (2, []) == (ran.code, receiver.received)
    assert "error: invalid webhook secret: " in ran.err
    assert SECRET[6:16] not in ran.err


def test_a_test_event_may_be_a_cloudevent(offline: CommandLine) -> None:
    """The official library reads it, and finds no subject."""
    with receiving() as receiver:
        ran = offline("webhook", "test", "--webhook-url", receiver.url, "--webhook-format", "cloudevents", "-o", "json")

    event = from_http_event(HTTPMessage(*receiver.received[0]))
    assert (event.get_type(), event.get_subject()) == ("ebrule.webhook.test", None)
    assert (ran.json["result"], ran.json["signed"], ran.json["status"]) == ("delivered", False, 200)


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (301, "Redirects are not followed"),
        (401, "EBRULE_WEBHOOK_SECRET"),
        (404, "the URL's path"),
        (410, "no more events"),
        (500, "its log"),
    ],
)
def test_what_is_wrong_with_the_endpoint_is_told(offline: CommandLine, status: int, hint: str) -> None:
    """Each refusal ends with 7, the status, and what to do about it; it is not tried again."""
    with receiving(status) as receiver:
        ran = offline("webhook", "test", "--webhook-url", receiver.url, "--output", "json")

    assert (ran.code, ran.json["result"], ran.json["error"]["http_status"]) == (7, "failed", status)
    assert hint in ran.json["error"]["hint"]
    assert f"the webhook answered {status}" in ran.err
    assert len(receiver.received) == 1


def test_an_endpoint_that_is_not_there_is_told(offline: CommandLine) -> None:
    """Nobody listening ends with 7, and says where to look."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        ran = offline("webhook", "test", "--webhook-url", f"http://127.0.0.1:{port}/in")

    assert ran.code == 7
    assert f"the webhook at http://127.0.0.1:{port} gave no answer" in ran.err
    assert "proxy or firewall" in ran.err
