"""``ebrule schema``: the JSON Schema of a rule file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ebrule.cli import options as o  # noqa: TC001 - Typer reads the annotation when the command is registered
from ebrule.cli.render import Screen

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """Print the JSON Schema of a rule file, for editors.

\b
Examples:
  ebrule schema > rule.schema.json
  ebrule schema --kind trigger > trigger.schema.json

\b
Editors with the YAML language server complete and check a file that begins
with:
  # yaml-language-server: $schema=rule.schema.json
"""


def run(kind: str | None, environ: Mapping[str, str], screen: Screen) -> int:
    """Print the schema of one kind, or of all; return the exit code."""
    from ebrule.rules.registry import kind_named
    from ebrule.schema import rule_schema
    from ebrule.settings.configured import configured_kinds

    kinds = configured_kinds(environ)
    screen.json(rule_schema(kinds.values() if kind is None else [kind_named(kind, kinds)]))
    return 0


def command(kind: o.OnlyKind = None) -> int:
    return run(kind, os.environ, Screen())
