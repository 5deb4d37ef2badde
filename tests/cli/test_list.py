"""``ebrule list``: ids and names of the rules of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

if TYPE_CHECKING:
    from command_line import CommandLine
    from sandbox_process import SandboxProcess

LIST = ("list", "--kind", "trigger")


@pytest.mark.loopback
def test_triggers_are_listed_for_a_person(ebrule: CommandLine) -> None:
    """A head, then one line each in the order of the names: id, version, whether enabled, name, topic."""
    ran = ebrule(*LIST)

    assert (0, "") == (ran.code, ran.err)
    head, *rows = ran.out.splitlines()
    assert ["id", "version", "enabled", "name", "topic"] == head.split()
    (demo,) = (row for row in rows if row.startswith("demo-trigger "))
    topic = "v2.detail.events.conversation.{id}.customer.end"
    assert f"demo-trigger 3 yes Call back after a lost call {topic}" == " ".join(demo.split())
    names = [row[head.index("name") :] for row in rows]
    assert sorted(names, key=str.casefold) == names


@pytest.mark.loopback
def test_the_list_fits_a_narrow_terminal(ebrule: CommandLine) -> None:
    """What has no room beside the id stands below it, in the same order."""
    wide, narrow = ebrule(*LIST), ebrule.on_a_terminal(*LIST, columns=40)

    assert wide.out.split() == narrow.out.split()
    lines = narrow.out.splitlines()
    assert [line.split()[0] for line in wide.out.splitlines()] == [line for line in lines if not line.startswith(" ")]
    assert max(len(line) for line in lines if " v2." not in line) <= 40  # a topic stays whole, to be copied


WIDE = ("日本語の規則", "🚨 alarm", "e\u0301tude", "plain")


@pytest.mark.loopback
def test_columns_stay_columns_beside_wide_letters(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Letters and emoji of two columns, and combining marks of none, move no other column."""
    path = "/api/v2/processautomation/triggers"
    with sandbox.client() as client:
        trigger = client.get(f"{path}/demo-trigger").json()
        for name in WIDE:
            client.post(path, json={**trigger, "name": name}).raise_for_status()
    head, *rows = ebrule(*LIST).out.splitlines()

    places = {cell_len(row[: row.index("v2.")]) for row in rows}
    assert {cell_len(head[: head.index("topic")])} == places
    assert all(any(name in row for row in rows) for name in WIDE)


@pytest.mark.loopback
def test_triggers_are_listed_for_a_program(ebrule: CommandLine) -> None:
    """One JSON document with the same."""
    document = ebrule(*LIST, "-o", "json").json

    assert (1, "listed", "trigger", None) == tuple(
        document[name] for name in ("schema_version", "result", "kind", "error")
    )
    assert {
        "id": "trigger-disabled",
        "name": "Escalate unanswered mail",
        "version": 5,
        "enabled": False,
        "topicName": "v2.detail.events.conversation.{id}.acd.end",
    } in document["rules"]


@pytest.mark.loopback
def test_a_list_may_have_many_pages(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """All of them are read."""
    body = sandbox.client().get("/api/v2/processautomation/triggers/demo-trigger").json()
    new = {name: body[name] for name in ("name", "topicName", "enabled", "target", "matchCriteria")}
    with sandbox.client() as client:
        for number in range(200):
            created = client.post("/api/v2/processautomation/triggers", json={**new, "name": f"Trigger {number:03}"})
            assert created.status_code in (200, 201)
    before = len(sandbox.requests("GET", "/api/v2/processautomation/triggers%"))

    names = [rule["name"] for rule in ebrule(*LIST, "-o", "json").json["rules"]]
    assert {f"Trigger {number:03}" for number in range(200)} < set(names)
    assert len(sandbox.requests("GET", "/api/v2/processautomation/triggers%")) - before == 2


@pytest.mark.parametrize("kind", [None, "eventbridge", "eventbridge-source"])
def test_a_kind_that_cannot_be_listed_is_wrong_usage(offline: CommandLine, kind: str | None) -> None:
    """What to do instead is told, and no org is needed for that."""
    ran = offline("list", *(("--kind", kind) if kind else ()), "-o", "json")

    assert (2, "no-list") == (ran.code, ran.json["error"]["code"])
    assert "Kinds with a list: trigger." in ran.err
    assert f"ebrule show ID --kind {kind or 'eventbridge'}" in ran.err


@pytest.mark.loopback
def test_who_may_not_list_is_told(ebrule: CommandLine) -> None:
    """With the permission that is missing."""
    ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_ID"] = "sandbox-noscope"

    ran = ebrule(*LIST)
    assert (4, "") == (ran.code, ran.out)
    assert "processautomation:trigger:view" in ran.err
