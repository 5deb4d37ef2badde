"""Results and errors as text for people; each function returns or prints whole lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ebrule.cli.options import as_typed
from ebrule.cli.problems import Line, show_problem
from ebrule.cli.render import Part, Screen, one_line, value_text
from ebrule.errors import (
    ConflictError,
    EbruleError,
    InvalidRuleError,
    Overlap,
    UnknownOutcomeError,
    VersionGoneError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrule.pipeline.history import Drift
    from ebrule.pipeline.operation import UpdateResult
    from ebrule.rules.diff import Change

_SIGN_STYLES = {"+": "added", "-": "removed", "~": "changed", "=": "faint"}
WIDEST = 60


def change_lines(changes: Iterable[Change], *, sign: str | None = None) -> list[tuple[Part, ...]]:
    """Return one line for each change: a sign, the path, and old → new."""
    rows = [_without_element(change) for change in changes]
    width = min(max((len(change.path) for change in rows), default=0), WIDEST)
    return [_change_line(change, width, sign) for change in rows]


def _without_element(change: Change) -> Change:
    """Return an element of a set without its name in the path: it is its own name."""
    value = change.before if change.after is None else change.after
    return change._replace(path=change.path.removesuffix(f"[{value}]")) if isinstance(value, str) else change


def _change_line(change: Change, width: int, sign: str | None) -> tuple[Part, ...]:
    if change.before is None:
        own, text = "+", value_text(change.after)
    elif change.after is None:
        own, text = "-", value_text(change.before)
    else:
        own, text = "~", f"{value_text(change.before)} → {value_text(change.after)}"
    own = sign or own
    return ("  ", (own, _SIGN_STYLES[own]), f" {change.path:<{width}}   ", (text, _SIGN_STYLES[own]))


_DONE = {"updated": "Updated", "rolled_back": "Rolled back:"}


def show_result(screen: Screen, result: UpdateResult, source: str, org: str) -> None:
    """Print what became of an update that did not fail: the diff, then one line, then what followed."""
    if result.result == "unchanged":
        sent = "Somebody else had just made it so." if result.attempts else "Nothing sent."
        has = f"already has what {source} changes" if result.merged else f"is already as {source} says"
        screen.out(f"{result.rule_id} {has} (version {result.version}). {sent}")
        _show_drift(screen, result.drift)
        return
    show_changes(screen, result, org)
    _show_drift(screen, result.drift)
    screen.out()
    if result.result == "planned":
        changes = "1 change" if len(result.changes) == 1 else f"{len(result.changes)} changes"
        screen.out(f"{changes} to version {result.base_version}. Nothing was sent: this is a dry run.")
        return
    made = result.made_version if result.made_version is not None else result.version
    tries = f"{result.attempts} attempt{'' if result.attempts == 1 else 's'}"
    how = "(confirmed by reading back)" if result.latency_ms is None else f"in {result.latency_ms:.0f} ms ({tries})"
    now = "" if made == result.version else f" Others have changed it since: it now has version {result.version}."
    screen.out(
        (_DONE[result.result], "good"),
        f" version {result.base_version} → {made} {how}.{now}{_webhook(result)}{_ledger(result)}",
    )
    if stored := result.stored_differently:
        fields = "1 field" if len(stored) == 1 else f"{len(stored)} fields"
        screen.err(("warning:", "warning"), f" the org stored {fields} differently than sent:")
        width = min(max(len(each.path) for each in stored), WIDEST)
        for each in stored:
            screen.err(f"  {each.path:<{width}}   sent {_or_absent(each.sent)}   stored {_or_absent(each.stored)}")
    if result.overwritten:
        screen.out("Overwritten, as --on-conflict overwrite says:")
        show_overlaps(screen.out, result.overwritten)


def _or_absent(value: object) -> str:
    return "nothing" if value is None else value_text(value)


def show_changes(screen: Screen, result: UpdateResult, org: str) -> None:
    """Print the rule's name and the diff."""
    name = f"  {one_line(result.rule_name)}" if result.rule_name else ""
    screen.out((result.rule_id or "", "strong"), f"{name}  ({result.kind}, {org})")
    screen.out()
    for line in change_lines(result.changes):
        screen.out(*line)


def _show_drift(screen: Screen, drift: Drift | None) -> None:
    """Tell the rule file's own changes from what others changed since the ledger's last update."""
    if drift is None:
        return
    for changes, fate in ((drift.kept, "this update keeps it"), (drift.undone, "this update UNDOES it")):
        if changes:
            screen.out()
            screen.out(f"Changed by others since version {drift.version}, the last in this ledger; {fate}:")
            for line in change_lines(changes, sign="="):
                screen.out(*line)


def _webhook(result: UpdateResult) -> str:
    pending = "ebrule webhook flush delivers it." if result.recorded else "it may not be in the ledger."
    texts = {"delivered": " Event delivered.", "pending": f" The event is NOT delivered yet; {pending}"}
    return texts.get(result.webhook, "")


def _ledger(result: UpdateResult) -> str:
    if result.audit_log is None:
        return ""
    if not result.recorded:
        return f" The outcome could NOT be recorded in {result.audit_log}."
    return f" Ledger: {short_path(result.audit_log)}"


def short_path(path: Path) -> str:
    """Return a path with the user's home folder as ``~``."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _summary(error: EbruleError) -> str:
    """Return the error in one sentence; what is wrong in a file has been told above, problem by problem."""
    if not isinstance(error, InvalidRuleError) or error.source is None or error.http_status is not None:
        return error.message
    if error.result is not None and error.result.attempts:
        return error.message  # the file was right: what a merge made of it is not
    count = sum(problem.severity == "error" for problem in error.problems)
    said = f"{error.source.name} has {count} mistake{'' if count == 1 else 's'}"
    if not any(problem.path or problem.line for problem in error.problems):
        said = f"{error.source.name} cannot be used"  # none of it was read
    return said if error.result is None else f"{said}. Nothing was sent."  # a result has what might send something


def show_error(screen: Screen, error: EbruleError, *, given: str = "", org: str = "") -> None:
    """Print what happened, where, and what to do next, on standard error.

    ``given`` are the options that said what was wanted, ``org`` those that said of which org.
    """
    problems = error.problems if isinstance(error, InvalidRuleError) else ()
    source = error.source if isinstance(error, InvalidRuleError) else None
    if source is not None:
        for problem in problems:
            show_problem(screen.err, problem, source, screen.width)
    screen.err(("error:", "error"), f" {_summary(error)}")
    if source is None:
        for problem in problems:
            screen.err(f"  [{problem.id}] {problem.message}")
    if isinstance(error, (ConflictError, UnknownOutcomeError)) and error.overlaps:
        screen.err()
        is_conflict = isinstance(error, ConflictError)
        headings = ("field", "was", "yours", "theirs") if is_conflict else ("field", "before", "sent", "now")
        show_overlaps(screen.err, error.overlaps, headings)
    if error.hint and not (source and error.hint in {problem.hint for problem in problems}):  # told above
        is_command = isinstance(error, UnknownOutcomeError)  # which asks the same org
        screen.err(f"{error.hint} {org}".rstrip() if is_command else error.hint)
    if isinstance(error, ConflictError) and error.result and error.result.rule_id:
        _show_next_commands(screen, error, error.result.rule_id, given, org)
    if error.correlation_id:
        screen.err((f"Correlation id, for Genesys Cloud's support: {error.correlation_id}", "faint"))


def _show_next_commands(screen: Screen, error: ConflictError, rule_id: str, given: str, org: str) -> None:
    from ebrule.rules.registry import DEFAULT_KIND

    def command(*words: str) -> str:
        return " ".join(filter(None, ("ebrule", *words, org)))

    screen.err()
    if isinstance(error, VersionGoneError) or not given:
        kind = error.result.kind
        of_kind = as_typed({"--kind": None if kind == DEFAULT_KIND else kind})
        screen.err(f"To look:        {command('show', rule_id, of_kind)}")
        return
    screen.err(f"To look:        {command('diff --rule-id', rule_id, given)}")
    if error.overlaps:
        screen.err(f"To take yours:  {command('update --rule-id', rule_id, given, '--on-conflict overwrite')}")


def show_overlaps(
    line: Line, overlaps: Iterable[Overlap], headings: tuple[str, str, str, str] = ("field", "was", "yours", "theirs")
) -> None:
    """Print base, ours and theirs side by side."""
    rows = [headings]
    rows += [(o.path, value_text(o.base), value_text(o.ours), value_text(o.theirs)) for o in overlaps]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:3], widths, strict=True)]
        line("  " + "    ".join([*cells, row[3]]))
