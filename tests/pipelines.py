"""Whole runs against an org in memory, with a ledger on the disk: updates, rollbacks, and what resolves them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import SecretStr

from command_line import EXAMPLE
from ebrule import EbruleError, Pace, UpdateOptions, UpdateResult, update_rule
from ebrule.pipeline.resolve import Finding, resolve, resolve_as
from ebrule.pipeline.rollback import rollback_rule
from ebrule.settings import Org, Settings
from fake_org import API, CLIENT_ID, LOGIN, RULE_ID, FakeOrg, demo_rule

if TYPE_CHECKING:
    from pathlib import Path

    from ebrule.core.notices import Notice


class Pipeline:
    """One org in memory, a folder for the files, and what the observer was told.

    Args:
        folder: for the rule file, the state and the ledger; several pipelines may share it.
        org: the org.
        webhook: whether changes are announced, to a receiver that is not there.
    """

    def __init__(self, folder: Path, org: FakeOrg, *, webhook: bool = False) -> None:
        self.folder = folder
        self.org = org
        self.told: list[Notice] = []
        credentials = Org("test", API, LOGIN, client_id=CLIENT_ID, client_secret=SecretStr("client-secret-canary"))
        self.settings = Settings(
            credentials,
            None,
            folder / "state",
            folder / "state" / "audit.jsonl",
            webhook_url="http://127.0.0.1:9/" if webhook else None,
        )

    def pace(self, deadline: float = 120.0) -> Pace:
        """Return the time of one more run, whose jitter is always half of the most."""
        pace = Pace(deadline, clock=self.org.clock, random=lambda: 0.5, observe=self.told.append)
        self.org.left = pace.left
        return pace

    def update(
        self, environ: dict[str, str] | None = None, /, *, options: UpdateOptions | None = None, **fields: Any
    ) -> UpdateResult:
        """Update the rule to what a file with these fields says."""
        content = {name: value for name, value in demo_rule().items() if name in yaml.safe_load(EXAMPLE.read_text())}
        (self.folder / "rule.yaml").write_text(yaml.safe_dump({**content, **fields}))
        return update_rule(
            self.settings,
            self.folder / "rule.yaml",
            options or UpdateOptions(check_targets=False),
            pace=self.pace(),
            environ={**os.environ, **(environ or {})},
            transport=self.org,
        )

    def outcome_of_update(self, **fields: Any) -> UpdateResult:
        """Update the rule, and return what is known, also where that failed."""
        try:
            return self.update(**fields)
        except EbruleError as error:
            result: UpdateResult = error.result
            return result

    def rollback(self, to_version: int | None = None) -> UpdateResult:
        """Roll the rule back."""
        options = UpdateOptions(rule_id=RULE_ID, check_targets=False)
        return rollback_rule(
            self.settings, options, to_version, pace=self.pace(), environ=dict(os.environ), transport=self.org
        )

    def resolve(self, *, again: bool = False, deadline: float = 1_000.0) -> list[Finding]:
        """Resolve what is open."""
        return resolve(self.settings, pace=self.pace(deadline), transport=self.org, again=again)

    def resolve_as(self, operation_id: str, state: Any, reason: str = "I looked") -> Finding:
        """Close an operation on a person's word."""
        return resolve_as(self.settings, operation_id, state, reason, pace=self.pace())

    @property
    def ledger(self) -> str:
        """The ledger's text."""
        return self.settings.audit_log.read_text()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The ledger's records."""
        return [json.loads(line) for line in self.ledger.splitlines()]

    @property
    def outcome(self) -> dict[str, Any]:
        """The last record."""
        return self.records[-1]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The announcements that the ledger holds, in their order."""
        return [record["event"] for record in self.records if record.get("event")]
