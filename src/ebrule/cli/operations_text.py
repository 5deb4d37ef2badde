"""Recorded operations as text for people: a table, or a few lines for each where the terminal is narrow."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from ebrule.cli.columns import cells, cut, padded
from ebrule.cli.render import Part, Screen, one_line, value_text
from ebrule.cli.results import change_lines, short_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebrule.core.operations import RecordedOperation

_STYLES = {
    "updated": "good",
    "rolled_back": "good",
    "applied": "good",
    "unchanged": "faint",
    "not_applied": "changed",
    "failed": "removed",
    "unknown": "warning",
    "open": "warning",
}
_LEAST_WHY = 12  # columns; with fewer, a table says too little
_NO_TERMINAL = (120, 24)
_HEADINGS = ("when (UTC)", "org", "rule", "version", "result", "who", "why")
_WIDEST = (16, 20, 32, 13, 22, 28)  # the last column takes what is left
_RESULT = _HEADINGS.index("result")
_GAP = 2


def show_operations(
    screen: Screen, path: Path, found: Sequence[RecordedOperation], *, last: int, changes: bool
) -> None:
    """Print operations, the newest first, and what is left to be done.

    Args:
        screen: where to.
        path: the ledger.
        found: the operations.
        last: how many were asked for; 0 means all.
        changes: whether to print all about each.
    """
    if not found:
        nothing = "Nothing is recorded yet" if not path.exists() else "Nothing that was asked for is recorded"
        screen.out(f"{nothing} in {short_path(path)}.")
        return
    width = shutil.get_terminal_size(_NO_TERMINAL).columns
    rows = [_cells(operation) for operation in found]
    widths = [min(max(cells(row[at]) for row in (_HEADINGS, *rows)), widest) for at, widest in enumerate(_WIDEST)]
    rest = width - sum(widths) - _GAP * len(widths)
    is_table = rest >= _LEAST_WHY
    if is_table:
        _show_row(screen, _HEADINGS, [*widths, rest], "")
    for number, (operation, row) in enumerate(zip(found, rows, strict=True)):
        if changes and number:
            screen.out()
        style = _STYLES.get(operation.result, "")
        if is_table:
            _show_row(screen, row, [*widths, rest], style)
        else:
            _show_narrow(screen, row, width, style)
        if changes:
            _show_details(screen, operation)
        elif operation.error and not operation.is_applied:
            screen.out(cut(f"    error: {one_line(operation.error)}", width))
    _show_rest(screen, found, last)


def _show_row(screen: Screen, row: Sequence[str], widths: Sequence[int], style: str) -> None:
    """Print cells beside each other, the result in its style; nothing comes after the last one that is not empty."""
    last = max(at for at, cell in enumerate(row) if cell)
    parts: list[Part] = []
    for at, (cell, width) in enumerate(zip(row[: last + 1], widths, strict=False)):
        text = cut(cell, width)
        parts += [(text if at == last else padded(text, width + _GAP), style if at == _RESULT else "")]
    screen.out(*parts)


def _cells(operation: RecordedOperation) -> tuple[str, ...]:
    result = f"{operation.ending}, pending" if operation.is_pending else operation.ending
    return (
        operation.started[:16].replace("T", " "),
        one_line(org(operation)),
        one_line(operation.rule_id or "-"),
        versions(operation),
        one_line(result.replace("_", " ")),
        one_line(who(operation)),
        one_line(operation.reason or ""),
    )


def versions(operation: RecordedOperation) -> str:
    """Return from which version to which; only the first where it is not known to be replaced."""
    made = operation.version if operation.made_version is None else operation.made_version
    numbers = [operation.base_version, made if operation.is_applied else None]
    if operation.base_version is None:
        numbers = [operation.version]
    return " → ".join(str(number) for number in numbers if number is not None) or "-"


_IDS_BEGINNING = re.compile(r"[0-9a-f]{8}(?=-)")


def org(operation: RecordedOperation) -> str:
    """Return what tells an org from others: its region, and the beginning of its id."""
    beginning = _IDS_BEGINNING.match(operation.org_id or "")
    names = (operation.region, beginning[0] if beginning else operation.org_id)
    return "/".join(name for name in names if name) or "-"


def who(operation: RecordedOperation) -> str:
    """Return the login of a pipeline's run, or user and host."""
    actor = operation.actor
    return actor.get("login") or "@".join(actor[name] for name in ("user", "host") if name in actor) or "-"


def _show_narrow(screen: Screen, row: Sequence[str], width: int, style: str) -> None:
    when, of_org, rule, version, result, by, why = row
    screen.out((when, "strong"), "  ", (cut(result, width - cells(when) - _GAP), style))
    for text in (f"{rule}  {version}", of_org, by, why):
        if text.strip("-"):
            screen.out(f"  {cut(text, width - _GAP)}")


def _show_details(screen: Screen, operation: RecordedOperation) -> None:
    for line in change_lines(operation.changes):
        screen.out("  ", *line)
    for name, text in details(operation):
        screen.out((f"    {name}: ", "faint"), one_line(text))


def details(operation: RecordedOperation) -> list[tuple[str, str]]:
    """Return what else is known of an operation: a name and a text for each fact."""
    tries = f"{_count(operation.attempts, 'attempt')}, {_count(operation.conflicts, 'conflict')}"
    took = "" if operation.latency_ms is None else f", accepted in {operation.latency_ms:.0f} ms"
    resolved = operation.resolution
    facts = [
        ("rule", operation.rule_name),
        ("region", operation.region),
        ("org", operation.org_id),
        ("error", operation.error),
        ("exit code", str(operation.exit_code) if operation.exit_code else None),  # a 0 is of before the webhook
        ("found out later", resolved and f"{resolved.state}: {resolved.reason or 'no reason recorded'}"),
        ("tries", tries + took if operation.attempts else None),
        *(
            (f"stored {each['path']}", f"{value_text(each['stored'])}, sent as {value_text(each['sent'])}")
            for each in operation.stored_differently
        ),
        *((f"overwrote {each['path']}", str(each["theirs"])) for each in operation.overwrites),
        ("event", operation.webhook and f"{operation.webhook} ({operation.event_id})"),
        ("CI run", operation.actor.get("run")),
        ("commit", operation.actor.get("commit")),
        ("correlation id", operation.correlation_id),
        ("operation", operation.operation_id),
    ]
    return [(name, text) for name, text in facts if text]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _show_rest(screen: Screen, found: Sequence[RecordedOperation], last: int) -> None:
    """Print what is left to be done, and whether there may be more."""
    lines: list[tuple[Part, ...]] = []
    if still_open := sum(operation.is_open for operation in found):
        lines.append((("open: ", "warning"), f"{still_open}; to find out what happened: ebrule audit resolve"))
    if pending := sum(operation.is_pending for operation in found):
        lines.append(
            (
                ("pending: ", "warning"),
                f"{pending} with an event that was not delivered yet; to deliver: ebrule webhook flush",
            )
        )
    if last and len(found) == last:
        lines.append(((f"These are the newest {last}; all: --last 0", "faint"),))
    if lines:
        screen.out()
    for line in lines:
        screen.out(*line)
