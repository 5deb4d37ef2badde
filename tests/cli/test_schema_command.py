"""``ebrule schema`` prints one JSON document that editors can use."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator

from command_line import EXAMPLE, HANG_GUARD_SECONDS

if TYPE_CHECKING:
    from command_line import CommandLine


def test_the_schema_of_all_kinds(offline: CommandLine) -> None:
    """It names every kind, with null for a kind that is left out, or takes a variable, and is a schema."""
    ran = offline("schema")
    Draft202012Validator.check_schema(ran.json)

    assert (0, "") == (ran.code, ran.err)
    named, variable = ran.json["properties"]["kind"]["anyOf"]
    assert ["eventbridge", "trigger", "eventbridge-source", None] == named["enum"]
    assert "(env|var):" in variable["pattern"]


def test_the_schema_of_one_kind(offline: CommandLine) -> None:
    """``--kind`` gives that kind's alone."""
    assert "#/$defs/Trigger" == offline("schema", "--kind", "trigger").json["$ref"]


def test_other_tools_take_it(offline: CommandLine) -> None:
    """check-jsonschema finds the example rule files right by the printed schema, and the broken one wrong."""
    names = ("rule", "quiet", "with-secret", "trigger", "source")
    schema = offline.file("rule.schema.json", offline("schema").out)
    check = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(offline.folder / schema)]

    def checked(*files: str) -> int:
        paths = [str(EXAMPLE.parent / f"{file}.yaml") for file in files]
        return subprocess.run([*check, *paths], capture_output=True, check=False, timeout=HANG_GUARD_SECONDS).returncode

    assert (0, 1) == (checked(*names), checked("broken"))


def test_an_unknown_kind(offline: CommandLine) -> None:
    """The nearest kind is named."""
    ran = offline("schema", "--kind", "triger")

    assert (2, True) == (ran.code, 'Did you mean "trigger"?' in ran.err)


def test_configured_limits_are_part_of_it(offline: CommandLine) -> None:
    """An org's own limits, from the configuration file, stand in the schema as they hold in ``validate``."""
    offline.environ["EBRULE_CONFIG"] = offline.file("config.toml", "[kinds.eventbridge]\nmax_priority = 7\n")
    priority = offline("schema", "-k", "eventbridge").json["$defs"]["EventBridgeRule"]["properties"]["priority"]

    assert 7 == priority["anyOf"][0]["maximum"]
