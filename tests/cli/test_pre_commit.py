"""The hooks for pre-commit: which files they are for, and what they do with them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pre_commit.clientlib import load_manifest

from command_line import EXAMPLE

if TYPE_CHECKING:
    from command_line import CommandLine, Ran

ROOT = Path(__file__).parents[2]
HOOKS: dict[str, dict[str, Any]] = {hook["id"]: hook for hook in load_manifest(ROOT / ".pre-commit-hooks.yaml")}
CASES = (EXAMPLE.parent / "cases.yaml").read_text()

INSTALL_SECONDS = 600


def hook(ebrule: CommandLine, name: str, *arguments: str, files: list[str]) -> Ran:
    """Run a hook as pre-commit does on a commit that has these files."""
    met = [file for file in files if re.search(HOOKS[name]["files"], file)]
    assert met
    program, *entry = shlex.split(HOOKS[name]["entry"])
    assert "ebrule" == program
    return ebrule(*entry, *(arguments or HOOKS[name]["args"]), *(met if HOOKS[name]["pass_filenames"] else []))


def repository(ebrule: CommandLine, **changes: Any) -> list[str]:
    """Write the files of somebody's repository, and return their names."""
    for folder in ("rules", "tests"):
        (ebrule.folder / folder).mkdir()
    return [
        ebrule.rule("rules/calls.yaml", **changes),
        ebrule.file("tests/calls.yaml", CASES),
        ebrule.file("compose.yaml", "services: {}\n"),
    ]


def test_rule_files_are_validated(offline: CommandLine) -> None:
    """What stands below ``rules`` is checked, and no other YAML."""
    ran = hook(offline, "ebrule-validate", files=repository(offline))

    assert (0, "1 file: 1 right, 0 wrong\n") == (ran.code, ran.out)


def test_a_wrong_rule_file_holds_up_the_commit(offline: CommandLine) -> None:
    """Problems are told, and the hook fails."""
    ran = hook(offline, "ebrule-validate", files=repository(offline, priority=0))

    assert (3, True) == (ran.code, "rules/calls.yaml:" in ran.out)


def test_a_commit_needs_no_values_of_production(offline: CommandLine) -> None:
    """A variable that is not set does not fail the hook."""
    ran = hook(offline, "ebrule-validate", files=repository(offline, description="${env:PHRASE}"))

    assert (0, "1 file: 1 right, 0 wrong (1 warning)") == (ran.code, ran.out.splitlines()[-1])


def test_cases_are_run(offline: CommandLine) -> None:
    """The rule and its cases come from ``args``, whichever file is committed; a case that fails fails the hook."""
    arguments = ("rules/calls.yaml", "--cases", "tests/calls.yaml")
    files = repository(offline)
    passed = hook(offline, "ebrule-test", *arguments, files=files[1:])
    offline.rule("rules/calls.yaml", conditions=[])
    failed = hook(offline, "ebrule-test", *arguments, files=files[:1])

    assert (0, 3) == (passed.code, failed.code)


@pytest.mark.full
def test_pre_commit_itself_runs_them(offline: CommandLine) -> None:
    """pre-commit installs this repository and runs both hooks; the first run passes, and a mistake is found."""
    repository(offline)
    environ = {**offline.environ, "PRE_COMMIT_HOME": str(offline.folder / "pre-commit"), **own_git_settings()}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=offline.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )

    def all_hooks() -> subprocess.CompletedProcess[str]:
        return run(sys.executable, "-m", "pre_commit", "run", "--all-files", "--verbose")

    head = run("git", "-C", str(ROOT), "rev-parse", "HEAD").stdout.strip()
    arguments = ["rules/calls.yaml", "--cases", "tests/calls.yaml"]
    hooks = [{"id": "ebrule-validate"}, {"id": "ebrule-test", "args": arguments}]
    config = {"repos": [{"repo": str(ROOT), "rev": head, "hooks": hooks}]}
    offline.file(".pre-commit-config.yaml", yaml.safe_dump(config))
    run("git", "init", "-q")
    run("git", "add", ".pre-commit-config.yaml", "rules", "tests", "compose.yaml")
    passed = all_hooks()
    offline.rule("rules/calls.yaml", priority=0)
    failed = all_hooks()

    assert (0, 2) == (passed.returncode, passed.stdout.count("Passed")), passed.stdout + passed.stderr
    assert (1, 2) == (failed.returncode, failed.stdout.count("exit code: 3")), failed.stdout + failed.stderr


def own_git_settings() -> dict[str, str]:
    """Return what keeps git from the settings of this machine, and lets pip find what this machine lets it find."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "XDG_CONFIG"))}
    return {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **kept}
