"""Back to an earlier state of a rule, as the ledger has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ebrule.core.audit import RuleKey
from ebrule.core.pace import Pace
from ebrule.errors import InvalidRuleError, LedgerError, Problem, Source, UsageError
from ebrule.pipeline.patch import laid_over, parse_assignments, places_of
from ebrule.pipeline.run import Run
from ebrule.redaction import Redactor, holds_redacted, present_redaction_key
from ebrule.rules.kind import Kind, checked_id
from ebrule.rules.registry import DEFAULT_KIND, kind_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrule.core.audit import AuditLog, KnownState
    from ebrule.core.transport import Transport
    from ebrule.pipeline.operation import UpdateResult
    from ebrule.pipeline.options import UpdateOptions
    from ebrule.pipeline.patch import Assignment
    from ebrule.redaction import Places
    from ebrule.rules.kind import Rule
    from ebrule.settings import Settings


@dataclass(frozen=True)
class Recorded:
    """A state that the ledger has of a rule.

    ``version`` is the last one that the ledger knows was applied: what came after it is somebody else's, and is not
    undone unawares. ``recorded`` has no secrets: they come back from the present rule, where it still has them.
    """

    kind: Kind
    rule_id: str
    version: int | None
    recorded: Mapping[str, Any]
    redactor: Redactor
    assignments: tuple[Assignment, ...]
    source: Source
    fields: Mapping[str, Any] | None = None
    warnings: tuple[Problem, ...] = ()
    key_id: str | None = None

    @property
    def secrets(self) -> frozenset[str]:
        """What the environment put into the assignments."""
        return frozenset().union(*(assignment.secrets for assignment in self.assignments))

    @property
    def places(self) -> Places:
        """Where it did."""
        return places_of(self.assignments)

    def placed(self, problem: Problem) -> Problem:
        """Return the problem as it is: there is no text to point into."""
        return problem

    def over(self, base: Rule) -> dict[str, Any]:
        """Return the recorded state; fields that ebrule does not know stay as the org has them.

        Raises:
            InvalidRuleError: a secret is needed that neither the org nor an assignment has,
                or an assignment is not right.
        """
        kind, present = self.kind, self.kind.content(base.data)
        known = kind.fields_of(kind.model.model_fields)
        restored = self.redactor.restore(self.recorded, present)
        content = {name: value for name, value in present.items() if name not in known}
        content |= {name: value for name, value in restored.items() if name in known}
        content = laid_over(kind, content, present, self.assignments)
        missing = [_missing(path) for path in _redacted_paths(kind, content)]
        if missing:
            hint = None if self.redactor.key.made(self.key_id) else _OTHER_KEY
            message = "a secret is not known any more. Nothing was sent."
            raise InvalidRuleError(message, missing, source=self.source, hint=hint)
        return content


_OTHER_KEY = (
    "These digests were made with another key, so they cannot be compared with what the org has. "
    "Set EBRULE_REDACTION_KEY to that key."
)


def _missing(path: str) -> Problem:
    whole, _, name = path.rpartition(".")
    if holds_redacted(name):
        hint = f"Give what it stands in as a whole: --set '{whole}={{…}}'"
        message = (
            f"{path} has a name that held a secret: the ledger has a digest of it only, and the org has no such name"
        )
        return Problem("secret-needed", message, (path,), hint=hint)
    hint = f"Give it: --set '{path}=${{env:NAME}}'; or keep what the org has, if anything: --set '{path}=${{keep}}'"
    message = f"{path} was a secret: the ledger has a digest of it only, and the org does not have it any more"
    return Problem("secret-needed", message, (path,), hint=hint)


def _redacted_paths(kind: Kind, data: Any, path: str = "") -> Iterator[str]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            below = f"{path}[{name}]" if "." in name else f"{path}.{name}" if path else name
            if holds_redacted(name):
                yield below  # nothing under a name that is not known can be given
            else:
                yield from _redacted_paths(kind, value, below)
    elif isinstance(data, list):
        key = kind.shape.keyed.get(path, "")
        for index, item in enumerate(data):
            name = item.get(key, index) if isinstance(item, Mapping) else index
            yield from _redacted_paths(kind, item, f"{path}[{name}]")
    elif isinstance(data, str) and holds_redacted(data):
        yield path


def rollback_rule(
    settings: Settings,
    options: UpdateOptions,
    to_version: int | None = None,
    *,
    pace: Pace | None = None,
    environ: Mapping[str, str] | None = None,
    transport: Transport | None = None,
) -> UpdateResult:
    """Bring one rule back to an earlier state that the ledger knows, as safely as :func:`update_rule`.

    Args:
        settings: the org, the ledger, the webhook.
        options: the rule, by default of the kind that the ledger has updates of, and what to allow; assignments are
            laid over the earlier state, and stand in for secrets that the ledger does not have.
        to_version: the state to go back to; by default what the ledger's last update of the rule began with.
        pace: the run's time; by default one with the settings' deadline.
        environ: where ``${env:NAME}`` and the actor come from; by default the process's environment.
        transport: what carries the requests; by default what the settings say.

    Returns:
        The result, ``rolled_back`` or ``unchanged``, or ``planned`` for a dry run.

    Raises:
        EbruleError: as :func:`update_rule` does. Where somebody changed the rule since the ledger's last update, that
            is a conflict, unless the options say to merge, or expect the present version.
    """
    pace = pace or Pace(settings.deadline)
    environ = os.environ if environ is None else environ
    run = Run(settings, options, pace, environ, transport, done="rolled_back")
    return run.run(partial(_load, run, to_version), loading=f"the ledger {settings.audit_log}")


def _load(run: Run, to_version: int | None) -> Recorded:
    """Return the state that a rollback leads to: version ``to_version``, or what the ledger's last update began with.

    Raises:
        UsageError: the ledger does not know such a state.
        LedgerError: it cannot be read, or its chain is broken.
    """
    settings, options, environ = run.settings, run.options, run.environ
    region = settings.require_org().name
    if options.rule_id is None:
        raise UsageError("which rule?", hint="--rule-id ID", code="no-rule-id")
    rule_id = checked_id(options.rule_id)
    ledger = run.ledger

    def key_of(kind_name: str) -> RuleKey:
        return RuleKey(kind_name, rule_id, run.identity.id, region)

    found = [] if options.kind else [name for name in settings.kinds if ledger.last_applied(key_of(name))]
    kind = kind_named(options.kind or _only_kind(ledger, rule_id, region, found), settings.kinds)
    _check_whole(ledger, kind, rule_id)
    key = key_of(kind.name)
    last = ledger.last_applied(key)
    if last is None:
        hint = (
            "A rollback goes back over updates that this ledger recorded: ebrule audit show. "
            "One that is still open counts once it is settled: ebrule audit resolve"
        )
        rule = f"{rule_id} (kind {kind.name})" if options.kind else rule_id
        raise UsageError(f"{settings.audit_log} has no update of {rule} in {region}", hint=hint, code="no-history")
    version = last.base_version if to_version is None else to_version
    state: KnownState | None = ledger.state_at(key, version)
    if state is None:
        known = ", ".join(map(str, ledger.known_versions(key)))
        hint = f"It knows: {known}."
        raise UsageError(f"the ledger does not know version {version} of {rule_id}", hint=hint, code="unknown-version")
    return Recorded(
        kind,
        rule_id,
        None if options.expect_version is not None else last.version,
        state.data,
        Redactor(present_redaction_key(settings) or b""),
        parse_assignments(options, environ),
        Source(f"version {version} in the ledger"),
        key_id=state.key_id,
    )


def _only_kind(ledger: AuditLog, rule_id: str, region: str, found: Sequence[str]) -> str:
    """Return the kind of the rule of that id that the ledger has updates of; the default one where it has none.

    Raises :class:`UsageError` where it has updates of several: ids need not differ from kind to kind.
    """
    if len(found) > 1:
        raise UsageError(
            f"{ledger.path} has updates of {rule_id} in {region} for the kinds {' and '.join(found)}",
            hint="\n".join(f"Say which one: ebrule rollback --rule-id {rule_id} --kind {name}" for name in found),
            code="which-kind",
        )
    return found[0] if found else DEFAULT_KIND


def _check_whole(ledger: AuditLog, kind: Kind, rule_id: str) -> None:
    """Raise :class:`LedgerError` where a line was changed: the state could be found by any of them."""
    found = ledger.verify()
    if found.ok:
        return
    hint = (
        "What is wrong: ebrule audit verify\n"
        f"To go on without the ledger: ebrule show {rule_id} --kind {kind.name} -o yaml > rule.yaml, "
        "put it right, and: ebrule update --file rule.yaml"
    )
    message = f"the ledger {ledger.path} is broken: line {found.line} {found.problem}. Nothing was sent."
    raise LedgerError(message, hint=hint, code="broken-ledger")
