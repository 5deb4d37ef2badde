"""Secrets stay secret, and plain values stay plain: what stands at the place of a ``${env:…}``, now and before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from receiver import receiving

if TYPE_CHECKING:
    from command_line import CommandLine, Ran
    from sandbox_process import SandboxProcess

pytestmark = pytest.mark.loopback

RULE = "/api/v2/eventbridge/routing/rules/demo-rule"
TARGET = "target-uuid-12345"
OLD, NEW = "canary-old", "canary-new"
CALL = {"field": "eventType", "operator": "equals", "value": "call"}


def there(sandbox: SandboxProcess, **fields: Any) -> dict[str, Any]:
    """Give the demo rule some fields, as somebody else would, and return it."""
    with sandbox.client() as client:
        client.put(RULE, json={**client.get(RULE).json(), **fields})
        rule: dict[str, Any] = client.get(RULE).json()
        return rule


def target(**fields: Any) -> dict[str, Any]:
    """Return the demo rule's target with some fields changed."""
    return {"id": TARGET, "type": "webhook", "url": "https://one.example.com/in", **fields}


def everything(ebrule: CommandLine, *runs: Ran) -> str:
    """Return all that came out of some runs."""
    return "".join(ran.out + ran.err for ran in runs) + ebrule.ledger.read_text()


# --- the old value, which only the org has ----------------------------------------------------------------

SECRET_FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole": ({"description": OLD}, {"description": "${env:SECRET}"}),
    "part": ({"description": f"Rule {OLD} of ours"}, {"description": "Rule ${env:SECRET} of ours"}),
    "url": ({"targets": [target(url=f"https://x/{OLD}")]}, {"targets": [target(url="${env:SECRET}")]}),
    "header": (
        {"targets": [target(headers={"x-plain": OLD, "X-Source": "demo"})]},
        {"targets": [target(headers={"X-Plain": "${env:SECRET}", "X-Source": "demo"})]},
    ),
    "condition": (
        {"conditions": [{"field": "a", "operator": "equals", "value": OLD}, CALL]},
        {"conditions": [CALL, {"field": "a", "operator": "equals", "value": "${env:SECRET}"}]},
    ),
    "another condition": (
        {"conditions": [{"field": "b", "operator": "contains", "value": [OLD]}, CALL]},
        {"conditions": [CALL, {"field": "a", "operator": "equals", "value": "${env:SECRET}"}]},
    ),
    "another target": (
        {"targets": [target(id="archive", headers={"X-Plain": OLD})]},
        {"targets": [target(headers={"X-Plain": "${env:SECRET}"})]},
    ),
    "of another type": ({"description": {"was": [OLD]}}, {"description": "${env:SECRET}"}),
}


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_the_old_secret_is_hidden_without_an_earlier_record(
    ebrule: CommandLine, sandbox: SandboxProcess, name: str
) -> None:
    """What the org has where the file says ``${env:…}`` is as secret as what comes there, for whoever sees it first."""
    was, fields = SECRET_FIELDS[name]
    there(sandbox, **was)
    ebrule.environ["SECRET"] = NEW
    file = ebrule.rule(**fields)
    with receiving() as receiver:
        runs = [
            ebrule("diff", "--file", file),
            ebrule("diff", "--file", file, "-o", "json"),
            ebrule("update", "--file", file, "-v", "--webhook-url", receiver.url),
            ebrule("audit", "show", "--changes"),
            ebrule("show", "demo-rule"),
        ]
    said = everything(ebrule, *runs) + receiver.received[0][1].decode()

    assert [0] * 5 == [ran.code for ran in runs]
    assert not {OLD, NEW} & {word for word in (OLD, NEW) if word in said}
    assert all("redacted:" in ran.out for ran in runs[:4])
    assert OLD not in json.dumps(there(sandbox))


def test_the_old_secret_is_hidden_where_set_puts_the_new_one(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A ``--set`` with a variable has a place as a file has: in a target by its id, in another list by the index."""
    there(sandbox, targets=[target(headers={"X-Plain": OLD})], conditions=[{**CALL, "value": OLD}])
    ebrule.environ["SECRET"] = NEW
    ran = ebrule(
        "update",
        "--rule-id",
        "demo-rule",
        "--set",
        f"targets[{TARGET}].headers.X-Plain=${{env:SECRET}}",
        "--set",
        "conditions[0].value=a ${env:SECRET}",
    )

    assert (0, 4) == (ran.code, ran.out.count("redacted:"))
    assert "canary" not in everything(ebrule, ran)


def test_a_set_over_the_file_hides_what_it_replaces(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A plain value in the place of the file's variable is shown, and what the org had there is not."""
    there(sandbox, description=OLD)
    ebrule.environ["SECRET"] = NEW
    ran = ebrule("update", "--file", ebrule.rule(description="${env:SECRET}"), "--set", "description=plain words")

    assert (0, True) == (ran.code, '→ "plain words"' in ran.out)
    assert "canary" not in everything(ebrule, ran)


def test_an_element_that_set_takes_away_moves_no_place(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Behind a condition that is taken away, the variable is where it was."""
    ebrule.environ["SECRET"] = "e"
    secret = {"field": "b", "operator": "equals", "value": "${env:SECRET}"}
    file = ebrule.rule(conditions=[CALL, secret])
    ran = ebrule("update", "--file", file, "--set", "conditions[0]=null")
    after = ebrule.records()[0]["after"]["conditions"]

    assert (0, True) == (ran.code, after[0]["value"].startswith("redacted:"))
    assert ("b", "equals") == (after[0]["field"], after[0]["operator"])


def test_a_conflict_shows_neither_old_nor_new_secret(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """All three sides of a conflict at the place of a variable are hidden; other fields' sides are not."""
    ebrule.environ["SECRET"] = NEW
    rule = there(sandbox, targets=[target(headers={"X-Plain": OLD})])
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=11")
    there(sandbox, targets=[target(headers={"X-Plain": "canary-theirs"})], priority=12)
    file = ebrule.rule(priority=13, targets=[target(headers={"X-Plain": "${env:SECRET}"})], version=rule["version"] + 1)
    ran = ebrule("update", "--file", file, "--on-conflict", "merge", "-o", "json")
    sides = {each["path"]: each for each in ran.json["error"]["conflict"]}

    assert (5, (11, 13, 12)) == (ran.code, tuple(sides["priority"][side] for side in ("base", "ours", "theirs")))
    assert json.dumps(sides[f"targets[{TARGET}].headers"]).count("redacted:") == 3
    assert "canary" not in ran.out + ran.err + json.dumps(ebrule.records()[-1])


def test_what_comes_to_a_known_place_later_is_hidden(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where the ledger has a digest, a value that somebody else has put there since is a secret too."""
    ebrule.environ["SECRET"] = OLD
    ebrule("update", "--file", ebrule.rule(targets=[target(headers={"X-Plain": "${env:SECRET}"})]))
    del ebrule.environ["SECRET"]
    there(sandbox, targets=[target(headers={"X-Plain": NEW})])
    with receiving() as receiver:
        runs = [
            ebrule("show", "demo-rule"),
            ebrule("diff", "--rule-id", "demo-rule", "--set", "priority=3"),
            ebrule("webhook", "send", "--rule-id", "demo-rule", "--webhook-url", receiver.url),
            ebrule("update", "--rule-id", "demo-rule", "--set", "priority=3", "-o", "json"),
        ]

    assert [0, 0, 0, 0] == [ran.code for ran in runs]
    assert "canary" not in everything(ebrule, *runs) + receiver.received[0][1].decode()


# --- short and common values ------------------------------------------------------------------------------

COMMON = ("e", "prod", "true", "name", "enabled", "webhook", "operator", "eventTTL", "unchanged")


@pytest.mark.parametrize("value", COMMON)
def test_a_common_value_hides_nothing_but_itself(ebrule: CommandLine, sandbox: SandboxProcess, value: str) -> None:
    """A short or common secret is hidden at its place; keys, paths, enum values and plain values stay as they are."""
    there(sandbox, description="prod name e", targets=[target(headers={"X-Source": "prod e"})])
    ebrule.environ["SECRET"] = value
    headers = {"X-Source": "prod e", "X-Plain": "${env:SECRET}"}
    file = ebrule.rule(description="prod name e", targets=[target(headers=headers)])
    ran = ebrule("update", "--file", file, "--reason", "unchanged prod e")
    ebrule("update", "--file", file, "--set", "status=disabled", "--set", "priority=51")
    back = ebrule("rollback", "--rule-id", "demo-rule")
    last = ebrule.records()[-2]
    after = last["after"]

    assert (0, 0) == (ran.code, back.code)
    assert "unchanged prod e" == ebrule.records()[0]["reason"]
    assert ("prod name e", "enabled", 50) == (after["description"], after["status"], after["priority"])
    assert {*headers} == {*after["targets"][0]["headers"]}
    assert ("prod e", True) == (
        after["targets"][0]["headers"]["X-Source"],
        after["targets"][0]["headers"]["X-Plain"].startswith("redacted:"),
    )
    assert ["status", "priority"] == [change["path"] for change in last["changes"]]
    assert f"+ targets[{TARGET}].headers.X-Plain" in ran.out
    assert value == there(sandbox)["targets"][0]["headers"]["X-Plain"]


@pytest.mark.parametrize(
    "fields", [{"status": "${env:SECRET}"}, {"conditions": [{**CALL, "operator": "${env:SECRET}"}]}]
)
def test_a_short_value_is_not_quoted_at_its_place(offline: CommandLine, fields: dict[str, Any]) -> None:
    """A problem at the place of a variable does not show its value, however short; allowed values are shown."""
    offline.environ["SECRET"] = "zq"
    ran = offline("validate", offline.rule(**fields))

    assert '"zq"' not in ran.out + ran.err
    assert "enabled" in ran.out + ran.err or "startsWith" in ran.out + ran.err


def test_a_case_does_not_show_a_short_value(offline: CommandLine) -> None:
    """What a failed case says of a condition has a digest in the place of a variable's value."""
    offline.environ["SECRET"] = "e"
    secret = {"field": "a", "operator": "equals", "value": "${env:SECRET}"}
    file = offline.rule(conditions=[CALL, secret])
    cases = {"cases": [{"name": "one", "event": {"eventType": "call", "a": "x"}, "expect": "match"}]}
    ran = offline("test", file, "--cases", offline.file("cases.json", json.dumps(cases)))

    assert (3, True) == (ran.code, 'equals "redacted:' in ran.out)
    assert ('equals "call"' in ran.out, 'equals "e"' in ran.out) == (True, False)


# --- what only the run knows ------------------------------------------------------------------------------


def test_credentials_in_the_reason_are_hidden(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """A client's secret, a token, a webhook's secret or the key itself that got into ``--reason`` is not recorded."""
    client_secret, token = ebrule.environ["GENESYSCLOUD_OAUTHCLIENT_SECRET"], sandbox.token()
    signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    update = ("update", "--rule-id", "demo-rule", "--reason", f"{client_secret} and {token}, {signing}, {KEY}")
    ebrule.environ |= {"EBRULE_WEBHOOK_SECRET": signing, "EBRULE_REDACTION_KEY": KEY}
    runs = [ebrule(*update, "--set", "priority=3"), ebrule(*update, "--set", "priority=99999")]
    ebrule.environ["GENESYSCLOUD_ACCESS_TOKEN"] = token
    runs += [ebrule(*update, "--set", "priority=4"), ebrule("audit", "show", "--changes")]
    said = everything(ebrule, *runs)

    assert [0, 3, 0, 0] == [ran.code for ran in runs]
    assert not [secret for secret in (signing, KEY) if secret in said]
    assert not [secret for secret in (client_secret,) if secret in json.dumps(ebrule.records()[:3])]
    assert not [secret for secret in (token,) if secret in json.dumps(ebrule.records()[3:])]


@pytest.mark.parametrize(
    "path", ["/services/T024BE7LD/B0345ABCD/x7Kq2mZp9LwR4vTn8YcD1sGh", "/hooks/catch/1234567/o1bc2de"]
)
def test_a_receivers_path_that_is_a_capability_is_nowhere(
    ebrule: CommandLine, sandbox: SandboxProcess, path: str
) -> None:
    """It stands in no output, log, record or report, whether the event was delivered or not."""
    capability = path.rpartition("/")[2]
    with receiving(500, 500, 500, 500, 200, answer=capability.encode()) as receiver:
        url = receiver.url.removesuffix("/events") + path
        runs = [
            ebrule("update", "--file", ebrule.rule(), "--webhook-url", url, "-v"),
            ebrule("webhook", "test", "--webhook-url", url, "-v"),
            ebrule("webhook", "test", "--webhook-url", url, "-o", "json"),
            ebrule("webhook", "flush", "--webhook-url", url, "-v"),
            ebrule("webhook", "send", "--rule-id", "demo-rule", "--webhook-url", url, "-v", "-o", "json"),
            ebrule("audit", "show", "--changes", "-o", "json"),
            ebrule("audit", "report", "--out", "-"),
        ]
    delivery = [record for record in ebrule.records() if record["type"] == "delivery"]

    assert [8, 7, 0, 0, 0, 0, 0] == [ran.code for ran in runs]
    assert capability not in everything(ebrule, *runs)
    assert all("redacted:" in ran.err for ran in (runs[0], runs[3], runs[4]))
    assert 1 == len({(each["url"], each["key_id"]) for each in delivery})


def test_a_receiver_that_is_gone_is_known_in_older_records(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """An event that a receiver answered with 410 is not sent there again, also where the record has the whole path."""
    path = "/services/T024BE7LD/B0345ABCD/x7Kq2mZp9LwR4vTn8YcD1sGh"
    with receiving(410) as receiver:
        url = receiver.url.removesuffix("/events") + path
        ebrule("update", "--file", ebrule.rule(), "--webhook-url", url)
        again = ebrule("webhook", "flush", "--webhook-url", url)
        shown = ebrule.records()[-1]["url"]
        # As records were until now: the chain of hashes does not matter to a flush.
        ebrule.ledger.write_text(ebrule.ledger.read_text().replace(shown, url))
        older = ebrule("webhook", "flush", "--webhook-url", url)
        audited = ebrule("audit", "show", "-o", "json")
        other = ebrule("webhook", "flush", "--webhook-url", f"{url}x")

    assert ("Nothing is pending" in again.out, "Nothing is pending" in older.out) == (True, True)
    assert (path in audited.out, "/services/…" in audited.json["operations"][0]["deliveries"][0]["url"]) == (
        False,
        True,
    )
    assert "stopped" in other.out


# --- the key ----------------------------------------------------------------------------------------------

KEY = "canary-0123456789abcdef0123456789abcdef"


def secret_file(ebrule: CommandLine) -> str:
    """Return a rule file with a secret at a place that no name tells."""
    return ebrule.rule(targets=[target(headers={"X-Plain": "${env:SECRET}"})])


def test_runners_with_one_key_record_the_same(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """With a key in the environment, another state folder tells that a secret has not changed; the key is nowhere."""
    ebrule.environ |= {"SECRET": "e", "EBRULE_REDACTION_KEY": KEY}
    file = secret_file(ebrule)
    runs = [ebrule("update", "--file", file, "-v")]
    first = ebrule.records()[0]
    ebrule.environ["EBRULE_STATE_DIR"] = str(ebrule.folder / "other")
    runs += [ebrule("update", "--file", file, "--set", "priority=3", "--audit-log", str(ebrule.ledger))]
    second = ebrule.records()[2]

    assert [0, 0] == [ran.code for ran in runs]
    assert first["after"]["targets"] == second["before"]["targets"]
    assert first["key_id"] == second["key_id"]
    assert KEY not in everything(ebrule, *runs)
    assert not [path for path in ebrule.folder.rglob("*") if path.name == "redaction.key"]


def test_what_is_no_key_ends_the_run(ebrule: CommandLine) -> None:
    """A key that is too short is wrong usage; the message names the variable, and not what it holds."""
    ebrule.environ["EBRULE_REDACTION_KEY"] = "canary-short"
    ran = ebrule("update", "--file", ebrule.rule())

    assert (2, True, False) == (ran.code, "EBRULE_REDACTION_KEY" in ran.err, "canary" in ran.out + ran.err)


def test_digests_of_another_key_are_no_drift(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Where the key is another one, a secret that nobody touched is not told as changed; other changes are."""
    ebrule.environ |= {"SECRET": "a long secret", "EBRULE_REDACTION_KEY": KEY}
    file = secret_file(ebrule)
    ebrule("update", "--file", file)
    there(sandbox, owner="somebody else")
    ebrule.environ["EBRULE_REDACTION_KEY"] = f"another {KEY}".replace(" ", "-")
    ran = ebrule("diff", "--file", file, "-o", "json")

    assert (0, ["owner"]) == (ran.code, [change["path"] for change in ran.json["merged"]])


def test_a_rollback_over_another_key_says_so(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What the ledger holds under another key is not guessed: the command says which key it needs."""
    ebrule.environ |= {"SECRET": "a long secret", "EBRULE_REDACTION_KEY": KEY}
    ebrule("update", "--file", secret_file(ebrule))
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=3")
    key = ebrule.environ.pop("EBRULE_REDACTION_KEY")
    other = ebrule("rollback", "--rule-id", "demo-rule")
    ebrule.environ["EBRULE_REDACTION_KEY"] = key
    same = ebrule("rollback", "--rule-id", "demo-rule")

    assert (3, True, True) == (other.code, "EBRULE_REDACTION_KEY" in other.err, "secret-needed" in other.err)
    assert 0 == same.code


def test_a_new_key_reads_what_the_files_key_recorded(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """Who gives a key from now on can still go back over what was recorded with the one in the file."""
    ebrule.environ["SECRET"] = "e"
    ebrule("update", "--file", secret_file(ebrule))
    ebrule("update", "--rule-id", "demo-rule", "--set", "priority=3")
    ebrule.environ["EBRULE_REDACTION_KEY"] = KEY
    ran = ebrule("rollback", "--rule-id", "demo-rule")

    assert (0, "e") == (ran.code, there(sandbox)["targets"][0]["headers"]["X-Plain"])


def test_an_open_update_of_another_key_is_not_guessed(ebrule: CommandLine, sandbox: SandboxProcess) -> None:
    """What became of an update is not told from digests that cannot be compared; with their key, it is."""
    ebrule.environ |= {"SECRET": "a long secret", "EBRULE_REDACTION_KEY": KEY}
    ebrule("update", "--file", secret_file(ebrule))
    (intent, _) = ebrule.ledger.read_text().splitlines(keepends=True)
    long_ago = "2026-01-05T08:00:00.000000Z"
    ebrule.ledger.write_text(intent.replace(json.loads(intent)["timestamp"], long_ago))
    key = ebrule.environ.pop("EBRULE_REDACTION_KEY")
    other = ebrule("audit", "resolve")
    ebrule.environ["EBRULE_REDACTION_KEY"] = key
    same = ebrule("audit", "resolve")

    assert (9, True) == (other.code, "EBRULE_REDACTION_KEY" in other.out)
    assert (0, True) == (same.code, "was applied" in same.out)
