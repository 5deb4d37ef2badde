"""Options, environment, profiles and defaults, resolved into one frozen object.

Precedence: option, then a profile that an option names, then environment, then the default profile, which
``EBRULE_PROFILE`` may name. Of a profile that an option names, where and who are one: nothing that the environment says
of an org is looked at beside it. A secret is never an option. Where an org is and who asks are each taken as a whole
from the first that says any of it: an id never meets the secret of another client. Only a secret that is given by
itself, from a file, goes with the first id that is found.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from ebrule.errors import AccessError, UsageError
from ebrule.rules.registry import KINDS
from ebrule.settings.configured import configured_kinds
from ebrule.settings.credentials import check_credential
from ebrule.settings.folders import audit_log_of, known_audit_log, known_state_dir, required, state_dir_of
from ebrule.settings.hosts import REGIONS, SANDBOX, checked_url, domain_of, is_loopback, is_sandbox
from ebrule.settings.profiles import Profile, find_profile

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

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

DEFAULT_DEADLINE = 120.0

NO_ORG = "no org to talk to"

EventFormat = Literal["genesys", "cloudevents"]
"""How an event is laid out: as Genesys Cloud's own events are, or as a CloudEvents 1.0 event."""


class Options(NamedTuple):
    """What the command line or a library user sets; None leaves it to the environment and the profile."""

    region: str | None = None
    profile: str | None = None
    api_url: str | None = None
    login_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    ca_file: str | None = None
    proxy: str | None = None
    transport: Literal["httpx", "sdk"] = "httpx"
    deadline: float = DEFAULT_DEADLINE
    webhook_url: str | None = None
    webhook_format: EventFormat = "genesys"
    audit_log: str | os.PathLike[str] | None = None
    audit_otlp: str | None = None
    audit_otlp_required: bool = False
    state_dir: str | os.PathLike[str] | None = None


class Network(NamedTuple):
    """How to reach hosts: a file of certificates to trust, and a proxy; None means as the environment says.

    ``transport`` is what carries the requests to the org: ``httpx``, or ``sdk``, the official SDK's own client.
    """

    ca_file: str | None = None
    proxy: str | None = None
    transport: Literal["httpx", "sdk"] = "httpx"


class Org(NamedTuple):
    """One org and the credentials for it: either a client's id and secret, or an access token.

    ``name`` is the AWS region where it is known, however it was given, so that records of the same org agree.
    ``credentials`` says in words where they come from. ``profile`` is the profile that says any of it, if one does.
    """

    name: str
    api_url: str
    login_url: str
    client_id: str | None = None
    client_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    credentials: str = "the client's id and secret"
    profile: str | None = None

    @property
    def title(self) -> str:
        """What a user calls it: the region, and the profile where one was used."""
        return f"{self.name}, profile {self.profile}" if self.profile else self.name


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
            raise self.missing or AccessError(
                NO_ORG, hint=_what_to_set(_REGION[0], _ID[0], _SECRET[0]), code="no-credentials"
            )
        return self.org


def load_settings(options: Options, environ: Mapping[str, str], *, to_org: bool = True) -> Settings:
    """Resolve options, environment and profile.

    ``to_org`` False is for a run that talks to no org: what environment and profiles say of one is not looked at.

    Raises :class:`UsageError` for a setting that cannot be meant: an unknown region or profile, plain ``http`` to
    another machine, a deadline that is not above zero. Absent credentials raise only when they are asked for.
    """
    profile = _profile(options, environ) if to_org else None
    org, missing = _org(options, environ, profile) if to_org else (None, None)
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
        warnings=tuple(_warnings(options, environ, profile, org)),
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


def wants_sandbox(options: Options, environ: Mapping[str, str]) -> bool:
    """Return whether the built-in sandbox is asked for; raises :class:`UsageError` as :func:`load_settings` does."""
    place = _place(options, _beside(options, environ), _profile(options, environ))
    # Beside a URL only the option says so: a region that a shell still has set does not hide where the URL leads.
    return is_sandbox(options.region) or (is_sandbox(place.region) and not place.api_url)


# --- where the org is, and who asks ---------------------------------------------------------------------------

_REGION = ("GENESYSCLOUD_REGION", "GENESYS_ENVIRONMENT")
_ID = ("GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLIENT_ID")
_SECRET = ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLIENT_SECRET")
_TOKEN = "GENESYSCLOUD_ACCESS_TOKEN"  # noqa: S105 - a variable's name


class _Place(NamedTuple):
    """Where an org is, as it was told, by a profile or otherwise: a URL goes before a region."""

    region: str | None
    api_url: str | None
    login_url: str | None
    profile: Profile | None = None

    @property
    def is_told(self) -> bool:
        return bool(self.region or self.api_url)


class _Credentials(NamedTuple):
    """Who asks, as it was told; ``source`` and ``names`` (of id and secret, as they were given) are for messages."""

    source: str
    client_id: str | None = None
    client_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    names: tuple[str, str] = (_ID[0], _SECRET[0])

    @property
    def absent(self) -> list[str]:
        """What lacks, as its source calls it."""
        return self._lacking(self.names)

    @property
    def to_set(self) -> list[str]:
        """The variables that would make up for what lacks."""
        return self._lacking((_ID[0], _SECRET[0]))

    def check(self) -> None:
        """Raise :class:`UsageError` for what no org can have given out, naming where it comes from."""
        if self.access_token:
            check_credential(self.access_token.get_secret_value(), self.source, is_token=True)
        secret = self.client_secret.get_secret_value() if self.client_secret else None
        for name, value in zip(self.names, (self.client_id, secret), strict=True):
            if value:
                check_credential(value, name)

    def _lacking(self, names: tuple[str, str]) -> list[str]:
        if self.access_token:
            return []
        pairs = zip(names, (self.client_id, self.client_secret), strict=True)
        return [name for name, value in pairs if not value]


def _beside(options: Options, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return what may say which org is meant beside the options: nothing of the environment, if they name a profile."""
    return {} if options.profile else environ


def _profile(options: Options, environ: Mapping[str, str]) -> Profile | None:
    """Return the profile that is named; the default one only where it is needed."""
    name = options.profile or environ.get("EBRULE_PROFILE") or None
    if name is None and _place(options, environ, None).is_told and not _credentials(options, environ, None).absent:
        return None
    return find_profile(name, environ)


def _place(options: Options, environ: Mapping[str, str], profile: Profile | None) -> _Place:
    # What was asked for by option names both hosts, whatever the environment says of them.
    urls = {} if options.api_url or (options.region and not is_sandbox(options.region)) else environ
    place = _Place(
        options.region or _first(environ, *_REGION),
        options.api_url or urls.get("EBRULE_API_URL"),
        options.login_url or urls.get("EBRULE_LOGIN_URL"),
    )
    if profile is None or place.is_told:
        return place
    return _Place(profile.region, profile.api_url, place.login_url or profile.login_url, profile)


def _credentials(options: Options, environ: Mapping[str, str], profile: Profile | None) -> _Credentials:
    names = _set_one(environ, _ID), _set_one(environ, _SECRET)
    client_id, text = (_text(environ.get(name)) for name in names)
    secret, token = SecretStr(text) if text else None, environ.get(_TOKEN)
    if options.client_id or options.client_secret:
        names = "client_id" if options.client_id else names[0], "client_secret" if options.client_secret else names[1]
        client_id = options.client_id or client_id or (profile.client_id if profile else None)
        return _Credentials("the client's id and secret", client_id, options.client_secret or secret, names=names)
    if token:
        return _Credentials(_TOKEN, access_token=SecretStr(token))
    if client_id or secret or profile is None:
        return _Credentials(f"{_ID[0]} and {_SECRET[0]}", client_id, secret, names=names)
    if profile.access_token:
        return _Credentials(f"the access_token of {profile}", access_token=profile.access_token)
    names = ("client_id", "client_secret")
    return _Credentials(str(profile), profile.client_id, profile.client_secret, names=names)


def _text(value: str | None) -> str | None:
    """Return a variable's value with a replacement character for each byte that is no text."""
    return value and value.encode(errors="surrogateescape").decode(errors="replace")


def _urls(place: _Place) -> tuple[str, str]:
    """Return the URLs of API and login host."""
    login_url = checked_url(place.login_url, "--login-url") if place.login_url else None
    if place.api_url:
        api_url = checked_url(place.api_url, "--api-url")
        return api_url, login_url or api_url
    domain = domain_of(place.region or "")
    return f"https://api.{domain}", login_url or f"https://login.{domain}"


def _org(
    options: Options, environ: Mapping[str, str], profile: Profile | None
) -> tuple[Org | None, AccessError | None]:
    beside = _beside(options, environ)
    place, who = _place(options, beside, profile), _credentials(options, beside, profile)
    if not place.is_told:
        lacking = f"{profile} has no region" if profile else f"{_REGION[0]} is not set"
        why = f"{NO_ORG}: {lacking}" if profile or not who.absent else NO_ORG
        hint = _OF_THE_PROFILE if options.profile else _what_to_set(_REGION[0], *who.to_set)
        return None, AccessError(why, hint=hint, code="no-credentials")
    try:
        api_url, login_url = _urls(place)
    except UsageError as error:
        error.message = f"{place.profile}: {error.message}" if place.profile else error.message
        raise

    name = _name_of(api_url, options.region)
    who.check()
    reason, hint = None, ""
    if who.absent and profile and who.source == str(profile):
        reason = f"{profile} has no {' and no '.join(who.absent)}"
        hint = "A profile needs client_id and client_secret, or an access_token; a login in a browser will not do."
        if options.profile and not _credentials(Options(), environ, None).absent:
            hint += f"\n{_OF_THE_PROFILE}"
    elif who.absent:
        reason = f"{' and '.join(who.absent)} {'is' if len(who.absent) == 1 else 'are'} not set"
        hint = _what_to_set(*who.to_set)
    if reason:
        return None, AccessError(f"no credentials for {name}: {reason}", hint=hint, code="no-credentials")
    used = profile.name if profile and (options.profile or place.profile or str(profile) in who.source) else None
    return Org(name, api_url, login_url, who.client_id, who.client_secret, who.access_token, who.source, used), None


_OF_THE_PROFILE = (
    "With --profile, the environment's region and credentials are not used: add them to the profile, "
    "or leave out --profile."
)


def _what_to_set(*variables: str) -> str:
    *others, last = variables
    listed = f"{', '.join(others)} and {last}" if others else last
    return (
        f"Set {listed}\n(the gc CLI's and Terraform's own variable{'s' if others else ''}), "
        "choose a profile (--profile NAME),\nor try it on the built-in sandbox: --region sandbox"
    )


def _warnings(options: Options, environ: Mapping[str, str], profile: Profile | None, org: Org | None) -> Iterator[str]:
    """Tell what of environment and profile is not what it looks like."""
    is_told_twice = is_sandbox(_first(environ, *_REGION)) and not (options.region or options.api_url or options.profile)
    if org is not None and is_told_twice and not is_loopback(urlsplit(org.api_url).hostname or ""):
        yield f"EBRULE_API_URL of the environment goes before its region {SANDBOX}: this is {org.name}"
    if profile is None:
        return
    if profile.is_exposed and (profile.client_secret or profile.access_token):
        yield f"{profile.source} holds secrets, and others can read it. Mend that with: chmod 600 {profile.source}"
    if options.profile or not environ.get("EBRULE_PROFILE"):
        return
    variables: list[str] = []
    if not (options.region or options.api_url) and (profile.region or profile.api_url):
        variables += ("EBRULE_API_URL", *_REGION)
    if not (options.client_id or options.client_secret) and (profile.client_id or profile.access_token):
        variables += (_TOKEN, *_ID, *_SECRET)
    winning = [name for name in variables if environ.get(name)]
    if winning:
        go = "goes" if len(winning) == 1 else "go"
        yield f"{' and '.join(winning)} of the environment {go} before what profile {profile.name} says"


def _name_of(api_url: str, region: str | None) -> str:
    host = urlsplit(api_url).netloc
    by_host = {f"api.{domain}": name for name, domain in REGIONS.items()}
    return by_host.get(host) or (SANDBOX if is_sandbox(region) else host)


def _set_one(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the first of these variables that is set; the first of all where none is."""
    return next((name for name in names if environ.get(name)), names[0])


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
