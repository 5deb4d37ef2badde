"""What a caller allows an update to do where others change the rule at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ebrule.errors import ConflictError, Overlap, VersionGoneError

if TYPE_CHECKING:
    from ebrule.rules.kind import Rule

OnConflict = Literal["merge", "fail", "overwrite"]


class Policy(NamedTuple):
    """What the caller allows.

    ``pinned`` means that the base version is the only one that may be replaced. ``max_attempts`` counts PUTs.
    """

    on_conflict: OnConflict = "merge"
    max_attempts: int = 10
    pinned: bool = False

    def check_merge(self, base: Rule, present: Rule, overlaps: tuple[Overlap, ...]) -> None:
        """Raise :class:`ConflictError` where an update of ``base`` must not go on from ``present``."""
        moved = f"{base.id} was changed by someone else during the update ({base.version} → {present.version})"
        if self.pinned:
            raise VersionGoneError(
                f"version conflict: expected {base.version}, found {present.version}; {moved}. Nothing was overwritten",
                overlaps,
            )
        if self.on_conflict == "fail":
            raise ConflictError(f"{moved}, and --on-conflict fail was given. Nothing was overwritten", overlaps)
        if overlaps and self.on_conflict == "merge":
            raise ConflictError(f"{moved}, in a field that this update changes too. Nothing was overwritten", overlaps)
