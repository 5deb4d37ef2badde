"""Promise 11, secrets appear nowhere: canaries, and a user who has one in every place of a secret.

Every place of a secret gets a text that stands nowhere else, a canary. The real command line runs against an org that
shows all that it is sent; then each piece of each canary is looked for in everything that came out: both streams,
ledger, state folder, temporary files, what the receiver and the org got beside what they must, every command line of
the machine while the run goes on.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from command_line import CommandLine, Ran
from reliability.echoing_org import RULE_ID, EchoingOrg

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliability.echoing_org import Asked

SDK_IS_HERE: Final = find_spec("PureCloudPlatformClientV2") is not None

_LETTERS: Final = "ghjkmnpqrstvwxyzGHJKMNPQRSTVWXYZ"
"""No vowels and few hexadecimal digits: no word and no digest looks like a canary."""

_PIECE: Final = 7
"""So many letters of a canary in a row are a hit."""

SHAPES: Final[dict[str, Callable[[str, str], str]]] = {
    "plain": lambda a, b: a + b,
    "quotes": lambda a, b: f"{a}\"'\\{b}",
    "lines": lambda a, b: f"{a}\n\t{b}\r\n",
    "unicode": lambda a, b: f"{a}ß€😀\u202e{b}",
    "url": lambda a, b: f"{a} /?&=%41+#@:{b}",
    "long": lambda a, b: (a + b) * 12,
    "short": lambda a, _: f"{a[0]}~^{a[1]}{a[2]}^~{a[3]}",
}
"""What a canary looks like, around two random words. The short one is as short as a secret can be that is looked for
away from its place."""

_ON_ONE_LINE: Final = ("plain", "quotes", "url", "long")


class Cage:
    """Makes canaries and finds them again."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._pieces: dict[str, str] = {}

    def word(self, letters: int = 16) -> str:
        """Return a random word."""
        return "".join(self._chance.choice(_LETTERS) for _ in range(letters))

    def canary(self, place: str, shape: str = "plain") -> str:
        """Return a new canary for a place."""
        first, second = self.word(), self.word()
        canary = SHAPES[shape](first, second)
        if shape == "short":
            spelled = (canary, quote(canary, safe=""), base64.b64encode(canary.encode()).decode().rstrip("="))
            self._pieces |= dict.fromkeys(spelled, place)
        for word in (first, second) if shape != "short" else ():
            self._pieces |= {word[at : at + _PIECE]: place for at in range(len(word) - _PIECE + 1)}
        return canary

    def signing_secret(self) -> str:
        """Return a webhook's secret: 24 bytes in base64."""
        return f"whsec_{self.canary('webhook secret')}"

    def encoded(self, text: str, place: str) -> None:
        """Look also for a text in base64."""
        told = base64.b64encode(text.encode()).decode().rstrip("=")
        self._pieces |= {told[at : at + 10]: place for at in range(8, len(told) - 10)}

    def found_in(self, text: str) -> set[str]:
        """Return the places whose canaries a text shows a piece of."""
        return {place for piece, place in self._pieces.items() if piece in text}


@dataclass
class Tally:
    """What was counted: runs by exit code, texts that were searched, and every hit in words."""

    codes: Counter[int] = field(default_factory=Counter)
    scenarios: Counter[str] = field(default_factory=Counter)
    searched: int = 0
    hits: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many commands were run."""
        return self.codes.total()


class World:
    """One org, one user with secrets in every place, and what came out of the commands that he ran."""

    def __init__(self, folder: Path, seed: int, tally: Tally, name: str) -> None:
        self.folder = folder
        self.seed = seed
        self.tally = tally
        self.name = name
        self.chance = random.Random(seed)  # noqa: S311 - repeatable by intent
        self.cage = Cage(self.chance)
        self.shape = shape = list(SHAPES)[seed % len(SHAPES)]
        one_line = _ON_ONE_LINE[seed % len(_ON_ONE_LINE)]
        self.known = {place: self.cage.canary(place, shape) for place in ("PLAIN", "INSIDE", "CONDITION", "IN_SET")}
        self.known |= {
            place: self.cage.canary(place, one_line) for place in ("HEADER", "SET_HEADER", "IN_URL", "TARGET")
        }
        self.client_secret = self.cage.canary("client secret", one_line)
        self.cage.encoded(f"sandbox:{self.client_secret}", "client secret in base64")
        self.org = EchoingOrg(self._rule(), self.cage.canary("access token"))
        self.org.turn = seed
        self.ebrule = CommandLine(folder)
        self.inputs: set[Path] = set()
        self.stdin = ""
        (folder / "tmp").mkdir()

    def _rule(self) -> dict[str, Any]:
        key, token = self.cage.canary("the org's own header"), self.cage.canary("the org's own URL")
        return {
            "id": RULE_ID,
            "name": "Demo",
            "description": "What it is for",
            "status": "enabled",
            "priority": 10,
            "conditions": [{"field": "eventType", "operator": "equals", "value": "call"}],
            "targets": [
                {
                    "id": "target-uuid-12345",
                    "type": "webhook",
                    "url": f"https://user:{token}@one.example.com/in?token={token}&x=1",
                    "headers": {"X-Api-Key": key, "X-Source": "demo"},
                }
            ],
            "owner": {"password": key},
            "version": 7,
        }

    def equip(self) -> None:
        """Give the user the environment and the files that he has; where his credentials are changes with the seed."""
        environ = self.ebrule.environ
        url_key, capability = self.cage.canary("webhook URL"), self.cage.canary("webhook path")
        proxy = self.cage.canary("proxy password")
        environ |= {
            **self.known,
            "TMPDIR": str(self.folder / "tmp"),
            "EBRULE_API_URL": self.org.url,
            "EBRULE_WEBHOOK_URL": f"{self.org.url}/events/{capability}?key={url_key}&sig={url_key}",
            "EBRULE_WEBHOOK_SECRET": self.cage.signing_secret(),
            "HTTPS_PROXY": f"http://user:{proxy}@{self.org.url.removeprefix('http://')}",
            "NO_PROXY": "",
        }
        self.cage.encoded(f"user:{proxy}", "proxy password in base64")
        if self.seed % 2:
            environ["EBRULE_REDACTION_KEY"] = self.cage.canary("redaction key")
        getattr(self, f"_by_{CREDENTIALS[self.seed // len(SHAPES) % len(CREDENTIALS)]}")(environ)
        self.org.on_request = self._look_around

    def _by_environment(self, environ: dict[str, str]) -> None:
        environ |= {"GENESYSCLOUD_OAUTHCLIENT_ID": "sandbox", "GENESYSCLOUD_OAUTHCLIENT_SECRET": self.client_secret}

    def _by_profile(self, environ: dict[str, str]) -> None:
        config = self.input(
            "config.toml", f'[night]\nclient_id = "sandbox"\nclient_secret = {json.dumps(self.client_secret)}\n'
        )
        environ |= {"EBRULE_CONFIG": str(config), "EBRULE_PROFILE": "night"}

    def _by_file(self, environ: dict[str, str]) -> None:
        environ |= {"GENESYSCLOUD_OAUTHCLIENT_ID": "sandbox"}
        self.input("secret.txt", self.client_secret)

    def _by_stdin(self, environ: dict[str, str]) -> None:
        environ |= {"GENESYSCLOUD_OAUTHCLIENT_ID": "sandbox"}
        self.stdin = self.client_secret

    def _by_token(self, environ: dict[str, str]) -> None:
        environ |= {"GENESYSCLOUD_ACCESS_TOKEN": self.org.token}

    @property
    def credentials(self) -> list[str]:
        """The options that say where the secret is."""
        if self.stdin:
            return ["--client-secret-file", "-"]
        return ["--client-secret-file", "secret.txt"] if (self.folder / "secret.txt").exists() else []

    @property
    def output(self) -> list[str]:
        """The options for how to print, which change with the seed."""
        return ["--output", "json"] if self.seed % 3 == 0 else []

    def input(self, name: str, text: str) -> Path:
        """Write a file that may hold secrets, and is not searched."""
        path = self.folder / name
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        self.inputs.add(path)
        return path

    def file(self, **changes: Any) -> str:
        """Write a rule file with a secret in every field that takes text; return its name."""
        rule = {
            "id": RULE_ID,
            "name": "Rule ${env:INSIDE} of ours",
            "description": "${env:PLAIN}",
            "status": "enabled",
            "priority": 50,
            "conditions": [{"field": "attributes.secret", "operator": "equals", "value": "${env:CONDITION}"}],
            "targets": [
                {
                    "id": "target-uuid-12345",
                    "type": "webhook",
                    "url": "https://u:${env:IN_URL}@two.example.com/${env:IN_URL}?code=${env:IN_URL}",
                    "headers": {"Authorization": "Bearer ${env:HEADER}", "X-Plain": "${env:HEADER}"},
                }
            ],
            **changes,
        }
        return self.ebrule.file("rule.json", json.dumps(rule))

    # --- running --------------------------------------------------------------------------------------------

    def run(self, *arguments: str, codes: set[int], to_org: bool = True, stdin: str | None = None) -> Ran:
        """Run a command, search everything that came of it, and hold its exit code against those that it may have."""
        given = [*arguments, *(self.credentials if to_org and stdin is None else ())]
        given += ["--verbose"] * (to_org and self.seed % 2)
        ran = self.ebrule(*given, stdin=self.stdin if stdin is None else stdin)
        self._ended(ran, " ".join(arguments), codes)
        return ran

    def killed(self, *arguments: str) -> None:
        """Run a command that is killed while its PUT is out."""

        def kill(_: EchoingOrg, __: Any) -> None:
            process.send_signal(signal.SIGKILL)

        self.org.misdeeds["put"] = [kill]
        process = self.ebrule.start(*arguments, *self.credentials)
        with process:
            out, err = process.communicate(self.stdin, timeout=60)
        self._ended(Ran(process.returncode, out, err), " ".join(arguments), {-signal.SIGKILL})

    def _ended(self, ran: Ran, what: str, codes: set[int]) -> None:
        self.tally.codes[ran.code] += 1
        if ran.code not in codes:
            self.tally.hits.append(f"{self.name} {self.seed}: {what} ended with {ran.code}, not {codes}: {ran.err}")
        self._search(ran.out, f"standard output of {what}")
        self._search(ran.err, f"standard error of {what}")
        self._search_files(what)
        for asked in self.org.asked:
            must = {"authorization"} if asked.what in ("get", "put", "trial", "other", "token", "log") else set()
            must |= {"proxy-authorization"} if asked.what == "proxy" else set()
            shown = {name: value for name, value in asked.headers.items() if name not in must}
            where = "" if asked.what == "event" else asked.path
            self._search(f"{where} {shown}", f"the request {asked.what} of {what}")
            if asked.what in ("event", "log", "trial"):
                self._search(asked.body.decode(errors="replace"), f"the {asked.what} of {what}")
        self.org.asked.clear()

    def expect(self, what: str, *, holds: bool) -> None:
        """Count it as a hit where something is not as it must be."""
        if not holds:
            self.tally.hits.append(f"{self.name} {self.seed}: {what}")

    def _search(self, text: str, where: str) -> None:
        self.tally.searched += 1
        for place in sorted(self.cage.found_in(text)):
            self.tally.hits.append(f"{self.name} {self.seed}: {place} in {where}")

    def _search_files(self, what: str) -> None:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path not in self.inputs:
                self._search(path.read_text("utf-8", "replace"), f"{path.relative_to(self.folder)} after {what}")

    def _look_around(self, _: Asked) -> None:
        """Search what can be seen while the run waits for an answer: the state, and every process's command line."""
        self._search_files("a request")
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has just ended
                self._search(path.read_text("utf-8", "replace"), str(path))


CREDENTIALS: Final = ("environment", "profile", "file", "stdin", "token")
