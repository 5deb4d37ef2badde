"""``ebrule diff``: what would update change?"""

from __future__ import annotations

from typing import Annotated

import typer

from ebrule.cli import options as o
from ebrule.cli.render import Screen
from ebrule.cli.update import UpdateCommand, run

HELP = """Show what update would change.

\b
Examples:
  ebrule diff --rule-id demo-rule --file rule.yaml
  ebrule diff --file rule.yaml --exit-code                    10 if there are differences
  ebrule diff --file rule.yaml --output json
"""


def command(
    file: o.FileOption,
    rule_id: o.RuleIdOption = None,
    kind: o.KindOption = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 10 if there are differences.")] = False,
    expect_version: o.ExpectVersion = None,
    no_check_targets: o.NoCheckTargets = False,
    output: o.OutputOption = o.Output.TEXT,
    region: o.Region = None,
    api_url: o.ApiUrl = None,
    login_url: o.LoginUrl = None,
    ca_file: o.CaFile = None,
    proxy: o.Proxy = None,
    transport: o.Transport = o.TransportName.HTTPX,
    deadline: o.Deadline = o.DEFAULT_DEADLINE,
    verbose: o.Verbose = False,
) -> int:
    return run(
        UpdateCommand(
            file=file,
            connection=o.Connection(region, api_url, login_url, ca_file, proxy, transport, deadline, verbose),
            rule_id=rule_id,
            kind=kind,
            dry_run=True,
            exit_code=exit_code,
            expect_version=expect_version,
            check_targets=not no_check_targets,
            output=output,
        ),
        Screen(),
    )
