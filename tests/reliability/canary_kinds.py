"""Promise 11: what users with secrets in every place do with triggers and EventBridge sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reliability.echoing_org import (
    RULE_ID,
    TOPIC,
    applied_but,
    breaks_off,
    is_no_answer,
    quotes_its_rule,
    refuses,
    shows_in_the_rule,
    shows_in_the_trial,
    shows_in_what_is_referenced,
    somebody_renamed_it,
)

if TYPE_CHECKING:
    from reliability.canaries import World
    from reliability.echoing_org import Misdeed

Data = dict[str, Any]


def trigger(world: World) -> None:
    """A trigger that is shown, changed in every way, tried and gone back from."""
    wanted = trigger_wanted(world)
    _life(world, trigger_there(world), wanted)
    wrongs: list[Data] = [
        {"topicName": "${env:PLAIN}", "target": {"type": "Workflow", "id": "${env:PLAIN}"}},
        {"target": {"type": "${env:PLAIN}", "id": "${env:INSIDE}/../x"}, "enabled": "${env:PLAIN}"},
        {"matchCriteria": [{"jsonPath": "$..[${env:PLAIN}", "operator": "${env:INSIDE}", "value": "${env:CONDITION}"}]},
        {"name": "${env:PLAIN}" * 600, "eventTTLSeconds": "${env:TARGET}"},
    ]
    _invalid(world, {**wanted, **wrongs[world.seed % len(wrongs)]})


def source(world: World) -> None:
    """The same of an EventBridge source, whose credentials are the org's own secret."""
    there = {
        "id": RULE_ID,
        "name": "Demo",
        "notes": "What it is for",
        "version": 7,
        "properties": _properties(),
        "advanced": {"apiKey": world.cage.canary("the org's own key"), "retries": 3},
        "credentials": {"basicAuth": {"id": world.cage.canary("the org's own credential"), "type": "basicAuth"}},
    }
    wanted = {
        "kind": "eventbridge-source",
        "name": "Source ${env:INSIDE} of ours",
        "notes": "${env:PLAIN}, and https://u:${env:IN_URL}@two.example.com/?code=${env:IN_URL}",
        "properties": _properties("v2.${env:TARGET}.x", "${env:CONDITION}"),
        "advanced": {"apiKey": "${env:HEADER}", "retries": 5},
    }
    _life(world, there, wanted)
    wrong = {"awsAccountId": "${env:PLAIN}", "eventFilter": ["${env:TARGET}", "${env:TARGET}"]}
    _invalid(world, {**wanted, "properties": {**_properties(), **wrong}})


def remote(world: World) -> None:
    """Cases that the org tries as well, on its saved rule, and shows what it was asked and what it has."""
    world.org.rule = trigger_there(world)
    file = _file(world, trigger_wanted(world))
    world.run("update", "--file", file, *world.output, codes={0})
    event = {"attributes": {"secret": "something else"}}
    cases = [{"name": "a call", "event": event, "expect": "match"}, {"name": "none", "event": {}, "expect": "no-match"}]
    chosen = world.ebrule.file("cases.json", json.dumps({"cases": cases}))
    remotely = ("test", file, "--cases", chosen, "--remote", "--junit", "junit.xml", *world.output)
    world.run(*remotely, codes={3})
    for misdeed, code in (
        (shows_in_the_trial, 3),
        (quotes_its_rule, 3),
        (refuses(403), 4),
        (is_no_answer, 7),
        (breaks_off, 7),
    ):
        world.org.misdeeds["trial"] = [misdeed]
        world.run(*remotely, codes={code})


def trigger_there(world: World) -> Data:
    """Return a trigger as the org has it, with a secret of the org's own."""
    return {
        "id": RULE_ID,
        "name": "Demo",
        "description": "What it is for",
        "enabled": True,
        "topicName": TOPIC,
        "target": {"type": "Workflow", "id": "flow-1"},
        "matchCriteria": [{"jsonPath": "$.mediaType", "operator": "Equal", "value": "VOICE"}],
        "owner": {"password": world.cage.canary("the org's own password")},
        "version": 7,
    }


def trigger_wanted(world: World) -> Data:
    """Return what a rule file makes of it, with a secret in every field that takes text."""
    # A name has at most 256 characters, and not every canary has.
    world.known["NAME"] = world.ebrule.environ["NAME"] = world.cage.canary("NAME")
    return {
        "kind": "trigger",
        "name": "Trigger ${env:NAME} of ours",
        "description": "${env:PLAIN}",
        "enabled": False,
        "topicName": TOPIC,
        "target": {"type": "Workflow", "id": "flow-2", "workflowTargetSettings": {"dataFormat": "Json"}},
        "matchCriteria": [
            {"jsonPath": "$.attributes.secret", "operator": "Equal", "value": "${env:CONDITION}"},
            {"jsonPath": "$.attributes['${env:NAME}']", "operator": "In", "values": ["${env:HEADER}", "${env:IN_URL}"]},
            {"jsonPath": "$.url", "operator": "NotEqual", "value": "https://u:${env:IN_URL}@x.example.com/"},
        ],
    }


def _properties(*topics: str) -> Data:
    return {
        "eventSourceSuffix": "conversation-events",
        "awsAccountId": "123456789012",
        "awsAccountRegion": "eu-central-1",
        "eventFilter": [TOPIC, *topics],
    }


def _file(world: World, fields: Data) -> str:
    return world.ebrule.file("rule.json", json.dumps({"id": RULE_ID, **fields}))


def _invalid(world: World, wanted: Data) -> None:
    """Check, update and test with a file that is wrong in a way that tempts to show what is in it."""
    world.ebrule.environ |= world.known
    file = _file(world, wanted)
    told = ("text", "json", "github", "sarif")[world.seed % 4]
    world.run("validate", file, "--output", told, codes={0, 3}, to_org=False)
    world.run("update", "--file", file, *world.output, codes={0, 3})
    cases = world.ebrule.file("cases.json", json.dumps({"cases": [{"name": "one", "event": {}, "expect": "match"}]}))
    world.run("test", file, "--cases", cases, *world.output, codes={3}, to_org=False)


def _life(world: World, there: Data, wanted: Data) -> None:
    """Go through everything that a rule of a kind goes through, with secrets in the file and in the org."""
    world.org.rule = there
    file, of_kind = _file(world, wanted), ("--kind", wanted["kind"])
    update = ("update", "--file", file, *world.output)
    for misdeed in (shows_in_what_is_referenced, refuses(403)):
        world.org.misdeeds["other"] = [misdeed]
        world.run("validate", file, "--online", *world.output, codes={0, 3, 4})
        world.run(*update, codes={0, 3, 4})
    world.org.misdeeds.clear()
    puts: dict[int, Misdeed] = {3: refuses(400), 5: somebody_renamed_it, 0: applied_but(breaks_off)}
    for code, wrong in puts.items():
        world.org.misdeeds["put"] = [wrong]
        world.run(*update, codes={code})
    world.org.misdeeds.clear()
    world.run("validate", file, "--online", *world.output, codes={0})
    world.org.misdeeds["get"] = [shows_in_the_rule]
    world.run("diff", "--file", file, *world.output, codes={0})
    shown = ("text", "yaml", "json")[world.seed % 3]
    world.run("show", RULE_ID, *of_kind, "--output", shown, codes={0})
    world.org.misdeeds.clear()
    for name in world.known:
        del world.ebrule.environ[name]
    world.run("update", "--rule-id", RULE_ID, *of_kind, "--set", "name=Other", *world.output, codes={0})
    world.run("webhook", "send", "--rule-id", RULE_ID, *of_kind, *world.output, codes={0})
    world.run("rollback", "--rule-id", RULE_ID, *of_kind, *world.output, codes={0, 3})
    world.run("audit", "show", "--changes", *world.output, codes={0}, to_org=False)
