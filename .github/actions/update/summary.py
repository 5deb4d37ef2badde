#!/usr/bin/env python3
"""Write a step's outputs and job summary from what ``ebrule update --output json`` printed.

Usage: ``summary.py DOCUMENT EXIT_CODE``; ``GITHUB_OUTPUT`` and ``GITHUB_STEP_SUMMARY`` come from the runner.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

MOST_ROWS = 100
LONGEST_CELL = 200
FOLLOW_UP_PENDING = 8

HEADLINES = {
    "updated": "Updated, version {base_version} to {version}.",
    "unchanged": "Already as the file says, version {version}. Nothing was sent.",
    "planned": "This is what would change in version {base_version}. Nothing was sent: this was a dry run.",
    "failed": "Failed with exit code {code}.",
    "unknown": "It is not known whether the update was applied. Exit code {code}.",
}


def code(text: str) -> str:
    """Return ``text`` as one line of code that a summary shows as it is, in a table's cell or outside.

    Only letters, digits and spaces stand for themselves; the rest are character references, which Markdown
    never takes for structure. What is not printable is spelled out, as in JSON.
    """
    shown = text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
    spelled = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in shown)
    safe = "".join(char if char.isalnum() or char == " " else f"&#{ord(char)};" for char in spelled)
    return f"<code>{safe}</code>"


def cell(value: Any) -> str:
    """Return a value of a rule as a table's cell: its JSON, or nothing where there is no value."""
    return "" if value is None else code(json.dumps(value, ensure_ascii=False))


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Return a table's lines, or none without rows. Cells must be safe already."""
    if not rows:
        return []
    lines = ["", *(f"| {' | '.join(row)} |" for row in [headers, ["---"] * len(headers), *rows[:MOST_ROWS]])]
    return lines if len(rows) <= MOST_ROWS else [*lines, "", f"… and {len(rows) - MOST_ROWS} more."]


def summary(document: dict[str, Any], exit_code: int) -> str:
    """Return the job summary."""
    rule = document.get("rule_id")
    lines = [f"### ebrule update{': ' + code(rule) if rule else ''}", ""]
    lines.append(HEADLINES[document["result"]].format_map({**document, "code": exit_code}))
    if document.get("webhook") == "pending":
        lines.append("The event is **not delivered yet**: `ebrule webhook flush` delivers it from the ledger.")
    elif exit_code == FOLLOW_UP_PENDING:
        lines.append("The outcome is **not recorded** in the ledger.")
    lines += _changes(document.get("changes", []))
    if document.get("merged"):
        lines += ["", "Changed by others meanwhile, and kept:", *_changes(document["merged"])]
    if document.get("error"):
        lines += _error(document["error"])
    if head := _audit(document, "head"):
        lines += ["", f"Head of the ledger: {code(head)}"]
    return "\n".join(lines) + "\n\n"


def _audit(document: dict[str, Any], name: str) -> str:
    """Return what the document says of the ledger; nothing where there is none."""
    return document.get("audit", {}).get(name) or ""


def _changes(changes: list[dict[str, Any]]) -> list[str]:
    rows = [[code(item["path"]), cell(item["before"]), cell(item["after"])] for item in changes]
    return table(["field", "before", "after"], rows)


def _error(error: dict[str, Any]) -> list[str]:
    lines = [line for text in (error["message"], error["hint"]) if text for line in ("", code(text))]
    problems = [[str(found["line"] or ""), code(found["id"]), code(found["message"])] for found in error["problems"]]
    overlaps = [
        [code(item["path"]), *(cell(item[side]) for side in ("base", "ours", "theirs"))] for item in error["conflict"]
    ]
    return [
        *lines,
        *table(["line", "problem", ""], problems),
        *table(["field", "was", "yours", "theirs"], overlaps),
    ]


def outputs(document: dict[str, Any], exit_code: int) -> str:
    """Return the step's outputs in the form that takes any text, with a delimiter that nobody can guess."""
    version = document.get("version")
    values = {
        "result": document["result"],
        "version": "" if version is None else str(version),
        "changes": json.dumps(document.get("changes", [])),
        "exit-code": str(exit_code),
        "ledger": _audit(document, "log"),
        "head": _audit(document, "head"),
        "operation-id": _audit(document, "operation_id"),
    }
    delimiter = f"ebrule_{secrets.token_hex(16)}"
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items())


def main(document_path: str, exit_code: str) -> None:
    """Append to both files. A run that was killed before it printed anything has an unknown result."""
    text = Path(document_path).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text) if text else {"result": "unknown"}
    status = int(exit_code)
    for variable, written in (
        ("GITHUB_OUTPUT", outputs(document, status)),
        ("GITHUB_STEP_SUMMARY", summary(document, status)),
    ):
        with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
            file.write(written)


if __name__ == "__main__":
    main(*sys.argv[1:])
