"""Rule fetcher: GET → rule with version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrule.core.failures import unreadable
from ebrule.errors import RuleNotFoundError
from ebrule.rules.kind import Kind, Rule

if TYPE_CHECKING:
    from ebrule.core.reads import Reader
    from ebrule.core.reply import Reply


def rule_in(reply: Reply, rule_id: str) -> Rule | None:
    """Return the rule that a reply carries, or None where it carries none: no version, or another rule's id."""
    data = reply.object
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or data.get("id", rule_id) != rule_id:
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
    rule = rule_in(reply, rule_id)
    if rule is None:
        raise unreadable(reply, doing)
    return rule
