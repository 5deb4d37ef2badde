#!/usr/bin/env python3
"""Change a rule from Python, as safely as ``ebrule update`` does; the org comes from the environment.

To try it, run ``ebrule sandbox serve`` in another terminal: it prints what to export here.
"""

import os
import sys
from pathlib import Path

from ebrule import EbruleError, Options, UpdateOptions, load_settings, update_rule

rule_file = Path(__file__).with_name("rule.yaml")
try:
    settings = load_settings(Options(), os.environ)
    result = update_rule(settings, rule_file, UpdateOptions(reason="CHG-1042"))
except EbruleError as error:
    sys.exit(f"{error.message} {error.hint or ''}")
for change in result.changes:
    print(f"{change.path}: {change.before!r} -> {change.after!r}")  # noqa: T201 - a script prints
print(f"{result.rule_id} is {result.result}: version {result.version}")  # noqa: T201 - a script prints
