"""The checker: holds what runs claimed against what the server's own log says was applied.

The log is a chain of versions, each with the whole body; a body is taken apart into *cells*, one for each
value at its path. An *edit* gives one cell a value that no other edit ever gives it, so that the log tells
whose edit each step was. Nothing here is ebrule's: a mistake in its merge must not hide from its judge.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox_process import Step

LIVE: Final = frozenset({0, 8})
"""Exit codes that say: the rule is as the file says."""

UNTOUCHED: Final = frozenset({3, 4, 5, 6, 7, 11, 129, 130, 143})
"""Exit codes that say: this run changed nothing."""

UNKNOWN: Final = 9

READ_ONLY: Final = ("id", "version", "selfUri", "dateCreated", "dateModified", "createdBy", "modifiedBy")


@dataclass(frozen=True)
class Version:
    """One state of a rule: ``parent`` is the version that it replaced."""

    parent: int
    version: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Claim:
    """What one run was to do (``cell``, ``value``) and what it said of it.

    ``version`` and ``result`` are those of its result; ``story`` is for a person who reads of a finding.
    """

    writer: int
    cell: str
    value: str
    exit_code: int
    version: int | None = None
    result: str = ""
    attempts: int = 0
    story: str = ""


@dataclass
class Verdict:
    """What was found; ``findings`` is empty where all promises held.

    ``lost`` counts the edits that ended well, in a cell of one writer only, yet are not in the final rule.
    """

    runs: int = 0
    live: int = 0
    untouched: int = 0
    unknown: int = 0
    versions: int = 0
    false_applied: int = 0
    false_not_applied: int = 0
    lost: int = 0
    broken_chain: int = 0
    strange_steps: int = 0
    findings: list[str] = field(default_factory=list)
    exit_codes: Counter[int] = field(default_factory=Counter)

    def note(self, counter: str, finding: str) -> None:
        """Count a finding."""
        setattr(self, counter, getattr(self, counter) + 1)
        self.findings.append(f"{counter}: {finding}")

    def add(self, other: Verdict) -> None:
        """Take another rule's verdict in."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def cells_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Take a rule apart: the value at each path, as JSON. Targets are told by id, another list is whole."""
    return dict(_cells("", {name: value for name, value in body.items() if name not in READ_ONLY}))


def _cells(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _cells(f"{path}.{name}" if path else name, item)
    elif path == "targets" and isinstance(value, list):
        for target in value:
            yield from _cells(f"targets[{target['id']}]", target)
    else:
        yield path, json.dumps(value, sort_keys=True)


def version_of(step: Step) -> Version:
    """Read one line of the sandbox's log."""
    return Version(step.parent, step.version, cells_of(json.loads(step.body)))


def judge(start: Version, steps: Sequence[Version], claims: Sequence[Claim]) -> Verdict:
    """Hold the claims against the log.

    Args:
        start: the state before the first run.
        steps: what was applied since, in the log's order.
        claims: what every run that was started said at its end.
    """
    verdict = Verdict(runs=len(claims), versions=len(steps))
    _judge_chain(start, steps, verdict)
    applied = _judge_steps(start, steps, claims, verdict)
    states = {state.version: state.cells for state in (start, *steps)}
    for claim in claims:
        _judge_claim(claim, applied, states, verdict)
    _judge_final(states[max(states)], applied, claims, verdict)
    return verdict


def _judge_chain(start: Version, steps: Sequence[Version], verdict: Verdict) -> None:
    """Each version has one parent, the one before, and each parent one child."""
    before = start.version
    for step in steps:
        if (step.parent, step.version) != (before, before + 1):
            verdict.note("broken_chain", f"{step.parent} → {step.version} follows {before}")
        before = step.version


Applied = dict[tuple[str, str], list[int]]
"""Which versions brought a value into a cell."""


def _judge_steps(start: Version, steps: Sequence[Version], claims: Sequence[Claim], verdict: Verdict) -> Applied:
    """Each step makes one edit that some run was to make, and nothing else: no step takes an edit back."""
    wanted = {(claim.cell, json.dumps(claim.value)) for claim in claims}
    applied: Applied = {}
    before = start.cells
    for step in steps:
        names = before.keys() | step.cells.keys()
        changed = [(name, step.cells.get(name, "")) for name in names if before.get(name) != step.cells.get(name)]
        if len(changed) != 1 or changed[0] not in wanted or changed[0] in applied:
            verdict.note("strange_steps", f"{step.parent} → {step.version} changes {sorted(changed)}")
        for edit in changed:
            applied.setdefault(edit, []).append(step.version)
        before = step.cells
    return applied


def _judge_claim(claim: Claim, applied: Applied, states: Mapping[int, Mapping[str, str]], verdict: Verdict) -> None:
    value = json.dumps(claim.value)
    versions = applied.get((claim.cell, value), [])
    verdict.exit_codes[claim.exit_code] += 1
    if claim.exit_code in LIVE:
        verdict.live += 1
        if not versions:
            verdict.note("false_applied", f"{claim}: in no version")
        elif states.get(claim.version or 0, {}).get(claim.cell) != value:
            verdict.note("false_applied", f"{claim}: not in the version that it names, but in {versions}")
    elif claim.exit_code in UNTOUCHED:
        verdict.untouched += 1
        if versions:
            verdict.note("false_not_applied", f"{claim}: in {versions}")
    elif claim.exit_code == UNKNOWN:
        verdict.unknown += 1
    else:
        verdict.findings.append(f"a run ended in {claim.exit_code}: {claim}")


def _judge_final(final: Mapping[str, str], applied: Applied, claims: Sequence[Claim], verdict: Verdict) -> None:
    """A cell that only one writer edits holds its last edit that ended well, or a later one of its own."""
    owners: dict[str, set[int]] = {}
    for claim in claims:
        owners.setdefault(claim.cell, set()).add(claim.writer)
    for cell in (cell for cell, writers in owners.items() if len(writers) == 1):
        its = [claim for claim in claims if claim.cell == cell]
        order = [json.dumps(claim.value) for claim in its]
        at = order.index(final[cell]) if final.get(cell) in order else -1
        for claim in its[at + 1 :]:
            if claim.exit_code in LIVE and applied.get((cell, json.dumps(claim.value))):
                verdict.note("lost", f"{claim}: the final rule has {final.get(cell)}")
