"""What the ledger remembers of a rule: older contents, what the org made of them, and what others changed since."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ebrule.core.put_outcome import Evidence
from ebrule.core.rule_history import Recalled
from ebrule.redaction import aligned
from ebrule.rules.diff import diff, is_same_place
from ebrule.rules.stored import StoredDifferently, still_stored, stored_differently

if TYPE_CHECKING:
    from ebrule.core.audit import AuditLog, KnownState, RuleKey
    from ebrule.pipeline.plan import Plan
    from ebrule.redaction import Redactor
    from ebrule.rules.diff import Change
    from ebrule.rules.kind import Data, Kind, Shape


class Drift(NamedTuple):
    """What others changed since ``version``, the last one that this ledger knows it applied.

    ``kept`` stays as they made it; ``undone`` is what the update puts back.
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
        key: the rule, as records name it.
    """

    def __init__(self, ledger: AuditLog, redactor: Redactor, kind: Kind, key: RuleKey) -> None:
        self.redactor = redactor
        self._ledger = ledger
        self._kind = kind
        self._key = key
        self.recalled = Recalled()

    def recall(self) -> KnownState | None:
        """Look up what this ledger knows of the rule, and keep it; return the newest state that was applied."""
        self.recalled = self._ledger.recall(self._key)
        return self.last

    @property
    def last(self) -> KnownState | None:
        """The newest state that this ledger knows it applied, with secrets redacted."""
        return self.recalled.last

    def content_at(self, version: int, *known: Any) -> dict[str, Any] | None:
        """Return the rule's content at a version, or None where the ledger does not know it.

        Sensitive values come back only where ``known`` has them; others stay redacted, and differ from any value.
        """
        state = self._ledger.state_at(self._key, version)
        if state is None:
            return None
        content: dict[str, Any] = self.redactor.restore(state.data, list(known))
        return content

    def evidence(self, base_version: int, operation_id: str, client_id: str | None, *known: Any) -> Evidence:
        """Return what is known, beside the rule as the org shows it, of the version after ``base_version``.

        Args:
            base_version: the version that a PUT was to replace.
            operation_id: the operation that sent it: its own records are no evidence.
            client_id: the OAuth client that sent it, where changes name it as their author.
            known: contents in which sensitive values are looked up.
        """
        version = base_version + 1

        def other_maker() -> str | None:
            maker = self._ledger.maker_of(self._key, version)
            return None if maker == operation_id else maker

        def content_found() -> Data | None:
            found = self._ledger.found_at(self._key, version, not_by=operation_id)
            return None if found is None else dict(self.redactor.restore(found, list(known)))

        return Evidence(client_id, other_maker, content_found)

    def as_stored(self, version: int, present: Data, wanted: Data) -> AsStored:
        """Take what the org made of an earlier body for what is wanted, as long as the org still has it.

        Args:
            version: the one that the org has.
            present: its content.
            wanted: the content that it is to have.
        """
        if self.last is None:
            return AsStored(wanted)
        recorded = {each.path: each for each in self.last.stored}
        if self.last.version == version:
            # This version is ours, so whatever differs from what we know of it is what the org made of it.
            made = stored_differently(self._kind.shape, self.last.data, self.redactor.data(present))
            recorded = {each.path: each for each in made} | recorded
        if not recorded:
            return AsStored(wanted)
        known = [
            StoredDifferently(each.path, *self.redactor.restore([each.sent, each.stored], [present, wanted]))
            for each in recorded.values()
        ]
        content, holding = still_stored(self._kind.shape, known, present, wanted)
        return AsStored(content, tuple(recorded[each.path] for each in holding))

    def drift(self, plan: Plan) -> Drift | None:
        """Return what others changed since this ledger's last update, or None where they did not."""
        last, redacted = self.last, self.redactor.data
        if last is None or last.version >= plan.base.version:
            return None
        shape, present = self._kind.shape, self._kind.content(plan.base.data)
        known = redacted(self.redactor.restore(last.data, present))
        if not self.redactor.key.made(last.key_id):
            known = aligned(known, redacted(present))  # whether a secret has changed cannot be told
        theirs = diff(shape, known, redacted(present))
        ours = [_unit(shape, change) for change in diff(shape, redacted(present), redacted(plan.wanted))]
        undone = [any(is_same_place(_unit(shape, change), path) for path in ours) for change in theirs]
        return Drift(
            last.version,
            kept=tuple(change for change, is_undone in zip(theirs, undone, strict=True) if not is_undone),
            undone=tuple(change for change, is_undone in zip(theirs, undone, strict=True) if is_undone),
        )


class AsStored(NamedTuple):
    """What is wanted, in the org's own form where it is known; and the records, with secrets redacted, that say so."""

    wanted: Data
    recorded: tuple[StoredDifferently, ...] = ()


_INDEX = re.compile(r"\[[0-9]+\]\Z")


def _unit(shape: Shape, change: Change) -> str:
    """Return what is compared as one: a list instead of its element, where the element is known by its index alone."""
    whole = _INDEX.sub("", change.path)
    return change.path if whole in shape.keyed or whole in shape.sets else whole
