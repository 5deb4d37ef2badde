"""What the ledger remembers of a rule: older contents, and what others changed since this ledger's last update."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.redaction import aligned
from ebrule.rules.changes import diff

if TYPE_CHECKING:
    from ebrule.core.audit import AuditLog, KnownState
    from ebrule.pipeline.plan import Plan
    from ebrule.redaction import Redactor
    from ebrule.rules.changes import Change
    from ebrule.rules.kind import Kind


class Drift(NamedTuple):
    """What others changed since ``version``, the last one that this ledger knows it applied.

    ``kept`` stays as they made it; ``undone`` is what the rule file puts back.
    """

    version: int
    kept: tuple[Change, ...]
    undone: tuple[Change, ...]


class History:
    """The ledger's records of one rule.

    Args:
        ledger: where they are.
        redactor: has the key that the records were redacted with.
        kind: the rule's kind.
        rule_id: the rule.
        region: the org, as the records name it.
    """

    def __init__(self, ledger: AuditLog, redactor: Redactor, kind: Kind, rule_id: str, region: str) -> None:
        self._ledger = ledger
        self._redactor = redactor
        self._kind = kind
        self._rule_id = rule_id
        self._region = region

    def last(self) -> KnownState | None:
        """Return the newest state that this ledger knows it applied, with secrets redacted, or None."""
        return self._ledger.last_applied(self._rule_id, self._kind.name, region=self._region)

    def content_at(self, version: int, *known: Any) -> dict[str, Any] | None:
        """Return the rule's content at a version, or None where the ledger does not know it.

        Sensitive values come back only where ``known`` has them; others stay redacted, and differ from any value.
        """
        state = self._ledger.state_at(self._rule_id, self._kind.name, version, region=self._region)
        if state is None:
            return None
        content: dict[str, Any] = self._redactor.restore(state.data, list(known))
        return content

    def drift(self, last: KnownState | None, plan: Plan) -> Drift | None:
        """Return what others changed since ``last``, this ledger's last update, or None where they did not."""
        if last is None or last.version >= plan.base.version:
            return None
        shape, redacted = self._kind.shape, self._redactor.data
        present = self._kind.content(plan.base.data)
        known = redacted(self._redactor.restore(last.data, present))
        if not self._redactor.key.made(last.key_id):
            known = aligned(known, redacted(present))  # whether a secret has changed cannot be told
        theirs = diff(shape, known, redacted(present))
        ours = {_unit(change) for change in diff(shape, redacted(present), redacted(plan.wanted))}
        return Drift(
            last.version,
            kept=tuple(change for change in theirs if _unit(change) not in ours),
            undone=tuple(change for change in theirs if _unit(change) in ours),
        )


_INDEX = re.compile(r"\[[0-9]+\]\Z")


def _unit(change: Change) -> str:
    """Return what is compared as one: the list instead of its element, whose index may differ on the two sides."""
    return _INDEX.sub("", change.path)
