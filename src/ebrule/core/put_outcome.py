"""What became of a PUT that may have been applied: told from the rule as the org shows it afterwards. Pure.

An update that lost its answer and ``ebrule audit resolve`` ask the same question, so the cases stand here, once. An org
need not store a body as it was sent: that content differs from it is no proof of another writer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.rules.equivalence import equivalent
from ebrule.rules.merge import contains_changes

if TYPE_CHECKING:
    from ebrule.rules.kind import Data, Kind, Rule


class PutOutcome(enum.Enum):
    """What a later state of a rule says about a PUT."""

    PENDING = "the version that it replaces is still there: it was not applied, and may still be"
    APPLIED = "its changes are there"
    NOT_APPLIED = "another writer took the one step that it could have taken: it never will be"
    UNCLEAR = "the next version is neither as before nor as sent"
    MOVED_ON = "later versions do not have its changes: it may have been applied and undone"
    OUTDATED = "the state is older than the one that it replaces"


class SentPut(NamedTuple):
    """A PUT that was sent: the version and content that it replaces, and the content that it carries."""

    base_version: int
    before: Data
    after: Data


class Evidence(NamedTuple):
    """What else is known of the version that the PUT would have made.

    Attributes:
        client_id: the OAuth client that sent the PUT, where ``modifiedBy`` would name it.
        other_maker: returns the operation that is known to have made that version, if another one did.
        content_found: returns that version's content, if another operation read it.
    """

    client_id: str | None = None
    other_maker: Callable[[], str | None] = lambda: None
    content_found: Callable[[], Data | None] = lambda: None


class Verdict(NamedTuple):
    """What became of a PUT, and the reason as the end of a sentence.

    ``evidence`` names what decided: ``version``, ``content``, ``author`` or ``ledger``.
    """

    outcome: PutOutcome
    reason: str
    evidence: str


def judge_put(kind: Kind, put: SentPut, seen: Rule, evidence: Evidence) -> Verdict:
    """Return what became of a PUT, as far as the rule that the org shows now tells."""
    next_version = put.base_version + 1
    if seen.version < put.base_version:
        reason = f"the org shows version {seen.version}, older than {put.base_version}"
        return Verdict(PutOutcome.OUTDATED, reason, "version")
    if seen.version == put.base_version:
        return Verdict(PutOutcome.PENDING, f"the org still has version {seen.version}", "version")
    if kind.version_increments_by_one and (maker := evidence.other_maker()) is not None:
        reason = f"version {next_version} was made by operation {maker}"
        return Verdict(PutOutcome.NOT_APPLIED, reason, "ledger")
    verdict = _by_content(kind, put, seen.version, kind.content(seen.data))
    if verdict is None and kind.version_increments_by_one:
        if seen.version == next_version:
            return _by_author(seen, evidence.client_id)
        found = evidence.content_found()
        verdict = None if found is None else _by_content(kind, put, next_version, found)
    if verdict is not None:
        return verdict
    reason = f"the rule moved on ({put.base_version} → {seen.version}) without these changes"
    return Verdict(PutOutcome.MOVED_ON, f"{reason}: they may have been applied and undone", "content")


def made_version(kind: Kind, put: SentPut, seen: Rule) -> int | None:
    """Return the version that an applied PUT made, or None where it cannot be told from the rule as it is now.

    Where versions need not grow by one, a version with just the content that was sent stands for it.
    """
    if kind.version_increments_by_one:
        return put.base_version + 1
    return seen.version if equivalent(kind.shape, put.after, kind.content(seen.data)) else None


def rule_as_made(seen: Rule, made: int | None, sent: Data) -> Rule:
    """Return the rule as a PUT made it: with what was sent, where others have replaced that version by now."""
    return seen if made in (None, seen.version) else seen._replace(version=made, data={**sent, "version": made})


def _by_content(kind: Kind, put: SentPut, version: int, content: Data) -> Verdict | None:
    """Return what a version's content says for itself, or None where it is neither as sent nor as before."""
    shape = kind.shape
    if equivalent(shape, put.after, content):
        return Verdict(PutOutcome.APPLIED, f"version {version} is what was sent", "content")
    if contains_changes(shape, put.before, put.after, content):
        return Verdict(PutOutcome.APPLIED, f"version {version} contains every change that was sent", "content")
    # One PUT makes the next version. Where nothing of ours is in it, that one was not ours, and ours comes too late.
    is_next = kind.version_increments_by_one and version == put.base_version + 1
    if is_next and contains_changes(shape, put.after, put.before, content):
        return Verdict(PutOutcome.NOT_APPLIED, f"version {version} contains none of these changes", "content")
    return None


def _by_author(seen: Rule, client_id: str | None) -> Verdict:
    author = author_of(seen.data)
    if client_id is not None and author is not None and author != client_id:
        return Verdict(PutOutcome.NOT_APPLIED, f"version {seen.version} was made by {author}", "author")
    reason = (
        f"version {seen.version} is neither as before nor as sent: either the org stores these changes differently, "
        "or another writer changed the same fields"
    )
    return Verdict(PutOutcome.UNCLEAR, reason, "content")


def author_of(data: Data) -> str | None:
    """Return the id of whoever made a rule's present version, where the org says that (``modifiedBy``)."""
    author: Any = data.get("modifiedBy")
    found = author.get("id") if isinstance(author, Mapping) else author
    return found if isinstance(found, str) and found else None
