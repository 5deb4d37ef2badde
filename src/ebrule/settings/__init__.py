"""Options, environment, profiles and defaults, resolved into one frozen object.

Precedence: option, then a profile that an option names, then environment, then the default profile, which
``EBRULE_PROFILE`` may name. Of a profile that an option names, where and who are one: nothing that the environment says
of an org is looked at beside it. A secret is never an option.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import SecretStr

from ebrule.errors import UsageError
from ebrule.rules.registry import KINDS
from ebrule.settings.configured import configured_kinds
from ebrule.settings.folders import audit_log_of, known_audit_log, known_state_dir, required, state_dir_of
from ebrule.settings.hosts import SANDBOX, checked_url
from ebrule.settings.options import DEFAULT_DEADLINE, EventFormat, Options
from ebrule.settings.org import Org, chosen_profile, find_org, no_org, org_warnings, wants_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrule.errors import AccessError
    from ebrule.rules.kind import Kind

__all__ = [
    "DEFAULT_DEADLINE",
    "EventFormat",
    "Network",
    "Options",
    "Org",
    "Settings",
    "audit_log_of",
    "checked_deadline",
    "load_settings",
    "state_dir_of",
    "wants_sandbox",
]


class Network(NamedTuple):
    """How to reach hosts: a file of certificates to trust, and a proxy; None means as the environment says.

    ``transport`` is what carries the requests to the org: ``httpx``, or ``sdk``, the official SDK's own client.
    """

    ca_file: str | None = None
    proxy: str | None = None
    transport: Literal["httpx", "sdk"] = "httpx"


class Settings(NamedTuple):
    """Everything that a run is told from outside.

    ``deadline`` is in seconds, for the whole run. ``missing`` says why there is no ``org``, where there is none.
    ``warnings`` are what a user should know of where the settings come from. ``kinds`` are the kinds of rules by name,
    as the configuration file has them. ``known_state_dir`` and ``known_audit_log`` are None where nothing says where
    they are. ``redaction_key`` is the key of the digests that stand for secrets; without one, it is kept in
    ``state_dir``.
    """

    org: Org | None
    missing: AccessError | None
    known_state_dir: Path | None
    known_audit_log: Path | None
    network: Network = Network()
    deadline: float = DEFAULT_DEADLINE
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    webhook_format: EventFormat = "genesys"
    audit_otlp: str | None = None
    audit_otlp_required: bool = False
    warnings: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = KINDS
    redaction_key: SecretStr | None = None

    @property
    def secrets(self) -> frozenset[str]:
        """What of the settings must never be shown, wherever it comes up again."""
        org = self.org
        held = (org and org.client_secret, org and org.access_token, self.webhook_secret, self.redaction_key)
        return frozenset(each.get_secret_value() for each in held if each)

    @property
    def state_dir(self) -> Path:
        """The folder of what ebrule keeps; raises :class:`UsageError`, which names the variable to set, for none."""
        return required(self.known_state_dir)

    @property
    def audit_log(self) -> Path:
        """The ledger; raises :class:`UsageError`, which names the variable to set, where there is no folder for it."""
        return required(self.known_audit_log)

    def require_org(self) -> Org:
        """Return the org; raises :class:`AccessError`, which names the variables to set, where there is none."""
        if self.org is None:
            raise self.missing or no_org()
        return self.org


def load_settings(options: Options, environ: Mapping[str, str], *, to_org: bool = True) -> Settings:
    """Resolve options, environment and profile.

    ``to_org`` False is for a run that talks to no org: what environment and profiles say of one is not looked at.

    Raises :class:`UsageError` for a setting that cannot be meant: an unknown region or profile, plain ``http`` to
    another machine, a deadline that is not above zero. Absent credentials raise only when they are asked for.
    """
    profile = chosen_profile(options, environ) if to_org else None
    org, missing = find_org(options, environ, profile) if to_org else (None, None)
    secret = environ.get("EBRULE_WEBHOOK_SECRET")
    if options.ca_file and not Path(options.ca_file).is_file():
        raise UsageError(f"{options.ca_file} is not a file", hint="--ca-file takes a PEM file.", code="bad-ca-file")
    return Settings(
        org=org,
        missing=missing,
        known_state_dir=known_state_dir(options, environ),
        known_audit_log=known_audit_log(options, environ),
        network=Network(options.ca_file, options.proxy, options.transport),
        deadline=checked_deadline(options.deadline),
        webhook_url=options.webhook_url or environ.get("EBRULE_WEBHOOK_URL") or None,
        webhook_secret=SecretStr(secret) if secret else None,
        webhook_format=options.webhook_format,
        audit_otlp=_collector(options, environ),
        audit_otlp_required=options.audit_otlp_required,
        warnings=tuple(org_warnings(options, environ, profile, org)),
        kinds=configured_kinds(environ, is_sandbox=org is not None and org.name == SANDBOX),
        redaction_key=_redaction_key(environ),
    )


LEAST_KEY = 32
"""The shortest key of the digests, in characters."""


def _redaction_key(environ: Mapping[str, str]) -> SecretStr | None:
    """Return the key of the digests that the environment gives; raises :class:`UsageError` for what is none."""
    key = environ.get("EBRULE_REDACTION_KEY")
    if not key:
        return None
    if len(key) < LEAST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(
            f"EBRULE_REDACTION_KEY is not a key: it needs {LEAST_KEY} or more printable ASCII characters and no space",
            hint="Make one with: openssl rand -hex 32",
            code="bad-redaction-key",
        )
    return SecretStr(key)


def _collector(options: Options, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the collector that gets a copy of each record, where there is to be one."""
    url = options.audit_otlp or environ.get("EBRULE_AUDIT_OTLP")
    if url:
        return checked_url(url, "--audit-otlp")
    if options.audit_otlp_required:
        raise UsageError(
            "--audit-otlp-required needs a collector",
            hint="Give --audit-otlp URL, or set EBRULE_AUDIT_OTLP.",
            code="no-collector",
        )
    return None


def checked_deadline(seconds: float) -> float:
    """Return the seconds that a run may take; raises :class:`UsageError` for what can be no such number."""
    if not 0 < seconds <= 86_400:  # noqa: PLR2004 - a day
        raise UsageError("the deadline must be above 0 and at most 86400 seconds", code="bad-deadline")
    return seconds
