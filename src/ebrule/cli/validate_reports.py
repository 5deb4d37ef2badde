"""What ``ebrule validate`` found, for programs: its own JSON, GitHub's annotations, SARIF."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ebrule import __version__
from ebrule.cli.render import one_line
from ebrule.diagnostics import CATALOGUE
from ebrule.pipeline.operation import SCHEMA_VERSION, error_json, problem_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrule.cli.render import Screen
    from ebrule.errors import EbruleError, Problem
    from ebrule.pipeline.plan import Examined

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def json_report(examined: Sequence[Examined], failure: EbruleError | None = None) -> dict[str, Any]:
    """Return the document of ``--output json``; ``failure`` is why not everything could be found out."""
    result = "invalid" if any(found.errors for found in examined) else "valid"
    return {
        "schema_version": SCHEMA_VERSION,
        "result": "failed" if failure else result,
        "files": [
            {
                "path": found.source.name,
                "kind": found.kind,
                "problems": [problem_json(problem) for problem in found.problems],
            }
            for found in examined
        ],
        **({"error": error_json(failure)} if failure else {}),
    }


def show_annotations(screen: Screen, examined: Sequence[Examined]) -> None:
    """Print a workflow command for each problem; GitHub shows it beside the line of the pull request."""
    for found in examined:
        for problem in found.problems:
            properties: dict[str, str | int] = {"file": found.source.name}
            if problem.line is not None:
                properties |= {"line": problem.line, "col": problem.column or 1}
            screen.annotation(problem.severity, _text(problem), **properties, title=problem.id)


def sarif_report(examined: Sequence[Examined], failure: EbruleError | None = None) -> dict[str, Any]:
    """Return a log of SARIF 2.1.0, https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.

    ``failure`` is why not everything could be found out.
    """
    ids = sorted({problem.id for found in examined for problem in found.problems})
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ebrule", "version": __version__, "rules": [_rule(each) for each in ids]}},
                "columnKind": "unicodeCodePoints",
                **({"invocations": [_failed(failure)]} if failure else {}),
                "results": [
                    _result(found, problem, ids.index(problem.id)) for found in examined for problem in found.problems
                ],
            }
        ],
    }


def _failed(failure: EbruleError) -> dict[str, Any]:
    notification = {"level": "error", "message": {"text": one_line(failure.message)}}
    return {"executionSuccessful": False, "toolExecutionNotifications": [notification]}


def _rule(problem_id: str) -> dict[str, Any]:
    diagnostic = CATALOGUE[problem_id]
    return {
        "id": problem_id,
        "shortDescription": {"text": diagnostic.title},
        "fullDescription": {"text": diagnostic.why},
        "help": {"text": f"{diagnostic.why}\n\nExamples: ebrule explain {problem_id}"},
        "defaultConfiguration": {"level": diagnostic.severity},
    }


def _result(found: Examined, problem: Problem, rule: int) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(found.source.name)}}
    if problem.line is not None and problem.column is not None:
        location["region"] = {
            "startLine": problem.line,
            "startColumn": problem.column,
            "endColumn": problem.end_column or problem.column + 1,
        }
    return {
        "ruleId": problem.id,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": _text(problem)},
        "locations": [{"physicalLocation": location}],
    }


def _uri(name: str) -> str:
    """Return a path as a URI: relative as it was given, or absolute."""
    path = PurePath(name)
    # A path's bytes need not be text.
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))


def _text(problem: Problem) -> str:
    """Return what is wrong and, on a line of its own, what to do."""
    hint = f"{problem.hint[0].upper()}{problem.hint[1:]}" if problem.hint else ""
    return "\n".join(one_line(text) for text in (problem.message, hint) if text)
