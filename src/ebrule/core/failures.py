"""From what a server said to the error that a user reads."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ebrule.core.notices import Waiting
from ebrule.core.pace import OutOfTimeError
from ebrule.core.reply import Reply, TransportError
from ebrule.core.retry import Meaning, meaning_of
from ebrule.errors import (
    AccessError,
    EbruleError,
    InvalidRuleError,
    Problem,
    RuleNotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from ebrule.core.pace import Pace

_EXCERPT = 200


def failure(outcome: Reply | TransportError, doing: str) -> EbruleError:
    """Return the error for a request that did not succeed.

    Args:
        outcome: the reply, or why there is none.
        doing: what the request was for, such as ``reading rule demo-rule``.
    """
    meaning = meaning_of(outcome)
    if isinstance(outcome, TransportError):
        return _no_reply(meaning, outcome, doing)
    said = what_it_said(outcome)
    facts: dict[str, Any] = {"http_status": outcome.status, "correlation_id": outcome.correlation_id}
    if meaning is Meaning.UNAUTHORIZED:
        return AccessError(
            f"{doing}: the org does not accept the access token{said}",
            hint="Check the client's id and secret, and that the token is of this region.",
            code="unauthorized",
            **facts,
        )
    if meaning is Meaning.FORBIDDEN:
        return AccessError(
            f"{doing}: not permitted{said}",
            hint="Give the OAuth client's role the permission or scope that the message names.",
            code="forbidden",
            **facts,
        )
    if meaning is Meaning.NOT_FOUND:
        return RuleNotFoundError(
            f"{doing}: there is no such thing in this org{said}", hint="Check the id and the region.", **facts
        )
    if meaning is Meaning.REFUSED:
        return InvalidRuleError(f"{doing}: the org refused it{said}", server_problems(outcome), **facts)
    if meaning is Meaning.UNSUPPORTED:
        return UnavailableError(
            f"{doing}: {outcome.status} is not what this API answers{said}",
            hint="Check --api-url and --region: this may be another service, or a proxy's page.",
            code="unexpected-answer",
            **facts,
        )
    return UnavailableError(
        f"{doing}: the org answered {outcome.status}{said}",
        hint="Try again later.",
        code="org-unavailable",
        **facts,
    )


def _no_reply(meaning: Meaning, error: TransportError, doing: str) -> EbruleError:
    if meaning is Meaning.UNTRUSTED:
        return AccessError(
            f"{doing}: {error.origin or 'the host'} could not prove who it is: {error}",
            hint="Check the host name; --ca-file or SSL_CERT_FILE name the certificates to trust.",
            code="untrusted-host",
        )
    if meaning is Meaning.NOT_SENT:
        where = f" to {error.origin}" if error.origin else ""
        return UnavailableError(
            f"{doing}: no connection{where}: {error}",
            hint="Check the network, the region and the proxy settings.",
            code="no-connection",
        )
    message = f"{doing}: no usable answer from {error.origin or 'the host'}: {error}"
    return UnavailableError(message, hint="Try again later.", code="connection-broken")


def unreadable(reply: Reply, doing: str) -> UnavailableError:
    """Return the error for a 2xx reply that is not what was asked for, such as a proxy's HTML page."""
    kind = reply.hide(reply.headers.get("content-type", "no content type")).split(";")[0]
    return UnavailableError(
        f"{doing}: the answer ({reply.status}, {kind}, {len(reply.body)} bytes) is not what this API sends",
        hint="Check --api-url and --region: this may be another service, or a proxy's page.",
        code="unexpected-answer",
        http_status=reply.status,
        correlation_id=reply.correlation_id,
    )


def what_it_said(reply: Reply) -> str:
    """Return the server's own words, behind a colon, or nothing."""
    text = reply.error_text()
    if len(text) > _EXCERPT:
        text = text[: _EXCERPT - 1] + "…"
    return f": {text}" if text else ""


def server_problems(reply: Reply) -> list[Problem]:
    """Return what an error reply's ``details`` say is wrong, each with the path of the field that it names."""
    details = reply.object.get("details")
    found = []
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        name, code = detail.get("fieldName"), detail.get("errorCode")
        field = reply.hide(str(name)) if name else ""
        path = _path_of(field) if field == name else ()
        text = f"the org says: {reply.hide(str(code)) if code else reply.error_text() or 'not valid'}"
        found.append(Problem("refused-by-org", f"{field}: {text}" if field else text, path))
    return found or [Problem("refused-by-org", f"the org says: {reply.error_text() or reply.status}")]


def _path_of(field: str) -> tuple[str | int, ...]:
    """Return the path that ``conditions[3].operator`` or ``conditions.3.operator`` names."""
    parts = field.replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if re.fullmatch(r"[0-9]{1,5}", part) else part for part in parts if part)


def too_late(what: str) -> UnavailableError:
    """Return the error of a run whose deadline came first; ``what`` did not happen before it."""
    return UnavailableError(
        f"{what} before the deadline", hint="Allow more time with --deadline.", code="past-deadline"
    )


def wait(pace: Pace, seconds: float, reason: str, attempt: int, attempts: int) -> None:
    """Wait ``seconds`` before try ``attempt`` of ``attempts``, telling the observer.

    Raises :class:`UnavailableError` at once where that does not fit into the deadline, naming the earliest time
    to try again.
    """
    left = pace.left()
    try:
        if seconds <= left:
            pace.observe(Waiting(reason, seconds, attempt, attempts, left))
        pace.sleep(seconds)
    except OutOfTimeError:
        if seconds < 1:
            raise UnavailableError(
                f"{reason}, and the deadline is over",
                hint="Allow more time with --deadline.",
                code="past-deadline",
            ) from None
        earliest = pace.clock.now() + timedelta(seconds=min(seconds, 10**9))
        if earliest.microsecond:  # shown in whole seconds, and never too early
            earliest += timedelta(seconds=1)
        raise UnavailableError(
            f"{reason}: the next try may come in {seconds:.0f} s, and the deadline leaves {max(left, 0):.0f} s",
            hint=f"Try again at {earliest:%Y-%m-%dT%H:%M:%SZ} or later, or allow more time with --deadline.",
            code="past-deadline",
        ) from None
