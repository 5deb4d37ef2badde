"""The org's own test of a saved rule: would it match this event?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrule.core.client import as_json
from ebrule.core.failures import unreadable
from ebrule.errors import RuleNotFoundError, UsageError
from ebrule.rules.kind import checked_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.core.reads import Reader
    from ebrule.core.reply import Reply
    from ebrule.rules.kind import Kind


@dataclass(frozen=True)
class Trial:
    """What the org says of an event: whether the saved rule matches, and whether each criterion of it holds."""

    matches: bool
    criteria: tuple[tuple[str, bool], ...]


def try_rule(reader: Reader, kind: Kind, rule_id: str, event: Mapping[str, Any]) -> Trial:
    """Ask the org whether a saved rule matches an event. Nothing is started or changed by it.

    Raises :class:`UsageError` for a kind whose API has no such test, :class:`RuleNotFoundError` where there is no such
    rule, :class:`UnavailableError` for an answer that says nothing of it, and what :meth:`Reader.read` raises.
    """
    doing = f"asking the org to test {kind.title} {rule_id}"
    reply = reader.ask(trial_of(kind).replace("{id}", checked_id(rule_id)), as_json(event), doing)
    if reply is None:
        raise RuleNotFoundError(
            f"there is no {kind.title} {rule_id!r} in this org",
            hint="Check the id and the region. The org tests rules that it has saved.",
            http_status=404,
        )
    matches = reply.object.get("triggerMatches")
    if not isinstance(matches, bool):
        raise unreadable(reply, doing)
    return Trial(matches, tuple(_criteria(reply)))


def trial_of(kind: Kind) -> str:
    """Return the path of a kind's test; raises :class:`UsageError` for a kind whose API has none."""
    if kind.trial is None:
        raise UsageError(f"the API has no test of {kind.title}s", hint="Leave out --remote.", code="no-trial")
    return kind.trial


def _criteria(reply: Reply) -> list[tuple[str, bool]]:
    """Return path and operator of each criterion that the org tells of, and whether it held."""
    validation = reply.object.get("jsonPathValidation")
    details = validation.get("details") if isinstance(validation, dict) else None
    return [
        (reply.hide(f"{detail.get('jsonPath')} {detail.get('operator')}"), detail.get("match") is True)
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, dict)
    ]
