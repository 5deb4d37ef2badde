"""An org that shows everything that it was sent: in the body of an error, in its headers, in pieces and in disguise.

It is also the receiver of the webhook, a collector of records and a proxy, and misbehaves as it is told to.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus

RULE_ID = "demo-rule"
TOPIC = "v2.users.{id}.presence"
Data = dict[str, Any]


_RULE = re.compile(
    r"/api/v2/(?:eventbridge/routing/rules/[^/]+|processautomation/triggers/(?!topics$)[^/]+"
    r"|integrations/[^/]+/config/current)"
)
"""Where the rules of each kind are."""


@dataclass(frozen=True)
class Asked:
    """One request as it came; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def what(self) -> str:
        """What it is for, as misdeeds name it."""
        path = self.path.partition("?")[0]
        if _RULE.fullmatch(path):
            return "put" if self.method == "PUT" else "get"
        if path.endswith("/test"):
            return "trial"
        if path.startswith("/events"):
            return "event"
        names = {"/oauth/token": "token", "/v1/logs": "log"}
        return "proxy" if self.method == "CONNECT" else names.get(path, "other")

    def told(self) -> list[str]:
        """Return everything that this request says, in the spellings that an answer may show it in."""
        said = [value for name, value in self.headers.items() if "authorization" in name]
        for scheme, _, word in [each.partition(" ") for each in said]:
            said.append(word)
            if scheme == "Basic":
                pair = base64.b64decode(word).decode(errors="replace")
                said += [pair, pair.partition(":")[2]]
        with contextlib.suppress(ValueError):
            said += _strings(json.loads(self.body))
        return [spelled(each) for each in said for spelled in (str, quote, quote_plus, json.dumps, repr)]


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list)):
        for below in data.values() if isinstance(data, dict) else data:
            yield from _strings(below)


@dataclass(frozen=True)
class Answer:
    """A reply; ``cut`` breaks the connection off before its end. One of status 0 is its body alone, without a head."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


Misdeed = Callable[["EchoingOrg", Asked], Answer | None]


class EchoingOrg:
    """The org.

    ``misdeeds`` are done to each request of a kind (see ``Asked.what``), the last of them again and again; one that
    returns None leaves the answer as it would have been. ``on_request`` is called with each request first.
    """

    def __init__(self, rule: Data, token: str) -> None:
        self.rule = rule
        self.token = token
        self.misdeeds: dict[str, list[Misdeed]] = {}
        self.asked: list[Asked] = []
        self.turn = 0
        self.on_request: Callable[[Asked], None] = lambda _: None
        self.url = ""

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve on a free loopback port."""
        org = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                org.asked.append(asked)
                org.on_request(asked)
                answer = org.answer(asked)
                self.close_connection = True
                with contextlib.suppress(OSError):  # whoever asked may be gone by now
                    if not answer.status:
                        self.wfile.write(answer.body)
                        return
                    self.send_response(answer.status, "As it is")
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body) + answer.cut))
                    self.end_headers()
                    self.wfile.write(answer.body)

            do_GET = do_PUT = do_POST = do_CONNECT = _serve  # noqa: N815 - as the library calls them

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def answer(self, asked: Asked) -> Answer:
        """Answer one request, well or badly."""
        misdeeds = self.misdeeds.get(asked.what)
        if misdeeds:
            misdeed = misdeeds.pop(0) if len(misdeeds) > 1 else misdeeds[0]
            answer = misdeed(self, asked)
            if answer is not None:
                return answer
        return self.served(asked)

    def served(self, asked: Asked) -> Answer:
        """Answer one request well."""
        if asked.what == "token":
            return reply(200, {"access_token": self.token, "token_type": "bearer", "expires_in": 86_400})
        if asked.what == "put":
            return self.compare_and_set(json.loads(asked.body))
        if asked.what == "get":
            return reply(200, self.rule)
        if asked.what == "trial":
            return reply(200, {"triggerMatches": True, "jsonPathValidation": {"details": self.criteria()}})
        return reply(200, _REFERENCED if asked.method == "GET" else {})

    def compare_and_set(self, wanted: Data) -> Answer:
        """Apply a PUT if it names the present version."""
        if wanted["version"] != self.rule["version"]:
            return reply(409, {"code": "version.conflict", "message": "stale"})
        self.rule = {**wanted, "id": RULE_ID, "version": wanted["version"] + 1}
        return reply(200, self.rule)

    def criteria(self) -> list[Data]:
        """Return what a trial says of each criterion of the rule."""
        return [{**each, "match": True} for each in self.rule.get("matchCriteria", ())]

    def echo(self, asked: Asked) -> str:
        """Return something that was told by this request, another one each time; all of it comes after that."""
        told = asked.told() or ["nothing"]
        self.turn += 1
        first = self.turn % len(told)
        return " ".join((*told[first:], *told[:first]))


_REFERENCED = {
    "id": "target-uuid-12345",
    "type": "WORKFLOW",
    "active": True,
    "publishedVersion": {"id": "1"},
    "integrationType": {"id": "amazon-eventbridge-source"},
    "entities": [TOPIC],
}
"""Whatever a rule refers to: target, flow, integration and list of topics in one."""


def reply(status: int, body: Any, **headers: str) -> Answer:
    """Return a reply in JSON."""
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


# --- misdeeds -------------------------------------------------------------------------------------------


def refuses(status: int, **headers: str) -> Callable[[EchoingOrg, Asked], Answer]:
    """Refuse, and show in every part of the answer what was sent."""

    def misdeed(org: EchoingOrg, asked: Asked) -> Answer:
        body = {
            "message": org.echo(asked),
            "code": org.echo(asked),
            "contextId": org.echo(asked),
            "error": org.echo(asked),
            "error_description": org.echo(asked),
            "details": [
                {"fieldName": "conditions[0].value", "errorCode": org.echo(asked)},
                {"fieldName": org.echo(asked), "errorCode": "bad"},
            ],
        }
        return reply(status, body, **_echoing_headers(org, asked), **headers)

    return misdeed


def _echoing_headers(org: EchoingOrg, asked: Asked) -> dict[str, str]:
    said = asked.headers.get("authorization", "nothing")
    return {"inin-correlation-id": said, "Location": f"{org.url}/else?{quote(said)}", "X-Echo": quote(org.echo(asked))}


def is_no_answer(org: EchoingOrg, asked: Asked) -> Answer:
    """Answer 200 with a page that is no JSON, of a type that nobody knows."""
    said = asked.headers.get("authorization", "nothing")
    headers = {**_echoing_headers(org, asked), "Content-Type": f"text/{said}", "Content-Encoding": "identity"}
    return Answer(200, org.echo(asked).encode(), headers)


def is_encoded(_: EchoingOrg, asked: Asked) -> Answer:
    """Answer 200 in an encoding that has the name of a secret."""
    return Answer(200, b"{}", {"Content-Encoding": asked.headers.get("authorization", "br")})


def breaks_off(org: EchoingOrg, asked: Asked) -> Answer:
    """Break off in the middle of an answer."""
    return Answer(200, org.echo(asked).encode(), _echoing_headers(org, asked), cut=True)


def is_garbled(_: EchoingOrg, asked: Asked) -> Answer:
    """Answer with a line that is no HTTP, and that shows who asked where texts of that length are cut."""
    return Answer(0, f"{'x' * 180} {asked.headers.get('authorization')}\r\n\r\n".encode())


def shows_in_the_rule(org: EchoingOrg, asked: Asked) -> Answer:
    """Answer with the rule, that has in plain fields what was sent."""
    said = {"description": asked.headers.get("authorization", ""), "note": [org.echo(asked)]}
    return reply(200, {**org.rule, **said}, **_echoing_headers(org, asked))


def somebody_was_faster(org: EchoingOrg, asked: Asked) -> None:
    """Let another writer change the same fields first, to what is a secret as well."""
    there = org.rule["targets"][0]
    target = {**there, "headers": {**there["headers"], "Authorization": org.token}}
    org.rule = {
        **org.rule,
        "version": json.loads(asked.body)["version"] + 1,
        "priority": 3,
        "name": "Theirs",
        "description": "theirs",
        "targets": [target],
    }


def applied_but(then: Callable[[EchoingOrg, Asked], Answer]) -> Callable[[EchoingOrg, Asked], Answer]:
    """Apply a PUT, and answer something else."""

    def misdeed(org: EchoingOrg, asked: Asked) -> Answer:
        org.compare_and_set(json.loads(asked.body))
        return then(org, asked)

    return misdeed


def somebody_renamed_it(org: EchoingOrg, asked: Asked) -> None:
    """Let another writer of a rule of any kind be first with its name, which is a secret as well."""
    org.rule = {**org.rule, "version": json.loads(asked.body)["version"] + 1, "name": f"Theirs {org.token}"}


def shows_in_what_is_referenced(org: EchoingOrg, asked: Asked) -> Answer:
    """Answer with a flow, an integration, a list of topics that have in their fields what was sent."""
    names = ("name", "type", "description")
    said = {name: org.echo(asked) for name in names}
    kind = {"integrationType": {"id": org.echo(asked)}, "entities": [org.echo(asked)]}
    return reply(200, {**_REFERENCED, **said, **kind}, **_echoing_headers(org, asked))


def shows_in_the_trial(org: EchoingOrg, asked: Asked) -> Answer:
    """Answer that no event matches, and show in the criteria who asked, and what the rule has."""
    details = [{"jsonPath": f"$.{org.echo(asked)}", "operator": asked.headers.get("authorization"), "match": False}]
    details += [{"jsonPath": text, "operator": text, "match": False} for text in _given(org.rule)]
    return reply(200, {"triggerMatches": False, "jsonPathValidation": {"details": details}})


def _given(rule: Data) -> list[str]:
    return list(_strings([rule["name"], rule["description"], rule["matchCriteria"]]))


def quotes_what_it_has(status: int) -> Callable[[EchoingOrg, Asked], Answer]:
    """Refuse, and show every text of the rule that is there."""

    def misdeed(org: EchoingOrg, asked: Asked) -> Answer:
        said = " ".join(_strings(org.rule))
        return reply(status, {"message": said, "contextId": said}, **_echoing_headers(org, asked))

    return misdeed


def quotes_its_rule(org: EchoingOrg, asked: Asked) -> Answer:
    """Refuse, and show what a user gave the rule."""
    texts = _given(org.rule)
    said = " ".join(texts)
    details = [{"fieldName": text, "errorCode": text} for text in texts]
    return reply(400, {"message": said, "contextId": said, "details": details}, **_echoing_headers(org, asked))
