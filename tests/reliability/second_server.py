"""Promise 12, counted: the token goes to the configured host only, wherever that one leads.

Two orgs run. One is configured, and what it answers leads to the other one, which would serve whoever asks. Each
request that comes there is searched: an ``Authorization`` header is a token, and so is each piece of what a user has
in a place of a secret (see ``canaries``), in whatever part of the request it stands.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reliability.canaries import Tally, World
from reliability.canary_kinds import trigger_there, trigger_wanted
from reliability.echoing_org import RULE_ID, Answer, EchoingOrg, refuses, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reliability.canaries import Cage
    from reliability.echoing_org import Asked, Misdeed

REDIRECTS: Final = (301, 302, 303, 307, 308)
PLACES: Final = ("token", "get", "other", "put", "event")
"""What redirects, as ``Asked.what`` names it; "other" is the GET of a target."""

_LOCATIONS: Final = (
    "{url}{path}",
    "//{host}{path}",
    "http://{org}@{host}{path}",
    "{url}",
    "\\\\{host}{path}",
    "https://{host}{path}",
    "/%0d%0aLocation:{url}",
)
_IDS: Final = ("//{host}/x", "{url}/x", "@{host}", ".{host}/x", "x?y={url}", "\\\\{host}", "x\r\nHost: {host}")
_NEXT: Final = ("{url}{path}", "//{host}{path}", "@{host}{path}", ".{host}{path}", "\\\\{host}{path}")
"""Spellings of where the second server is: as a redirect, as an id, as the next page of a list."""

SPELLINGS: Final = 7
"""After so many rounds each has been used."""


class Pair:
    """The configured org with its user, and the second server.

    Args:
        world: the user, and the org.
        second: the other one.
        turn: chooses among what there are several of.
        options: given to each command.
    """

    def __init__(self, world: World, second: EchoingOrg, turn: int, options: Sequence[str] = ()) -> None:
        self.world = world
        self.org = world.org
        self.second = second
        self.turn = turn
        self.sent = 0
        self._options = options
        world.org.on_request = self._count
        world.ebrule.environ["EBRULE_WEBHOOK_URL"] = f"{world.org.url}/events"

    def _count(self, asked: Asked) -> None:
        self.sent += "authorization" in asked.headers

    def run(self, *arguments: str, codes: Iterable[int]) -> None:
        """Run a command that talks to the org."""
        self.world.run(*arguments, *self._options, *self.world.output, codes=set(codes))

    def update(self, *more: str, codes: Iterable[int], **changes: Any) -> None:
        """Run an update with a secret in every field."""
        self.run("update", "--file", self.world.file(**changes), "--max-attempts", "2", *more, codes=codes)

    def there(self, shapes: tuple[str, ...], path: str = "") -> str:
        """Return one of the spellings of where the second server is."""
        url, org = self.second.url, urlsplit(self.org.url).netloc
        return shapes[self.turn % len(shapes)].format(url=url, host=urlsplit(url).netloc, org=org, path=path)

    def leads_there(self, status: int) -> Misdeed:
        """Answer with a status, and with every header that leads to the second server; 200 is the true answer."""

        def misdeed(org: EchoingOrg, asked: Asked) -> Answer:
            to = self.there(_LOCATIONS, asked.path)
            headers = {"Location": to, "Content-Location": to, "Link": f'<{to}>; rel="next"', "Refresh": f"0; url={to}"}
            answer = org.served(asked) if status == 200 else Answer(status)
            return dataclasses.replace(answer, headers={**answer.headers, **headers})

        return misdeed


def credentials_in(asked: Asked, cage: Cage) -> list[str]:
    """Return what a request at the second server carries and should not, in words."""
    found = [f"the header {name}" for name in asked.headers if "authorization" in name or name == "cookie"]
    whole = f"{asked.path} {asked.headers} {asked.body.decode(errors='replace')}"
    return found + sorted(cage.found_in(whole))


# --- ways to lead astray ----------------------------------------------------------------------------------------

WAYS: Final[dict[str, Callable[[Pair], None]]] = {}


def _way(function: Callable[[Pair], None]) -> Callable[[Pair], None]:
    WAYS[function.__name__.strip("_").replace("_", " ")] = function
    return function


def _redirect(place: str, status: int) -> None:
    def redirected(pair: Pair) -> None:
        """A redirect of each kind from each place, the first time or every time."""
        led = pair.leads_there(status)
        pair.org.misdeeds[place] = [led, lambda *_: None] if pair.turn % 2 else [led]
        pair.update(codes={0, 3, 4, 7, 8, 9})

    WAYS[f"{place} {status}"] = redirected


for _place in PLACES:
    for _status in REDIRECTS:
        _redirect(_place, _status)


@_way
def _headers(pair: Pair) -> None:
    """Good answers whose headers and links lead away."""
    pair.org.rule |= {"selfUri": f"{pair.second.url}/api/v2/rule", "uri": pair.second.url}
    for place in PLACES:
        pair.org.misdeeds[place] = [pair.leads_there(200)]
    pair.update(codes={0})
    pair.run("show", RULE_ID, codes={0})
    pair.run("auth", "status", codes={0})


@_way
def _pages(pair: Pair) -> None:
    """Lists whose next page is elsewhere."""
    next_uri = pair.there(_NEXT, "/api/v2/processautomation/triggers?after=1")
    pair.org.misdeeds["other"] = [lambda *_: reply(200, {"entities": [], "nextUri": next_uri})]
    pair.run("list", "--kind", "trigger", codes={7})
    file = pair.world.ebrule.file("trigger.json", json.dumps({"id": RULE_ID, **trigger_wanted(pair.world)}))
    pair.run("validate", file, "--online", codes={3, 7})


@_way
def _renewed_token(pair: Pair) -> None:
    """A token that is refused, so that another one is fetched, and then led away with that."""
    pair.org.misdeeds["get"] = [refuses(401), pair.leads_there(307)]
    pair.run("show", RULE_ID, codes={4, 7})


@_way
def _login(pair: Pair) -> None:
    """A login URL of its own, whose host redirects."""
    login = EchoingOrg({}, pair.org.token)
    login.misdeeds["token"] = [pair.leads_there(REDIRECTS[pair.turn % len(REDIRECTS)])]
    with login.serving():
        pair.update("--login-url", login.url, codes={0, 7})


@_way
def _webhook(pair: Pair) -> None:
    """A webhook that is the second server: it gets the event and its signature, and nothing else."""
    pair.world.ebrule.environ["EBRULE_WEBHOOK_URL"] = f"{pair.second.url}/events"
    pair.update(codes={0})
    pair.run("webhook", "send", "--rule-id", RULE_ID, codes={0})
    assert [{"webhook-signature"}] * 2 == [asked.headers.keys() & {"webhook-signature"} for asked in pair.second.asked]


@_way
def _collector(pair: Pair) -> None:
    """A collector of records that is the second server."""
    pair.world.ebrule.environ["EBRULE_AUDIT_OTLP"] = pair.second.url
    pair.update(codes={0})
    assert "log" in [asked.what for asked in pair.second.asked]


@_way
def _proxies_for_loopback(pair: Pair) -> None:
    """Proxies in the environment and as an option, which this machine's own addresses have no use for."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    pair.world.ebrule.environ |= dict.fromkeys((*names, *map(str.lower, names)), pair.second.url)
    pair.update(codes={0})
    pair.run("show", RULE_ID, "--proxy", pair.second.url, codes={0})


@_way
def _proxy(pair: Pair) -> None:
    """A proxy that sees where a request is to go, and that it lets through, refuses or redirects."""
    del pair.world.ebrule.environ["EBRULE_API_URL"]
    pair.world.ebrule.environ |= {"HTTPS_PROXY": pair.second.url, "NO_PROXY": ""}
    statuses = (200, 407, *REDIRECTS)
    pair.second.misdeeds["proxy"] = [pair.leads_there(statuses[pair.turn % len(statuses)])]
    pair.update("--region", "eu-west-1", "--no-webhook", codes={4, 7})


def _bad_id(where: str) -> None:
    def bad_id(pair: Pair) -> None:
        """An id that looks like a URL or a path."""
        wrong = pair.there(_IDS)
        if where == "option":
            pair.run("show", wrong, codes={2})
            pair.run("update", "--rule-id", wrong, "--set", "priority=3", codes={2})
        elif where == "file":
            pair.update(codes={3}, id=wrong)
        elif where == "target":
            pair.update(codes={3}, targets=[{"id": wrong}])
        elif where == "flow":
            pair.org.rule = trigger_there(pair.world)
            fields = {**trigger_wanted(pair.world), "target": {"type": "Workflow", "id": wrong}}
            file = pair.world.ebrule.file("trigger.json", json.dumps({"id": RULE_ID, **fields}))
            pair.run("update", "--file", file, codes={3})
        else:
            pair.org.rule |= {"targets": [{"id": wrong}], "id": RULE_ID if where == "target there" else wrong}
            pair.run("update", "--rule-id", RULE_ID, "--set", "priority=3", codes={0, 3, 7})

    WAYS[f"id in {where}"] = bad_id


for _where in ("option", "file", "target", "flow", "target there", "rule there"):
    _bad_id(_where)


# --- counting ---------------------------------------------------------------------------------------------------


@dataclass
class Guarded:
    """What was counted: runs, requests with credentials at the configured org, and requests at the second server.

    ``found`` has each credential that came there, in words, and ``wrong`` each run that ended as it should not.
    """

    runs: int = 0
    sent: int = 0
    strayed: int = 0
    found: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def lead_astray(
    seed: int,
    ways: Sequence[str],
    *,
    rounds: int = 1,
    options: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Guarded:
    """Lead users with secrets astray in each of these ways; ``options`` and ``environ`` are given to each command."""
    guarded, turns = Guarded(), [(turn, name) for turn in range(rounds) for name in ways]
    for number, (turn, name) in enumerate(turns):
        tally = Tally()
        with tempfile.TemporaryDirectory(prefix="ebrule-astray-") as folder:
            # Each has another shape of secrets, and other credentials.
            world = World(Path(folder), seed + number, tally, name)
            second = EchoingOrg(world.org.rule, "a token of its own")
            with world.org.serving(), second.serving():
                world.equip()
                world.ebrule.environ |= environ
                pair = Pair(world, second, turn, options)
                WAYS[name](pair)
        guarded.runs += tally.runs
        guarded.sent += pair.sent
        guarded.strayed += len(second.asked)
        guarded.wrong += tally.hits
        for asked in second.asked:
            where = f"{asked.method} {asked.path}, {name} {world.seed}"
            guarded.found += [f"{each} in {where}" for each in credentials_in(asked, world.cage)]
    return guarded
