"""What an org says of a run's credentials: each question may fail on its own."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from clocks import NOON, ScriptedTransport, reply
from ebrule.core.auth import connect
from ebrule.core.reply import BrokenError, UntrustedHostError
from ebrule.core.status import AuthStatus, KindAccess, Verdict, auth_status
from ebrule.errors import AccessError, InterruptedRunError, UnavailableError
from ebrule.rules.registry import KINDS
from ebrule.settings import Network, Org

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from clocks import Outcome
    from ebrule.core.pace import Pace
    from ebrule.core.reply import Request

API, LOGIN = "https://api.example", "https://login.example"
CLIENT_ORG = Org("example", API, LOGIN, client_id="id", client_secret=SecretStr("secret"))
TOKEN_ORG = Org("example", API, LOGIN, access_token=SecretStr("given-token"))

TOKEN = "/api/v2/tokens/me"
ORGANIZATION = "/api/v2/organizations/me"
HEALTH = "/api/v2/health"
NOBODY = "00000000-0000-0000-0000-000000000000"
RULE = f"/api/v2/eventbridge/routing/rules/{NOBODY}"
TRIGGERS = "/api/v2/processautomation/triggers?pageSize=1"
SOURCE = f"/api/v2/integrations/{NOBODY}/config/current"

HERE = {"id": "o-1", "name": "Example"}
ALL_SCOPES = ["architect", "eventbridge:write", "integrations", "process-automation"]
YES = Verdict(allowed=True)


def token(*scopes: str, **fields: Any) -> Outcome:
    """What the org says of a token."""
    client = {"id": "c-1", "name": "CI"}
    return reply(200, {"organization": HERE, "OAuthClient": client, "authorizedScope": list(scopes), **fields})


def asked(
    pace: Pace,
    org: Org = CLIENT_ORG,
    answers: dict[str, Outcome] | None = None,
    login: dict[str, Any] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[AuthStatus, list[str]]:
    """Ask an org that gives these answers where they are not the usual ones; return also what it was asked."""
    usual = {
        f"{LOGIN}/oauth/token": reply(200, login or {"access_token": "t", "expires_in": 3_600}),
        API + TOKEN: token(*ALL_SCOPES),
        API + ORGANIZATION: reply(200, HERE),
        API + HEALTH: reply(200, {"status": "ok"}),
        API + RULE: reply(404, {"message": "no such rule"}),
        API + TRIGGERS: reply(200, {"entities": []}),
        API + SOURCE: reply(404, {"message": "no such integration"}),
    }
    told = usual | {API + path: outcome for path, outcome in (answers or {}).items()}

    def answer(request: Request) -> Outcome:
        meanwhile()
        return told[request.url]

    transport = ScriptedTransport(otherwise=answer)
    with connect(org, Network(), pace, read_only=True, transport=transport) as session:
        return auth_status(session, KINDS.values()), [request.url for request in transport.requests]


def test_everything_is_asked_at_once(pace: Pace) -> None:
    """One token, then one question each for token, organization, health, and for reading each kind."""
    status, urls = asked(pace)
    assert urls[0] == f"{LOGIN}/oauth/token"
    assert sorted(API + path for path in (TOKEN, ORGANIZATION, HEALTH, RULE, TRIGGERS, SOURCE)) == sorted(urls[1:])
    assert status == AuthStatus(
        organization_id="o-1",
        organization_name="Example",
        client_id="c-1",
        client_name="CI",
        scopes=tuple(ALL_SCOPES),
        expires_at=NOON + timedelta(hours=1),
        kinds=tuple(KindAccess(kind, YES, YES) for kind in ("eventbridge", "trigger", "eventbridge-source")),
        unanswered=(),
    )


def test_a_given_tokens_end_is_what_the_org_says(pace: Pace) -> None:
    """Nothing came with it."""
    answers = {TOKEN: token(*ALL_SCOPES, dateTokenIdles="2026-01-02T12:00:00.000Z")}
    assert asked(pace, TOKEN_ORG, answers)[0].expires_at == NOON + timedelta(days=1)


@pytest.mark.parametrize("seconds", [None, "3600", True, -1, 10**12, 3.5], ids=repr)
def test_an_end_that_the_token_came_without_is_what_the_org_says(pace: Pace, seconds: Any) -> None:
    """A number of seconds that cannot be meant is none."""
    login = {"access_token": "t", "expires_in": seconds}
    answers = {TOKEN: token(dateTokenIdles="2026-01-02T12:00:00Z")}
    assert asked(pace, CLIENT_ORG, answers, login=login)[0].expires_at == NOON + timedelta(days=1)


@pytest.mark.parametrize("said", [None, 7, "", "soon", "2026-01-02", "2026-13-01T00:00:00Z"], ids=repr)
def test_an_end_that_cannot_be_read_is_not_known(pace: Pace, said: Any) -> None:
    """The answer is not made up."""
    assert asked(pace, TOKEN_ORG, {TOKEN: token(dateTokenIdles=said)})[0].expires_at is None


def update_of(status: AuthStatus, kind: str) -> Verdict:
    """Return whether rules of a kind may be updated."""
    return next(each.update for each in status.kinds if each.kind == kind)


def read_of(status: AuthStatus, kind: str) -> Verdict:
    """Return whether rules of a kind may be read."""
    return next(each.read for each in status.kinds if each.kind == kind)


@pytest.mark.parametrize(
    ("scopes", "kind", "expected"),
    [
        (["eventbridge:write"], "eventbridge", YES),
        (["eventbridge:read"], "eventbridge", Verdict(False, "the scope eventbridge:write is missing")),
        (["process-automation:readonly"], "trigger", Verdict(False, "the scope process-automation is missing")),
        (["process-automation", "architect:readonly"], "trigger", YES),
        (
            ["process-automation"],
            "trigger",
            Verdict(True, "with --no-check-targets only: the scope architect or architect:readonly is missing"),
        ),
        (["integrations"], "eventbridge-source", YES),
        ([], "trigger", Verdict(None, "the org names no scopes for this client; its roles decide")),
    ],
    ids=str,
)
def test_scopes_tell_whether_an_update_would_work(pace: Pace, scopes: list[str], kind: str, expected: Verdict) -> None:
    """Nothing but an update could ask; a client without scopes has roles, which no question shows."""
    assert expected == update_of(asked(pace, answers={TOKEN: token(*scopes)})[0], kind)


def test_who_may_not_read_may_not_update(pace: Pace) -> None:
    """The org's own words are the reason, whatever the scopes."""
    status, _ = asked(pace, answers={TRIGGERS: reply(403, {"message": "no permission x"})})
    read = Verdict(allowed=False, reason="reading triggers: not permitted: no permission x")
    update = Verdict(allowed=False, reason="an update reads the rule first")
    assert KindAccess("trigger", read, update) == next(each for each in status.kinds if each.kind == "trigger")
    assert read_of(status, "eventbridge") == YES


@pytest.mark.parametrize(
    ("path", "kind", "title"), [(HEALTH, "eventbridge", "EventBridge routing rule"), (TRIGGERS, "trigger", "trigger")]
)
def test_a_kind_that_the_org_does_not_have_is_told(pace: Pace, path: str, kind: str, title: str) -> None:
    """As most orgs do not have the default one."""
    status, _ = asked(pace, answers={path: reply(404)})
    assert Verdict(allowed=False, reason=f"this org's API has no {title}s") == read_of(status, kind)


def test_an_id_that_is_refused_for_its_form_was_allowed_to_be_asked_for(pace: Pace) -> None:
    """The made-up id need not be one for every API."""
    assert read_of(asked(pace, answers={SOURCE: reply(400, {"message": "bad id"})})[0], "eventbridge-source") == YES


@pytest.mark.parametrize("outcome", [reply(403), reply(404), reply(503), reply(200, b"<html>"), BrokenError("lost")])
@pytest.mark.parametrize("path", [TOKEN, ORGANIZATION, HEALTH, RULE, TRIGGERS, SOURCE])
def test_a_question_that_fails_hides_no_other(pace: Pace, path: str, outcome: Outcome) -> None:
    """Whatever one answer is, the others are told."""
    status, _ = asked(pace, answers={path: outcome})
    about = {HEALTH: "eventbridge", RULE: "eventbridge", TRIGGERS: "trigger", SOURCE: "eventbridge-source"}.get(path)
    assert "o-1" == status.organization_id
    assert all(each.read == YES for each in status.kinds if each.kind != about)
    if path != TOKEN:
        assert all(each.update == YES for each in status.kinds if each.kind != about)
        assert "c-1" == status.client_id
    assert len(status.unanswered) == (path in (TOKEN, ORGANIZATION) and getattr(outcome, "status", None) != 404)


@pytest.mark.parametrize("path", [TOKEN, ORGANIZATION, TRIGGERS])
def test_a_token_that_is_not_accepted_is_an_error(pace: Pace, path: str) -> None:
    """One refusal is enough."""
    with pytest.raises(AccessError) as caught:
        asked(pace, TOKEN_ORG, {path: reply(401, {"message": "expired"})})
    assert caught.value.code == "unauthorized"


@pytest.mark.parametrize(
    ("outcome", "error"),
    [(UntrustedHostError("who are you"), AccessError), (BrokenError("lost"), UnavailableError)],
    ids=["untrusted", "broken"],
)
def test_an_org_that_answers_nothing_is_an_error(
    pace: Pace, outcome: Outcome, error: type[AccessError | UnavailableError]
) -> None:
    """Of the first question."""
    paths = (TOKEN, ORGANIZATION, HEALTH, RULE, TRIGGERS, SOURCE)
    with pytest.raises(error, match="asking about the token"):
        asked(pace, TOKEN_ORG, dict.fromkeys(paths, outcome))


def test_a_signal_ends_the_questions(pace: Pace) -> None:
    """It is not taken for an answer."""
    with pytest.raises(InterruptedRunError):
        asked(pace, TOKEN_ORG, meanwhile=lambda: pace.interrupt(signal.SIGTERM))


@pytest.mark.parametrize("said", [5, True, "eventbridge:write", {"eventbridge:write": 1}], ids=repr)
def test_scopes_that_are_no_list_are_none(pace: Pace, said: Any) -> None:
    """They decide nothing, and stop nothing."""
    status, _ = asked(pace, answers={TOKEN: reply(200, {"authorizedScope": said})})
    assert (None, None) == (status.scopes, update_of(status, "eventbridge").allowed)


@pytest.mark.parametrize(
    ("said", "end"),
    [("2026-01-02T17:00:00+05:00", NOON + timedelta(days=1)), ("0001-01-01T00:00:00+23:59", None)],
)
def test_a_tokens_end_is_told_in_utc(pace: Pace, said: str, end: datetime | None) -> None:
    """Wherever the org's clock stands."""
    assert asked(pace, TOKEN_ORG, {TOKEN: token(dateTokenIdles=said)})[0].expires_at == end


def test_what_is_of_no_use_is_not_shown(pace: Pace) -> None:
    """A server may send anything."""
    odd = {"organization": [1], "OAuthClient": "x", "authorizedScope": [None, 5, "", "a"], "dateTokenIdles": {}}
    status, _ = asked(pace, answers={TOKEN: reply(200, odd), ORGANIZATION: reply(200, {"id": 5, "name": None})})
    assert (None, None, "id", None, ("a",)) == (
        status.organization_id,
        status.organization_name,
        status.client_id,
        status.client_name,
        status.scopes,
    )
