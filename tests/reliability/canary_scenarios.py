"""Promise 11: what users with secrets in every place do, so that every outcome comes about."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from reliability import canary_kinds
from reliability.canaries import SDK_IS_HERE
from reliability.echoing_org import (
    RULE_ID,
    EchoingOrg,
    applied_but,
    breaks_off,
    is_encoded,
    is_garbled,
    is_no_answer,
    quotes_what_it_has,
    refuses,
    shows_in_the_rule,
    somebody_was_faster,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Ran
    from reliability.canaries import World

SCENARIOS: dict[str, Callable[[World], None]] = {}


def scenario(function: Callable[[World], None]) -> Callable[[World], None]:
    """Note a scenario under the name of its function."""
    SCENARIOS[function.__name__.strip("_")] = function
    return function


def _update(world: World, codes: set[int], *more: str, **changes: Any) -> Ran:
    return world.run("update", "--file", world.file(**changes), *world.output, *more, codes=codes)


def _set(world: World, codes: set[int], *more: str) -> Ran:
    assignments = (
        "--set",
        "description=${env:IN_SET}",
        "--set",
        "targets[target-uuid-12345].headers.X-A=a ${env:SET_HEADER}",
    )
    return world.run("update", "--rule-id", RULE_ID, *assignments, *world.output, *more, codes=codes)


@scenario
def updated_and_unchanged(world: World) -> None:
    """An update, the same again, what it would change, and one field by itself."""
    _update(world, {0, 10}, "--dry-run", "--exit-code")
    _update(world, {0}, "--reason", "for INSIDE")
    _update(world, {0})
    _set(world, {0})


@scenario
def forgotten(world: World) -> None:
    """What a run knew as a secret stays one for later runs that do not know the variable."""
    _update(world, {0})
    for name in world.known:
        del world.ebrule.environ[name]
    for output in ("text", "yaml", "json"):
        world.run("show", RULE_ID, "--output", output, codes={0})
    world.org.rule = {**world.org.rule, "version": world.org.rule["version"] + 1, "owner": "nobody"}
    world.run("diff", "--rule-id", RULE_ID, "--set", "priority=3", *world.output, codes={0})
    world.run("update", "--rule-id", RULE_ID, "--set", "name=Other", *world.output, codes={0})
    world.run("webhook", "send", "--rule-id", RULE_ID, *world.output, codes={0})
    world.run("rollback", "--rule-id", RULE_ID, "--dry-run", *world.output, codes={0, 3})
    world.run("rollback", "--rule-id", RULE_ID, *world.output, codes={0, 3})


@scenario
def rotated(world: World) -> None:
    """Every secret is another one since the last run, which this ledger does not know of; the org has the old ones."""
    now: dict[str, Any] = json.loads((world.folder / world.file()).read_text())
    old = {name: world.cage.canary(f"old {name}", world.shape) for name in world.known}
    for name in ("HEADER", "IN_URL"):
        old[name] = world.cage.canary(f"old {name}")
    world.org.rule = {**_filled(now, old), "priority": 10, "version": 7}
    _update(world, {0}, "--dry-run")
    for misdeed, codes in ((quotes_what_it_has(400), {3}), (quotes_what_it_has(403), {4}), (somebody_was_faster, {5})):
        world.org.misdeeds["put"] = [misdeed]
        _update(world, codes)
        world.org.rule = {**_filled(now, old), "priority": 10, "version": world.org.rule["version"]}
    world.org.misdeeds.clear()
    _update(world, {0})
    world.run("webhook", "send", "--rule-id", RULE_ID, *world.output, codes={0})
    world.run("audit", "show", "--changes", *world.output, codes={0}, to_org=False)
    world.org.rule = {**world.org.rule, **_filled({"description": "${env:A}", "targets": now["targets"]}, old)}
    world.org.rule = {**world.org.rule, "version": world.org.rule["version"] + 1}
    world.run("show", RULE_ID, *world.output, codes={0})
    world.run("update", "--rule-id", RULE_ID, "--set", "priority=3", *world.output, codes={0})


def _filled(data: Any, values: dict[str, str]) -> Any:
    """Return data with other values in the place of its variables."""
    if isinstance(data, dict):
        return {name: _filled(value, values) for name, value in data.items()}
    if isinstance(data, list):
        return [_filled(item, values) for item in data]
    if not isinstance(data, str):
        return data
    return _VARIABLE.sub(lambda found: values.get(found[1], values["PLAIN"]), data)


_VARIABLE: Final = re.compile(r"\$\{env:(\w+)\}")


@scenario
def common(world: World) -> None:
    """Secrets that are short or common words: hidden at their places, and nothing else is."""
    word = ("e", "prod", "true", "name", "enabled", "targets")[world.seed % 6]
    world.ebrule.environ |= dict.fromkeys(world.known, word)
    plain = {"status": "enabled", "conditions": [{"field": "name", "operator": "equals", "value": "prod true e"}]}
    headers = {"X-Source": "prod true e", "X-Env": "${env:PLAIN}"}
    target = {"id": "target-uuid-12345", "type": "webhook", "url": "https://two.example.com/name", "headers": headers}
    was = {name: value for name, value in world.org.rule.items() if name != "targets"}
    world.org.rule = {**was, **plain, "name": "prod name", "targets": [{**target, "headers": {"X-Source": "demo"}}]}
    fields: dict[str, Any] = {**plain, "name": "prod name", "description": "What it is for", "targets": [target]}
    _update(world, {0}, "--reason", f"because {word}", **fields)
    world.run("update", "--rule-id", RULE_ID, "--set", "priority=3", *world.output, codes={0})
    world.run("rollback", "--rule-id", RULE_ID, *world.output, codes={0})
    world.run("rollback", "--rule-id", RULE_ID, "--to-version", "7", *world.output, codes={0})
    for record in [json.loads(line) for line in world.ebrule.ledger.read_text().splitlines()]:
        world.expect(f"a name or a path is hidden: {record}", holds="redacted:" not in "".join(_names(record)))
        world.expect("the reason is as it was", holds=record.get("reason") in (None, f"because {word}"))
        for side in ("before", "after"):
            rule = record.get(side) or fields
            world.expect(f"plain values are hidden: {rule}", holds=plain.items() <= rule.items())
            env = rule["targets"][0]["headers"].get("X-Env", "redacted:")
            world.expect(f"a secret is not hidden: {rule}", holds=env.startswith(("redacted:", "${")))


def _names(data: Any) -> list[str]:
    """Return the names in a record, and the paths that it tells of."""
    if isinstance(data, dict):
        paths = [data["path"]] if isinstance(data.get("path"), str) else []
        return [*data, *paths, *(name for value in data.values() for name in _names(value))]
    return [name for item in data for name in _names(item)] if isinstance(data, list) else []


@scenario
def told_why(world: World) -> None:
    """A reason that has the credentials in it, and an org that shows them before anything else is known."""
    world.org.on_request = lambda _: None  # a command line shows what the user typed
    why = ("--reason", f"as {world.client_secret} and {world.org.token} said")
    world.run("update", "--rule-id", RULE_ID, "--set", "priority=3", *why, codes={0})
    for status, code in ((400, 3), (401, 4), (403, 4), (404, 6), (500, 7)):
        world.org.misdeeds["get"] = [refuses(status)]
        _update(world, {code}, *why, "--deadline", "3")


@scenario
def ledger(world: World) -> None:
    """Everything that reads the ledger."""
    world.org.misdeeds["event"] = [refuses(500)]
    _update(world, {8})
    for output in ("text", "json", "jsonl", "csv"):
        world.run("audit", "show", "--changes", "--output", output, codes={0}, to_org=False)
    world.run("audit", "report", "--out", "report.html", codes={0}, to_org=False)
    world.run("audit", "verify", codes={0}, to_org=False)
    world.run("webhook", "flush", *world.output, codes={8}, to_org=False)
    world.org.misdeeds.clear()
    world.run("webhook", "flush", *world.output, codes={0}, to_org=False)


@scenario
def webhook(world: World) -> None:
    """A receiver that refuses, redirects and shows what it got."""
    world.org.misdeeds["event"] = [(refuses(410), refuses(307), is_no_answer, breaks_off)[world.seed % 4]]
    codes = {0} if world.seed % 4 == 2 else {7}
    world.run("webhook", "test", "--verbose", *world.output, codes=codes, to_org=False)
    world.run("webhook", "send", "--rule-id", RULE_ID, *world.output, codes=codes)
    world.ebrule.environ["EBRULE_WEBHOOK_URL"] = f"https://user:{world.cage.canary('webhook password')}@example.com/x"
    _update(world, {2})
    world.ebrule.environ["EBRULE_WEBHOOK_SECRET"] = f"whsec_{world.cage.canary('bad webhook secret')}!"
    world.run("webhook", "test", *world.output, codes={2}, to_org=False)


@scenario
def conflict(world: World) -> None:
    """Somebody was faster with the same fields, and what both wrote is secret."""
    world.org.misdeeds["put"] = [somebody_was_faster]
    _update(world, {5}, "--on-conflict", ("fail", "merge")[world.seed % 2])
    world.org.misdeeds["put"] = [somebody_was_faster, lambda *_: None]
    _set(world, {0}, "--on-conflict", "overwrite")


@scenario
def invalid(world: World) -> None:
    """Files that are wrong in a way that tempts to show what is in them."""
    wrongs: list[dict[str, Any]] = [
        {"status": "${env:PLAIN}"},
        {"priority": "${env:PLAIN}"},
        {"version": "${env:PLAIN}"},
        {"kind": "${env:PLAIN}"},
        {"id": "${env:PLAIN}/../x"},
        {"conditions": [{"field": "${env:PLAIN}", "operator": "${env:INSIDE}", "value": ["${env:CONDITION}", {}]}]},
        {"targets": [{"id": "${env:TARGET}", "url": "${env:IN_URL}", "type": "${env:PLAIN}"}] * 2},
        {"name": "${env:PLAIN}" * 600},
        {"targets": [{"id": "${env:TARGET}", "headers": {"X A": "${env:PLAIN}"}}]},
    ]
    wrong = wrongs[world.seed % len(wrongs)]
    file = world.file(**wrong)
    for output in ("text", "json", "github", "sarif"):
        world.run("validate", file, "--output", output, codes={0, 3}, to_org=False)
    _update(world, {0, 2, 3, 6, 8}, **wrong)
    assignments = (
        "status=${env:PLAIN}",
        "priority=${env:IN_SET}",
        "conditions[0].operator=${env:PLAIN}",
        "x=${env:PLAIN}",
    )
    chosen = assignments[world.seed % len(assignments)]
    world.run("diff", "--rule-id", RULE_ID, "--set", chosen, *world.output, codes={0, 3})


def _refused(kind: str, status: int, code: int) -> None:
    def refused(world: World) -> None:
        """The org refuses, and shows all that it was sent."""
        world.org.misdeeds[kind] = [refuses(status, **({"Retry-After": "999"} if status in (429, 503) else {}))]
        deadline = ("--deadline", "4")
        _update(world, {code}, *deadline)
        _set(world, {code} if kind != "other" else {0}, *deadline)
        if kind in ("get", "token"):
            world.run("show", RULE_ID, *deadline, codes={code})
            world.run("auth", "status", *deadline, codes={0, code})

    refused.__name__ = f"{kind}_{status}"
    SCENARIOS[refused.__name__] = refused


for _kind, _status, _code in (
    *(("put", status, code) for status, code in ((400, 3), (401, 4), (403, 4), (404, 6), (422, 3), (429, 7), (503, 9))),
    *(("get", status, code) for status, code in ((400, 3), (401, 4), (403, 4), (404, 6), (429, 7), (503, 7), (307, 7))),
    *(("other", status, code) for status, code in ((400, 3), (403, 4))),
):
    _refused(_kind, _status, _code)


@scenario
def no_token(world: World) -> None:
    """The token's host refuses, and shows who asked."""
    status = (400, 401, 403, 404, 302, 500)[world.seed % 6]
    world.org.misdeeds["token"] = [refuses(status)]
    codes = {0} if "GENESYSCLOUD_ACCESS_TOKEN" in world.ebrule.environ else {4, 7}
    _update(world, codes, "--deadline", "5")
    for misdeed in (is_no_answer, breaks_off, is_encoded):
        world.org.misdeeds["token"] = [misdeed]
        _set(world, codes, "--deadline", "5")


@scenario
def broken(world: World) -> None:
    """Replies that are none, or cut short, and show what was sent."""
    for misdeed in (is_no_answer, breaks_off, is_encoded, is_garbled):
        world.org.misdeeds["get"] = [misdeed]
        world.run("show", RULE_ID, "--deadline", "5", *world.output, codes={7})
    world.org.misdeeds.clear()
    world.org.misdeeds["put"] = [applied_but((is_no_answer, breaks_off, is_encoded)[world.seed % 3])]
    _update(world, {0})


@scenario
def shown_as_data(world: World) -> None:
    """The org has the caller's token in the fields of its rule."""
    world.org.misdeeds["get"] = [shows_in_the_rule]
    for output in ("text", "yaml", "json"):
        world.run("show", RULE_ID, "--output", output, codes={0})
    _set(world, {0}, "--dry-run")
    world.org.misdeeds["get"] = [shows_in_the_rule, lambda *_: None]
    world.org.misdeeds["put"] = [applied_but(refuses(200))]
    _update(world, {0})


@scenario
def unknown(world: World) -> None:
    """A PUT of which nobody can say what became of it, and what is found out later."""
    world.org.misdeeds |= {"put": [breaks_off], "get": [lambda *_: None, refuses(500)]}
    _update(world, {9}, "--deadline", "4")
    world.org.misdeeds.clear()
    world.run("audit", "resolve", "--deadline", "2", *world.output, codes={0, 7, 9})


@scenario
def killed(world: World) -> None:
    """A run that is killed while its PUT is out, and what is found out later."""
    world.killed("update", "--file", world.file())
    world.run("audit", "show", "--changes", *world.output, codes={0}, to_org=False)
    world.run("audit", "resolve", "--deadline", "2", *world.output, codes={0, 7, 9})


@scenario
def no_ledger(world: World) -> None:
    """A ledger that cannot be written, before the PUT or after it."""
    world.ebrule.environ["EBRULE_AUDIT_LOG"] = "/dev/full"
    _update(world, {11})
    del world.ebrule.environ["EBRULE_AUDIT_LOG"]

    def full(_: EchoingOrg, __: Any) -> None:
        world.ebrule.ledger.unlink()
        world.ebrule.ledger.mkdir()

    world.org.misdeeds["put"] = [full]
    _update(world, {8})


@scenario
def bug(world: World) -> None:
    """A bug with a secret in its message and in every local variable around it."""
    (world.folder / "sitecustomize.py").write_text(_BUG)
    world.ebrule.environ |= {"PYTHONPATH": str(world.folder), "EBRULE_DEBUG": str(world.seed % 2)}
    _update(world, {1})
    world.run("audit", "show", "--changes", *world.output, codes={0}, to_org=False)


_BUG: Final = """
import hashlib

as_it_is = hashlib.sha256

def sha256(data=b"", **options):
    if b'"conditions"' in data:
        raise ValueError(data)
    return as_it_is(data, **options)

hashlib.sha256 = sha256
"""


@scenario
def proxy(world: World) -> None:
    """A proxy with a password that refuses to lead on."""
    del world.ebrule.environ["EBRULE_API_URL"]
    world.org.misdeeds["proxy"] = [refuses((407, 403, 502)[world.seed % 3])]
    arguments = ("--region", "eu-west-1", "--deadline", "5")
    world.run("update", "--file", world.file(), *arguments, *world.output, codes={7})
    world.run("show", RULE_ID, *arguments, codes={7})
    world.ebrule.environ["HTTPS_PROXY"] = f"socks9://u:{world.cage.canary('bad proxy')}@x y:z"
    world.run("show", RULE_ID, *arguments, codes={2, 7})


@scenario
def collector(world: World) -> None:
    """A collector of records, that wants a password, and refuses or takes them."""
    password = world.cage.canary("collector's password")
    world.ebrule.environ |= {
        "EBRULE_AUDIT_OTLP": world.org.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{password}",
    }
    if world.seed % 2:
        world.org.misdeeds["log"] = [refuses(401)]
    _update(world, {0})
    world.org.misdeeds["log"] = [refuses(400)]
    _set(world, {11}, "--audit-otlp-required")


@scenario
def others(world: World) -> None:
    """The commands that read, on an org that shows what it was sent in all that it says."""
    for misdeed in (refuses(403), is_no_answer, shows_in_the_rule):
        world.org.misdeeds["other"] = [misdeed]
        world.run("auth", "status", "--deadline", "5", *world.output, codes={0, 4, 7})
        world.run("list", "--kind", "trigger", "--deadline", "5", *world.output, codes={4, 7})


@scenario
def tested(world: World) -> None:
    """Cases that fail on a condition whose value is secret, offline."""
    case = {"name": "a call", "event": {"attributes": {"secret": "something else"}}, "expect": "match"}
    cases = world.ebrule.file("cases.json", json.dumps({"cases": [case]}))
    arguments = ("--cases", cases, "--junit", "junit.xml", *world.output)
    world.run("test", world.file(), *arguments, codes={3}, to_org=False)


@scenario
def misused(world: World) -> None:
    """Settings that are wrong, secrets included."""
    environ = world.ebrule.environ
    environ["EBRULE_API_URL"] = f"https://user:{world.cage.canary('API URL')}@api.example.com"
    _update(world, {2})
    environ["EBRULE_API_URL"] = world.org.url
    environ["GENESYSCLOUD_ACCESS_TOKEN"] = f"{world.cage.canary('bad token')}\n"
    world.run("show", RULE_ID, *world.output, codes={0, 2})
    secret = world.input("two-lines.txt", f"{world.cage.canary('bad secret')}\nx")
    world.run("show", RULE_ID, "--client-secret-file", secret.name, codes={2}, stdin="")
    broken = world.input("broken.toml", f"[night]\nclient_secret = {world.cage.canary('bad profile')}\n")
    environ |= {"EBRULE_CONFIG": str(broken), "EBRULE_PROFILE": "night"}
    world.run("show", RULE_ID, *world.output, codes={0, 2})


@scenario
def sdk(world: World) -> None:
    """The official SDK's client carries the requests, to an org that refuses, breaks off and redirects."""
    by_sdk = ("--transport", "sdk", "--deadline", "50")  # to load it takes seconds, which count
    world.org.misdeeds["put"] = [applied_but((breaks_off, is_no_answer, is_encoded)[world.seed % 3])]
    _update(world, {0}, *by_sdk)
    world.org.misdeeds["put"] = [refuses((400, 403, 422)[world.seed % 3])]
    _set(world, {3, 4}, *by_sdk)
    world.org.misdeeds["get"] = [(is_garbled, refuses(401), refuses(307), is_no_answer, is_encoded)[world.seed % 5]]
    world.run("show", RULE_ID, *by_sdk, *world.output, codes={4, 7})
    environ, good = world.ebrule.environ, dict(world.ebrule.environ)
    environ["GENESYSCLOUD_ACCESS_TOKEN"] = f"{world.cage.canary('bad token')}\n"
    world.run("show", RULE_ID, *by_sdk, *world.output, codes={0, 2, 4, 7})
    environ.clear()
    environ |= good
    del environ["EBRULE_API_URL"]
    world.org.misdeeds["proxy"] = [refuses((407, 403, 502)[world.seed % 3])]
    world.run("show", RULE_ID, "--region", "eu-west-1", *by_sdk, codes={4, 7})


for _each in (canary_kinds.trigger, canary_kinds.source, canary_kinds.remote):
    scenario(_each)
if not SDK_IS_HERE:
    del SCENARIOS["sdk"]
