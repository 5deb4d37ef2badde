"""The command line as a user meets it: arguments in, streams, exit code, files and requests out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from sandbox_process import SandboxProcess

HANG_GUARD_SECONDS = 60

EXAMPLE = Path(__file__).parents[1] / "examples" / "rule.yaml"


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass
class CommandLine:
    """Runs ``ebrule`` in processes of its own, against a sandbox, with a folder for its files.

    ``environ`` holds what the process sees of the environment, and nothing else of ours.
    """

    folder: Path
    sandbox: SandboxProcess | None = None
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with a state folder, and with the sandbox's address and credentials."""
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "EBRULE_STATE_DIR": str(self.state),
        }
        # Lets a coverage run see into the processes that it starts.
        self.environ |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        if self.sandbox is not None:
            client_id, secret = self.sandbox.credentials
            self.environ |= {
                "EBRULE_API_URL": self.sandbox.url,
                "GENESYSCLOUD_OAUTHCLIENT_ID": client_id,
                "GENESYSCLOUD_OAUTHCLIENT_SECRET": secret,
            }

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def ledger(self) -> Path:
        """The ledger."""
        return self.state / "audit.jsonl"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command and return at once."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "ebrule", *arguments],
            cwd=self.folder,
            env=self.environ,
            **{**dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE), "text": True, **options},
        )

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        """Run a command to its end."""
        with self.start(*arguments) as process:
            out, err = process.communicate(stdin, timeout=HANG_GUARD_SECONDS)
        return Ran(process.returncode, out, err)

    def on_a_terminal(self, *arguments: str, columns: int) -> Ran:
        """Run a command to its end whose standard error is a terminal of so many columns, which nobody reads."""
        self.environ["COLUMNS"] = str(columns)
        ours, theirs = os.openpty()
        with os.fdopen(ours), os.fdopen(theirs), self.start(*arguments, stderr=theirs) as process:
            out, _ = process.communicate(timeout=HANG_GUARD_SECONDS)
        return Ran(process.returncode, out, "")

    def rule(self, name: str = "rule.yaml", **changes: Any) -> str:
        """Write the example rule with some fields changed (None leaves one out), and return its file's name."""
        fields = {**yaml.safe_load(EXAMPLE.read_text()), **changes}
        return self.file(name, yaml.safe_dump({key: value for key, value in fields.items() if value is not None}))

    def file(self, name: str, text: str) -> str:
        """Write a file and return its name."""
        (self.folder / name).write_text(text)
        return name

    def records(self) -> list[dict[str, Any]]:
        """Return the ledger's records."""
        return [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []
