"""What the caller of an update allows and asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ebrule.core.policy import OnConflict


class UpdateOptions(NamedTuple):
    """What the caller of an update allows and asks for.

    Attributes:
        rule_id: the rule; by default what the file says. Where both say one, they must agree.
        kind: the kind; by default what the file says, or ``eventbridge``.
        dry_run: read and compare only: nothing is written, here or there.
        expect_version: change the rule only if it has this version.
        on_conflict: what to do when somebody else changes the rule meanwhile; by default ``merge``, and ``fail`` where
            the caller or the file expects a version.
        max_attempts: how many PUTs may be sent.
        check_targets: whether what the rule refers to must exist.
        announce: whether to tell the webhook.
        reason: kept in the ledger.
        assignments: ``PATH=VALUE``, each laid over the file, or over the present rule where there is no file.
        text_assignments: the same, of values that are text whatever they look like; laid over those.
        allow_identity_change: whether what says which thing the rule is about may change.
    """

    rule_id: str | None = None
    kind: str | None = None
    dry_run: bool = False
    expect_version: int | None = None
    on_conflict: OnConflict | None = None
    max_attempts: int = 10
    check_targets: bool = True
    announce: bool = True
    reason: str | None = None
    assignments: tuple[str, ...] = ()
    text_assignments: tuple[str, ...] = ()
    allow_identity_change: bool = False

    def expected(self, said: int | None) -> int | None:
        """Return the version that the rule must have; ``said`` is what the file says of it."""
        return said if self.expect_version is None else self.expect_version

    def is_pinned(self, said: int | None) -> bool:
        """Return whether the expected version is the only one that may be replaced.

        A version that stands in the file is also where a merge may begin, if the caller asks for one.
        """
        merges = self.on_conflict in ("merge", "overwrite") and self.expect_version is None
        return self.expected(said) is not None and not merges
