"""What an update would change: against the rule as it is, or from an older version that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ebrule.core.validator import new_problems, writable
from ebrule.errors import ConflictError, Problem, VersionGoneError
from ebrule.pipeline.plan import Desired, Plan, invalid, make_plan
from ebrule.rules.equivalence import canonical
from ebrule.rules.kind import Rule, value_at
from ebrule.rules.merge import merge3

if TYPE_CHECKING:
    from ebrule.pipeline.history import History
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.rules.stored import StoredDifferently


class Compared(NamedTuple):
    """A plan; ``since`` is the older version that it merges from, where it does.

    ``held`` is what earlier runs sent, and the org still has in the form in which it stored that.
    """

    plan: Plan
    since: Rule | None = None
    held: tuple[StoredDifferently, ...] = ()


def compare(desired: Desired, base: Rule, options: UpdateOptions, history: History) -> Compared:
    """Lay what is desired over the rule as read, or merge it with what changed since an older version.

    Raises:
        InvalidRuleError: what comes of it is not right, or changes what cannot change.
        ConflictError: the version that is expected is gone, or what changed since is in the way.
    """
    compared = _compare(desired, base, options, history)
    problems = fixed_field_problems(compared.plan, allow_identity_change=options.allow_identity_change)
    # A limit may be broken by a field of ours and one that only the org's rule has, together. What a rollback goes
    # back to, the org had.
    held = (desired.kind.content(base.data), desired.recorded or {})
    problems += new_problems(desired.kind, writable(desired.kind.model, compared.plan.wanted), held)
    if any(problem.severity == "error" for problem in problems):
        placed = sorted(map(desired.placed, problems), key=lambda problem: (problem.line or 0, problem.column or 0))
        raise invalid(desired.source, placed, desired.kind)
    return compared


def _compare(desired: Desired, base: Rule, options: UpdateOptions, history: History) -> Compared:
    kind, expected = desired.kind, options.expected(desired.version)
    compared = _in_the_orgs_form(make_plan(desired, base), history)
    if expected in (None, base.version) or (compared.plan.is_empty and options.expect_version is None):
        return compared  # also where the file names an older version, but nothing is left to change
    moved = f"{base.id} has version {base.version}, and version {expected} was expected. Nothing was sent."
    theirs = kind.content(base.data)
    was = history.content_at(expected, theirs, dict(desired.fields or {}))
    if was is None:
        hint = "Look at what changed since, then leave out the version or name the present one."
        raise VersionGoneError(moved, hint=hint)
    older = Rule(base.id, expected, was)
    merge = merge3(kind.shape, was, make_plan(desired, older).wanted, theirs)
    if options.is_pinned(desired.version):
        hint = "To merge with what changed since, give --on-conflict merge."
        if desired.recorded is not None:
            hint += f" To undo that too, give --expect-version {base.version}."
        if options.expect_version is not None:
            hint = f"Look at the rule as it is now; then expect version {base.version}, or none."
        raise VersionGoneError(moved, merge.overlaps, hint=hint)
    if merge.overlaps and options.on_conflict == "merge":
        raise ConflictError(f"{moved} What changed since is in a field that this update changes too.", merge.overlaps)
    return _in_the_orgs_form(Plan(kind, base, merge.content, overwritten=merge.overlaps), history, older)


def _in_the_orgs_form(plan: Plan, history: History, since: Rule | None = None) -> Compared:
    """Return the plan without changes that the org has already made into what it has."""
    known = history.as_stored(plan.base.version, plan.kind.content(plan.base.data), plan.wanted)
    return Compared(plan._replace(wanted=known.wanted), since, known.recorded)


def fixed_field_problems(plan: Plan, *, allow_identity_change: bool = False) -> list[Problem]:
    """Find each changed field that an update cannot change, or may change with consent only."""
    kind, found = plan.kind, []
    for path in (*kind.immutable, *sorted(kind.identity)):
        parts = tuple(path.split("."))
        before, after = value_at(plan.base.data, parts), value_at(plan.wanted, parts)
        if canonical(before) == canonical(after):
            continue
        moves = f'{path} would change from "{before}" to "{after}"'
        if path in kind.immutable:
            found.append(Problem("immutable-field", f"{moves}: it cannot", parts, hint=kind.immutable[path]))
        elif not allow_identity_change:
            hint = "If another thing is really meant, say so with --allow-identity-change."
            found.append(Problem("identity-change", f"{moves}: that is another {kind.title}", parts, hint=hint))
    return found
