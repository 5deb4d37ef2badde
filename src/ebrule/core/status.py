"""Who am I, where, until when, may I? What an org says of the credentials that a run has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ebrule.core.identity import TOKEN_INFO
from ebrule.errors import AccessError, EbruleError, InterruptedRunError, InvalidRuleError
from ebrule.redaction import each_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ebrule.core.auth import Session
    from ebrule.core.reply import Reply
    from ebrule.rules.kind import Kind

_ORGANIZATION = "/api/v2/organizations/me"

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""An id that no rule has: who may read is told that there is none, and who may not, that he may not."""

Answer = dict[str, Any] | EbruleError | None
"""What came of a question: the reply's object, why there is none, or None for a 404."""


@dataclass(frozen=True)
class Verdict:
    """Whether something will work, and why not; None where nothing but trying can tell.

    A ``reason`` beside True is a limitation.
    """

    allowed: bool | None
    reason: str | None = None


@dataclass(frozen=True)
class KindAccess:
    """What may be done with the rules of one kind."""

    kind: str
    read: Verdict
    update: Verdict


@dataclass(frozen=True)
class AuthStatus:
    """What an org says of a run's credentials. None stands for what it does not say, or could not be asked.

    Attributes:
        organization_id: of the org.
        organization_name: of the org.
        client_id: of the OAuth client that the token was given to.
        client_name: what people call that client.
        scopes: what the token allows. The org names none for a client whose roles decide.
        expires_at: when the token ends.
        kinds: what may be done with each kind of rule.
        unanswered: what went wrong with single questions.
    """

    organization_id: str | None
    organization_name: str | None
    client_id: str | None
    client_name: str | None
    scopes: tuple[str, ...] | None
    expires_at: datetime | None
    kinds: tuple[KindAccess, ...]
    unanswered: tuple[EbruleError, ...]


def auth_status(session: Session, kinds: Iterable[Kind]) -> AuthStatus:
    """Ask the org about the session's credentials, all at once; one question that fails hides no other.

    Raises :class:`AccessError` where the org does not accept the credentials, and the first question's error where
    none is answered.
    """
    session.tokens.header()  # once, so that what is wrong with the credentials is not asked six times
    kinds = tuple(kinds)
    questions: dict[str, str] = {TOKEN_INFO: "asking about the token", _ORGANIZATION: "asking about the organization"}
    for kind in kinds:
        questions[_probe(kind)] = f"reading {kind.title}s"
        if kind.health:
            questions[kind.health] = f"asking whether the org has {kind.title}s"
    answers = _ask(session, questions)
    _check_accepted(answers)

    token, organization = _object(answers[TOKEN_INFO]), _object(answers[_ORGANIZATION])
    client, at_home = _object(token.get("OAuthClient")), _object(token.get("organization"))
    told = token.get("authorizedScope")
    scopes = tuple(sorted(filter(_text, told))) if isinstance(told, list) else None
    return AuthStatus(
        organization_id=_text(organization.get("id")) or _text(at_home.get("id")),
        organization_name=_text(organization.get("name")) or _text(at_home.get("name")),
        client_id=_text(client.get("id")) or session.org.client_id,
        client_name=_text(client.get("name")),
        scopes=scopes,
        expires_at=session.tokens.expires_at or _time(token.get("dateTokenIdles")),
        kinds=tuple(_access(kind, answers, frozenset(scopes or ())) for kind in kinds),
        unanswered=tuple(
            each for path in (TOKEN_INFO, _ORGANIZATION) if isinstance(each := answers[path], EbruleError)
        ),
    )


def _probe(kind: Kind) -> str:
    """Return a path that anybody may GET who may read rules of a kind."""
    return f"{kind.listing}?pageSize=1" if kind.listing else kind.path_of(_NOBODY)


def _ask(session: Session, questions: Mapping[str, str]) -> dict[str, Answer]:
    def asking(path: str, doing: str) -> Callable[[], Answer]:
        def ask() -> Answer:
            try:
                reply: Reply | None = session.reader.read(path, doing)
            except InterruptedRunError:
                raise
            except EbruleError as error:
                return error
            return None if reply is None else each_text(reply.object, reply.hide)

        return ask

    answers = session.patience.read_all([asking(path, doing) for path, doing in questions.items()])
    return dict(zip(questions, answers, strict=True))


def _check_accepted(answers: Mapping[str, Answer]) -> None:
    """Raise the error of credentials that are not good, or of an org that answers nothing."""
    errors = [each for each in answers.values() if isinstance(each, EbruleError)]
    for error in errors:
        if error.http_status == HTTPStatus.UNAUTHORIZED:
            raise error
    if len(errors) == len(answers) and not any(error.http_status == HTTPStatus.FORBIDDEN for error in errors):
        raise errors[0]


def _access(kind: Kind, answers: Mapping[str, Answer], scopes: frozenset[str]) -> KindAccess:
    read = _may_read(kind, answers)
    if not read.allowed:
        return KindAccess(kind.name, read, Verdict(read.allowed, "an update reads the rule first"))
    return KindAccess(kind.name, read, _may_update(kind, scopes))


def _may_read(kind: Kind, answers: Mapping[str, Answer]) -> Verdict:
    answer = answers[_probe(kind)]
    health = answers[kind.health] if kind.health else {}
    if health is None or (answer is None and kind.listing):
        return Verdict(allowed=False, reason=f"this org's API has no {kind.title}s")
    if isinstance(answer, AccessError):
        return Verdict(allowed=False, reason=answer.message)
    # That the made-up id is refused for its form is an answer too.
    failed = [
        each for each in (answer, health) if isinstance(each, EbruleError) and not isinstance(each, InvalidRuleError)
    ]
    return Verdict(allowed=None, reason=failed[0].message) if failed else Verdict(allowed=True)


def _may_update(kind: Kind, scopes: frozenset[str]) -> Verdict:
    if not scopes:
        return Verdict(allowed=None, reason="the org names no scopes for this client; its roles decide")
    if kind.write_scopes.isdisjoint(scopes):
        return Verdict(allowed=False, reason=f"the scope {_one_of(kind.write_scopes)} is missing")
    if kind.reference_scopes and kind.reference_scopes.isdisjoint(scopes):
        missing = _one_of(kind.reference_scopes)
        return Verdict(allowed=True, reason=f"with --no-check-targets only: the scope {missing} is missing")
    return Verdict(allowed=True)


def _one_of(scopes: Iterable[str]) -> str:
    return " or ".join(sorted(scopes))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return time.astimezone(timezone.utc) if time.tzinfo else None
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
