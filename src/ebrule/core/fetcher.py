"""Rule fetcher: GET → rule with version, and lists in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ebrule.core.failures import unreadable, wait
from ebrule.core.retry import CONFLICT_BACKOFF
from ebrule.errors import RuleNotFoundError, UnavailableError, UsageError
from ebrule.rules.kind import Kind, Rule
from ebrule.rules.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrule.core.auth import Session
    from ebrule.core.reads import Reader
    from ebrule.core.reply import Reply

T = TypeVar("T")

PAGE_SIZE = 200
"""How many entities a page may have: the most that the API gives."""

OLD_STATE_TRIES = 4
"""How often a rule is read whose version is older than one that was seen before."""

OLD_STATE = "old-state"
"""The code of the error for a rule that stays in an older version."""

MAX_PAGES = 100
"""How many pages are read of a list: more of them is a list that leads in a circle."""


def rule_in(reply: Reply, kind: Kind, rule_id: str) -> Rule | None:
    """Return the rule that a reply carries, or None where it carries none: no version, or another rule's id."""
    data = reply.object
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        return None
    if kind.has_own_id and data.get("id", rule_id) != rule_id:
        return None
    return Rule(rule_id, version, data)


def fetch_rule(reader: Reader, kind: Kind, rule_id: str) -> Rule:
    """Return a rule as the org has it now.

    Raises :class:`RuleNotFoundError` where there is none, :class:`UnavailableError` for an answer that is no rule,
    and what :meth:`Reader.read` raises.
    """
    doing = f"reading {kind.title} {rule_id}"
    reply = reader.read(kind.path_of(rule_id), doing)
    if reply is None:
        raise RuleNotFoundError(
            f"there is no {kind.title} {rule_id!r} in this org",
            hint="Check the id, the region and the kind (--kind).",
            http_status=404,
        )
    rule = rule_in(reply, kind, rule_id)
    if rule is None:
        raise unreadable(reply, doing)
    return rule


def fetch_recent(session: Session, kind: Kind, rule_id: str, at_least: int) -> Rule:
    """Return a rule as :func:`fetch_rule` does, in a version that is not older than one that was seen before.

    An older one comes from a replica that lags: it is read again, three times.

    Raises what :func:`fetch_rule` raises, and :class:`UnavailableError` where the state stays old.
    """
    pace = session.pace
    for tries in range(1, OLD_STATE_TRIES + 1):
        present = fetch_rule(session.reader, kind, rule_id)
        if present.version >= at_least:
            return present
        if tries < OLD_STATE_TRIES:
            seconds = CONFLICT_BACKOFF.seconds(tries, pace.random)
            wait(pace, seconds, "the org shows an old state", tries + 1, OLD_STATE_TRIES)
    raise UnavailableError(
        f"the org shows version {present.version}, older than version {at_least}, which it had before",
        hint="Try again later.",
        code=OLD_STATE,
    )


def read_entities(reader: Reader, path: str, doing: str, of: type[T]) -> Iterator[T]:
    """Yield the entities of a list in pages, which are read as they are needed; ``of`` is what JSON has for one.

    Raises :class:`UnavailableError` for an answer that is no such page, and what :meth:`Reader.read` raises.
    """
    following: str | None = f"{path}?pageSize={PAGE_SIZE}"
    read: set[str] = set()
    while following is not None:
        if following in read or len(read) == MAX_PAGES:
            raise UnavailableError(f"{doing}: the list does not end after {len(read)} pages", code="unexpected-answer")
        read.add(following)
        page, following = _read_page(reader, following, doing, of)
        yield from page


def _read_page(reader: Reader, path: str, doing: str, of: type[T]) -> tuple[list[T], str | None]:
    """Return the entities of a page, and the path of the next one."""
    reply = reader.read(path, doing)
    if reply is None:
        raise UnavailableError(f"{doing}: this org's API has no such list", code="unexpected-answer", http_status=404)
    entities, following = reply.object.get("entities"), reply.object.get("nextUri")
    if not isinstance(entities, list) or not all(isinstance(entity, of) for entity in entities):
        raise unreadable(reply, doing)
    # A page leads to a page of the same list, and nowhere else: the token goes where it leads.
    if following is not None and not (isinstance(following, str) and _list_of(following) == _list_of(path)):
        raise unreadable(reply, doing)
    return entities, following


def _list_of(page: str) -> str:
    return page.partition("?")[0]


def list_rules(reader: Reader, kind: Kind) -> Iterator[dict[str, Any]]:
    """Yield all rules of a kind, as the org's list has them.

    Raises what :func:`listing_of` and :func:`read_entities` raise.
    """
    return read_entities(reader, listing_of(kind), f"listing {kind.title}s", of=dict)


def listing_of(kind: Kind) -> str:
    """Return the path of a kind's list; raises :class:`UsageError` for a kind whose API has none."""
    if kind.listing is None:
        listed = ", ".join(each.name for each in KINDS.values() if each.listing)
        raise UsageError(
            f"the API has no list of {kind.title}s",
            hint=f"Kinds with a list: {listed}. Type: ebrule list --kind {listed.partition(',')[0]}\n"
            f"One rule by its id: ebrule show ID --kind {kind.name}",
            code="no-list",
        )
    return kind.listing
