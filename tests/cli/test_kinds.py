"""Each kind of rule goes the same way: show, diff, update, and what must not be."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

EXAMPLES = Path(__file__).parents[2] / "examples"
INTEGRATION = "/api/v2/integrations/integration-eventbridge/config/current"
TRIGGERS = "/api/v2/processautomation/triggers"


@dataclass(frozen=True)
class Example:
    """An example rule file: the rule that it changes, where the API has it, and what announces a change."""

    file: str
    kind: str
    resource: str
    event: str

    @property
    def path(self) -> str:
        """The file."""
        return str(EXAMPLES / self.file)


EXAMPLE_FILES = [
    Example(
        "rule.yaml",
        "eventbridge",
        "/api/v2/eventbridge/routing/rules/demo-rule",
        "genesys.eventbridge.rule.updated",
    ),
    Example("trigger.yaml", "trigger", f"{TRIGGERS}/demo-trigger", "genesys.processautomation.trigger.updated"),
    Example("source.yaml", "eventbridge-source", INTEGRATION, "genesys.integration.eventbridge-source.updated"),
]

sdk = pytest.param(
    "sdk", marks=pytest.mark.skipif(find_spec("PureCloudPlatformClientV2") is None, reason="the SDK is not installed")
)
transports = pytest.mark.parametrize("transport", ["httpx", sdk])


def at(sandbox: SandboxProcess, path: str) -> Any:
    """Return a resource as the sandbox has it."""
    with sandbox.client() as client:
        return client.get(path).json()


@pytest.mark.parametrize("example", EXAMPLE_FILES, ids=lambda example: example.kind)
def test_each_example_updates_its_rule(ebrule: CommandLine, sandbox: SandboxProcess, example: Example) -> None:
    """Valid, different, updated, announced under its kind's event, recorded, and then nothing is left to do."""
    was = at(sandbox, example.resource)
    with receiving() as receiver:
        codes = [
            ebrule("validate", example.path).code,
            ebrule("diff", "--file", example.path, "--exit-code").code,
            ebrule("update", "--file", example.path, "--webhook-url", receiver.url).code,
            ebrule("update", "--file", example.path).code,
        ]
        (event,) = [json.loads(body) for _, body in receiver.received]
    rule_id = yaml.safe_load(Path(example.path).read_text())["id"]

    assert [0, 10, 0, 0] == codes
    assert was["version"] + 1 == at(sandbox, example.resource)["version"]
    assert (example.event, rule_id, was["version"]) == (
        event["eventType"],
        event["data"]["id"],
        event["previousVersion"],
    )
    assert [("intent", example.kind), ("outcome", example.kind), ("delivery", example.kind)] == [
        (record["type"], record["kind"]) for record in ebrule.records()
    ][:3]


@pytest.mark.parametrize("example", EXAMPLE_FILES, ids=lambda example: example.kind)
@transports
def test_what_show_prints_diffs_clean(ebrule: CommandLine, example: Example, transport: str) -> None:
    """A rule of each kind, as a file, says what the org has, on both transports."""
    rule_id = yaml.safe_load(Path(example.path).read_text())["id"]
    options = ("--kind", example.kind, "--transport", transport)
    ebrule.file("now.yaml", ebrule("show", rule_id, "-o", "yaml", *options).out)
    ran = ebrule("diff", "--file", "now.yaml", "--exit-code", "--transport", transport)

    assert (0, "") == (ran.code, ran.err)


@transports
def test_what_ebrule_does_not_know_stays(ebrule: CommandLine, sandbox: SandboxProcess, transport: str) -> None:
    """Unknown fields and operators go through show, diff, update and rollback unchanged, on both transports."""
    path = f"{TRIGGERS}/trigger-unknown-fields"
    was = at(sandbox, path)
    options = ("--transport", transport)
    text = ebrule("show", "trigger-unknown-fields", "-k", "trigger", "-o", "yaml", *options).out
    ebrule.file("now.yaml", text.replace("name: Premium numbers", "name: Dear numbers"))
    planned = ebrule("diff", "-f", "now.yaml", "-o", "json", *options).json
    updated = ebrule("update", "-f", "now.yaml", *options)
    now = at(sandbox, path)
    rolled_back = ebrule("rollback", "-k", "trigger", "--rule-id", "trigger-unknown-fields", *options)

    assert ["name"] == [change["path"] for change in planned["changes"]]
    assert (0, True) == (updated.code, "warning[unknown-operator]" in updated.err)
    assert {**was, "name": "Dear numbers", "version": was["version"] + 1} == now
    assert (0, {**was, "version": was["version"] + 2}) == (rolled_back.code, at(sandbox, path))


@pytest.mark.parametrize(
    ("rule", "change", "problem", "words"),
    [
        ("trigger", {"topicName": "v2.users.{id}"}, "immutable-field", "create a new trigger"),
        ("trigger", {"delayBySeconds": 100}, "ttl-and-delay", "exclude each other"),
        ("trigger", {"target.id": "flow-unpublished"}, "unfit-flow", "not published"),
        ("trigger", {"target.id": "flow-inbound"}, "unfit-flow", "of type INBOUNDCALL"),
        ("trigger", {"target.id": "flow-inactive"}, "unfit-flow", "not active"),
        ("trigger", {"target.id": "flow-deleted"}, "unknown-flow", "does not exist"),
        ("trigger", {"matchCriteria": '[{"jsonPath": "a", "operator": "In", "value": 1, "values": [1]}]'},
         "value-or-values", "both value and values"),
        ("source", {"properties.eventFilter": "[]"}, "empty-event-filter", "at least one topic"),
        ("source", {"properties.eventFilter": '["a", "a"]'}, "duplicate-topic", "stands twice"),
        ("source", {"properties.awsAccountRegion": "eu-west-1"}, "identity-change", "--allow-identity-change"),
        ("data-actions", {"name": "x"}, "unfit-integration", "custom-rest-actions"),
    ],
    ids=str,
)  # fmt: skip
def test_what_must_not_be_changes_nothing(
    ebrule: CommandLine, sandbox: SandboxProcess, *, rule: str, change: dict[str, Any], problem: str, words: str
) -> None:
    """What the org would refuse, or nobody can have meant, is told with its reason and ends with 3."""
    which = {
        "trigger": ("demo-trigger", "trigger"),
        "source": ("integration-eventbridge", "eventbridge-source"),
        "data-actions": ("integration-data-actions", "eventbridge-source"),
    }
    rule_id, kind = which[rule]
    sets = [word for path, value in change.items() for word in ("--set", f"{path}={value}")]
    before = len(sandbox.requests("PUT"))
    ran = ebrule("update", "--rule-id", rule_id, "--kind", kind, *sets)

    assert 3 == ran.code
    assert f"error[{problem}]" in ran.err
    assert words in ran.err
    assert before == len(sandbox.requests("PUT"))


def test_problems_point_into_the_file(ebrule: CommandLine) -> None:
    """A flow that will not do, and a topic that cannot change, are shown on the file's own lines."""
    text = (EXAMPLES / "trigger.yaml").read_text()
    ebrule.file("flow.yaml", text.replace("flow-callback", "flow-inbound"))
    ebrule.file("topic.yaml", text.replace("customer.end", "customer.start"))

    assert "flow.yaml:10:7: error[unfit-flow]" in ebrule("diff", "-f", "flow.yaml").err
    assert "topic.yaml:7:12: error[immutable-field]" in ebrule("diff", "-f", "topic.yaml").err


def test_an_identity_changes_with_consent(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--allow-identity-change`` is the consent."""
    ran = ebrule(
        "update", "-f", str(EXAMPLES / "source.yaml"), "--set", "properties.awsAccountRegion=eu-west-1",
        "--allow-identity-change",
    )  # fmt: skip

    assert (0, "eu-west-1") == (ran.code, at(sandbox, INTEGRATION)["properties"]["awsAccountRegion"])


def test_a_single_value_is_set(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """``--set`` alone changes that value of the present rule, and leaves the rest."""
    was = at(sandbox, f"{TRIGGERS}/demo-trigger")
    ran = ebrule("update", "-k", "trigger", "--rule-id", "demo-trigger", "--set", "enabled=false", "-o", "json")
    now = at(sandbox, f"{TRIGGERS}/demo-trigger")

    assert [{"path": "enabled", "before": True, "after": False}] == ran.json["changes"]
    assert {**was, "enabled": False, "version": 4} == now


def test_a_value_over_the_file(ebrule: CommandLine) -> None:
    """With a file, ``--set`` stands in for what the file says, and is checked as that would be."""
    planned = ebrule("diff", "-f", ebrule.rule(), "--set", "priority=51", "-o", "json").json
    refused = ebrule("diff", "-f", "rule.yaml", "--set", "priority=0")

    assert [51] == [change["after"] for change in planned["changes"] if change["path"] == "priority"]
    assert (3, True) == (refused.code, refused.err.startswith("rule.yaml: error[priority-range]: priority is 0"))


@pytest.mark.parametrize("command", ["update", "diff"])
def test_nothing_to_change_is_a_wrong_command_line(ebrule: CommandLine, command: str) -> None:
    """Without file and without ``--set`` there is nothing to do, and the options are named."""
    ran = ebrule(command, "--rule-id", "demo-rule")

    assert (2, True, True) == (ran.code, "--file" in ran.err, "--set" in ran.err)


def test_each_wrong_set_is_named(ebrule: CommandLine) -> None:
    """Of several wrong ``--set``, each problem stands behind the path that it is about, without its value."""
    ebrule.environ["TOKEN"] = "s3cr3t-level"
    wrong = ("conditions[0].nope=1", "priority=0", "status=${env:TOKEN}")
    ran = ebrule("diff", "--rule-id", "demo-rule", *(word for text in wrong for word in ("--set", text)))

    assert {"--set conditions[0].nope", "--set priority", "--set status"} == {
        line.partition(": error[")[0] for line in ran.err.splitlines() if line.startswith("--set")
    }
    assert "error: --set has 3 mistakes. Nothing was sent.\n" in ran.err
    assert "s3cr3t" not in ran.err


@pytest.mark.parametrize("with_file", [False, True], ids=["alone", "with-a-file"])
def test_a_set_that_leads_nowhere_names_the_elements_that_are_there(ebrule: CommandLine, with_file: bool) -> None:
    """Its path stands as it was typed, with the ids of the list; none of them is shown that the environment gave."""
    ebrule.environ["TOKEN"] = "s3cr3t-target"
    targets = [{"id": name, "type": "webhook", "url": "https://a.example"} for name in ("crm", "${env:TOKEN}")]
    file = ("--file", ebrule.rule(targets=targets)) if with_file else ()
    ran = ebrule("diff", "--rule-id", "demo-rule", *file, "--set", "targets[nope].url=https://b.example")

    line, hint, *_ = ran.err.splitlines()
    assert "--set targets[nope].url: error[no-such-path]: targets has no element nope" == line
    assert ("There are: crm, redacted:" if with_file else "There are: target-uuid-12345.") in hint
    assert "s3cr3t" not in ran.err


def test_a_secret_is_set_from_the_environment(ebrule: CommandLine) -> None:
    """``${env:NAME}`` works in ``--set``, and shows nowhere."""
    ebrule.environ["TOKEN"] = "canary-5d0f"
    path = "targets[target-uuid-12345].headers.Authorization"
    ran = ebrule("update", "--rule-id", "demo-rule", "--set", f"{path}=${{env:TOKEN}}", "--verbose")

    assert 0 == ran.code
    assert "canary-5d0f" not in ran.out + ran.err + ebrule.ledger.read_text()


@pytest.mark.parametrize("file", [(), ("--file", "rule.yaml")], ids=["alone", "over-a-file"])
@pytest.mark.parametrize(("path", "value"), [("name", "2026"), ("description", "true"), ("name", "1.50")])
def test_a_value_that_must_be_text_is_told_as_it_is_typed(
    ebrule: CommandLine, file: tuple[str, ...], path: str, value: str
) -> None:
    """A shell eats quotes: what the hint prints can be pasted, with the same outcome in both spellings."""
    ebrule.rule()
    command = ("diff", "--rule-id", "demo-rule", *file, "-o", "json")
    ran = ebrule(*command, "--set", f"{path}={value}")

    assert ran.code == 3
    hint = ran.json["error"]["problems"][0]["hint"]
    assert hint == f"Type: --set '{path}=\"{value}\"', or --set-string {path}={value}"
    for typed in hint.removeprefix("Type: ").split(", or "):
        (change,) = [each for each in ebrule(*command, *shlex.split(typed)).json["changes"] if each["path"] == path]
        assert value == change["after"]


def test_a_sensitive_value_is_not_shown_by_a_hint(ebrule: CommandLine) -> None:
    """What its name says is a secret has a placeholder there."""
    ran = ebrule("diff", "--rule-id", "demo-rule", "--set", "targets[target-uuid-12345].headers.X-Token=31415926")
    assert (3, False) == (ran.code, "31415926" in ran.out + ran.err)
    assert "--set-string 'targets[target-uuid-12345].headers.X-Token=VALUE'" in ran.err


@pytest.mark.loopback
def test_text_can_be_set_by_every_command_that_sets(ebrule: CommandLine) -> None:
    """An update and a rollback, beside values of other types."""
    sets = ("--set", "priority=5", "--set-string", "name=2026")
    assert ebrule("update", "--rule-id", "demo-rule", *sets).code == 0
    assert (5, "2026") == tuple(ebrule("show", "demo-rule", "-o", "json").json[name] for name in ("priority", "name"))
    ran = ebrule("rollback", "--rule-id", "demo-rule", "--set-string", "description=2027", "-o", "json")
    assert (0, "2027") == (
        ran.code,
        next(each["after"] for each in ran.json["changes"] if each["path"] == "description"),
    )
