"""A sandbox that stores bodies differently than sent: what is stored, what the reply shows, what a GET shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrule.sandbox import seed
from ebrule.sandbox.storing import WAYS, names_in, stored
from sandbox_process import SandboxProcess

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from sandbox_process import StartSandbox

Body = dict[str, Any]

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
TRIGGERS = "/api/v2/processautomation/triggers"
TRIGGER = f"{TRIGGERS}/demo-trigger"
CONFIGURATION = "/api/v2/integrations/integration-eventbridge/config/current"
PATHS = (RULE, TRIGGER, CONFIGURATION)
IDS = {RULE: "demo-rule", TRIGGER: "demo-trigger", CONFIGURATION: "integration-eventbridge"}
SERVED = ("id", "version", "selfUri", "dateCreated", "dateModified", "createdBy", "modifiedBy")


def content(reply: httpx.Response) -> Body:
    """Return the fields of a reply that a client may write."""
    assert reply.status_code == 200, reply.text
    return {name: value for name, value in reply.json().items() if name not in SERVED}


CRM: Body = {"id": "crm", "url": "https://CRM.example.com/In", "headers": {"X-Source": "Bridge", "x-empty": ""}}
ARCHIVE: Body = {"id": "archive", "options": {"a": None, "b": [], "c": {"d": ""}, "e": [{"f": None}]}}
EQUALS: Body = {"field": "b", "operator": "equals", "value": " x "}
IN: Body = {"field": "a", "operator": "in", "value": ["2", "1"]}
MEDIA: Body = {"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"}
DIRECTION: Body = {"jsonPath": "direction", "operator": "In", "values": ["OUTBOUND", "INBOUND"]}
FLOW: Body = {"type": "Workflow", "id": "flow-survey"}
SOURCE: Body = {"eventSourceSuffix": "x", "awsAccountId": "123456789012", "awsAccountRegion": "eu-central-1"}
LONG = "forty characters and a few more than that"
ANY_CASE = {"caseSensitive": False}


class Case(NamedTuple):
    """A way to store, a resource, the fields that are sent, and what is stored: ``...`` stands for no such field."""

    way: str
    path: str
    sent: Body
    stored: Body


CASES = [
    Case(
        "lower-case",
        RULE,
        {"targets": [CRM]},
        {
            "targets": [
                {**CRM, "url": "https://crm.example.com/in", "headers": {"x-source": "Bridge", "x-empty": ""}},
            ]
        },
    ),
    Case(
        "truncated",
        RULE,
        {"name": LONG, "description": LONG, "note": LONG},
        {"name": LONG[:40], "description": LONG[:40], "note": LONG},
    ),
    Case("truncated", CONFIGURATION, {"notes": LONG}, {"notes": LONG[:40]}),
    Case(
        "trimmed",
        RULE,
        {"name": " a b\n", "conditions": [EQUALS, IN]},
        {"name": "a b", "conditions": [{**EQUALS, "value": "x"}, IN]},
    ),
    Case("trimmed", TRIGGER, {"description": "\t", " key ": ["  x"]}, {"description": "", " key ": ["x"]}),
    Case(
        "defaults",
        RULE,
        {"description": None, "conditions": [EQUALS], "targets": [CRM, {"id": "quality", "retries": 5}]},
        {
            "description": "",
            "category": "default",
            "conditions": [{**EQUALS, **ANY_CASE}],
            "targets": [{**CRM, "retries": 3}, {"id": "quality", "retries": 5}],
        },
    ),
    Case(
        "defaults",
        TRIGGER,
        {"category": "own", "target": FLOW, "matchCriteria": [MEDIA]},
        {
            "category": "own",
            "target": {**FLOW, "workflowTargetSettings": {"dataFormat": "Json"}},
            "matchCriteria": [{**MEDIA, **ANY_CASE}],
        },
    ),
    Case("defaults", CONFIGURATION, {"notes": "x"}, {"notes": "x", "category": "default"}),
    Case("ignored", RULE, {"description": "x"}, {"description": ...}),
    Case("ignored", CONFIGURATION, {"notes": "x"}, {"notes": ...}),
    Case(
        "dropped-empty",
        RULE,
        {"description": "", "conditions": [], "targets": [CRM, ARCHIVE], "none": None},
        {
            "description": ...,
            "conditions": ...,
            "targets": [{**CRM, "headers": {"X-Source": "Bridge"}}, {"id": "archive", "options": {"e": [{}]}}],
            "none": ...,
        },
    ),
    Case("dropped-empty", TRIGGER, {"matchCriteria": [{**MEDIA, "values": None}]}, {"matchCriteria": [MEDIA]}),
    Case(
        "dropped-empty",
        CONFIGURATION,
        {"notes": "", "zero": 0, "false": False},
        {"notes": ..., "advanced": ..., "credentials": ..., "zero": 0, "false": False},
    ),
    Case(
        "sorted",
        RULE,
        {"conditions": [EQUALS, IN], "targets": [CRM, ARCHIVE], "tags": ["b", "a"]},
        {"conditions": [IN, EQUALS], "targets": [ARCHIVE, CRM], "tags": ["b", "a"]},
    ),
    Case(
        "sorted",
        CONFIGURATION,
        {"properties": {**SOURCE, "eventFilter": ["v2.users.{id}.b", "v2.users.{id}.a"]}},
        {"properties": {**SOURCE, "eventFilter": ["v2.users.{id}.a", "v2.users.{id}.b"]}},
    ),
    Case("sorted", TRIGGER, {"matchCriteria": [MEDIA, DIRECTION]}, {"matchCriteria": [DIRECTION, MEDIA]}),
]


@pytest.mark.loopback
@pytest.mark.parametrize("way", WAYS)
def test_a_way_to_store(start_sandbox: StartSandbox, way: str) -> None:
    """What is stored shows in the reply and in a GET, and the log has it beside what was sent."""
    sandbox = start_sandbox(stores=[way])
    with sandbox.client() as client:
        for case in [case for case in CASES if case.way == way]:
            body = {**client.get(case.path).json(), **case.sent}
            shown = content(client.put(case.path, json=body))
            (*_, step) = sandbox.history(IDS[case.path])

            assert {name: shown.get(name, ...) for name in case.stored} == case.stored
            assert shown == content(client.get(case.path)) == json.loads(step.body)
            assert {name: value for name, value in body.items() if name not in SERVED} == json.loads(step.sent)


@pytest.mark.loopback
def test_by_default_a_body_is_stored_as_sent(sandbox: SandboxProcess) -> None:
    """Without an option nothing is changed: blanks, nulls, order and capitals stay."""
    sandbox.reset()
    with sandbox.client() as client:
        for case in CASES:
            body = {**client.get(case.path).json(), **case.sent}
            assert {**content(client.put(case.path, json=body)), **case.sent} == content(client.get(case.path))
            (*_, step) = sandbox.history(IDS[case.path])
            assert step.sent == step.body


@pytest.mark.loopback
def test_a_new_trigger(start_sandbox: StartSandbox) -> None:
    """The body of a POST is stored in the same way as that of a PUT."""
    with start_sandbox(stores=["trimmed,defaults"]).client() as client:
        created = client.post(TRIGGERS, json={**content(client.get(TRIGGER)), "name": " New "}).json()
        assert ("New", "default") == (created["name"], created["category"])
        assert created == client.get(created["selfUri"]).json()


@pytest.mark.loopback
def test_the_reply_can_show_what_was_sent(start_sandbox: StartSandbox) -> None:
    """With ``echoes`` the reply to a write has the new version and what was sent, and a GET has what is stored."""
    with start_sandbox(stores=["trimmed"], echoes=True).client() as client:
        for path in PATHS:
            before = client.get(path).json()
            reply = client.put(path, json={**before, "name": " New "}).json()
            after = client.get(path).json()
            assert (before["version"] + 1, " New ") == (reply["version"], reply["name"])
            assert {**reply, "name": "New"} == after
        created = client.post(TRIGGERS, json={**content(client.get(TRIGGER)), "name": " New "}).json()
        assert {**created, "name": "New"} == client.get(created["selfUri"]).json()


@pytest.mark.loopback
def test_what_is_read_can_be_put_back(start_sandbox: StartSandbox) -> None:
    """With every way to store, what a GET shows is valid in a PUT, and is stored unchanged."""
    with start_sandbox(stores=[",".join(WAYS)]).client() as client:
        for case in CASES:
            first = content(client.put(case.path, json={**client.get(case.path).json(), **case.sent}))
            again = client.put(case.path, json=client.get(case.path).json())
            assert first == content(again) == content(client.get(case.path))
        client.put(TRIGGER, json={**client.get(TRIGGER).json(), "matchCriteria": [{**MEDIA, "value": ""}]})
        assert 200 == client.put(TRIGGER, json=client.get(TRIGGER).json()).status_code
        assert 200 == client.post(f"{TRIGGER}/test", json={}).status_code


@pytest.mark.loopback
@pytest.mark.parametrize(("names", "bad"), [("frob", "'frob'"), ("trimmed,,sorted", "''"), ("Trimmed", "'Trimmed'")])
def test_an_unknown_way(tmp_path: Path, names: str, bad: str) -> None:
    """An unknown name is wrong usage; the error has the name and lists the known ones."""
    with pytest.raises(RuntimeError, match=rf"^error: unknown way to store: {bad} ") as caught:
        SandboxProcess(tmp_path, stores=["sorted", names])
    assert all(way in str(caught.value) for way in WAYS)


_TEXTS = st.text(" aB\t/", max_size=45)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | _TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_TEXTS, below, max_size=3),
    max_leaves=6,
)
_TARGETS = st.fixed_dictionaries(
    {"id": st.sampled_from("abc")},
    optional={"url": st.none() | _TEXTS, "headers": st.none() | st.dictionaries(_TEXTS, _TEXTS), "retries": _VALUES},
)
_BODIES = st.fixed_dictionaries(
    {"name": _TEXTS, "conditions": st.lists(st.dictionaries(_TEXTS, _VALUES)), "targets": st.lists(_TARGETS)},
    optional=dict.fromkeys(("description", "notes", "category", "properties", "target", "matchCriteria"), _VALUES),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(_BODIES, st.lists(st.sampled_from(list(WAYS))), st.sampled_from([seed.RULE, seed.TRIGGER, seed.CONFIGURATION]))
def test_what_is_stored_is_stored_unchanged(body: Body, ways: list[str], kind: str) -> None:
    """Whatever ways are combined, in whatever order: a second pass changes nothing, and no pass changes its input."""
    names, before = names_in(ways), json.dumps(body)
    once = stored(names, kind, body)
    assert once == stored(names, kind, once)
    assert before == json.dumps(body)
