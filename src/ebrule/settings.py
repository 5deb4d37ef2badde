"""Options, environment and defaults, resolved into one frozen object.

Precedence: option, then environment, then default. A secret is never an option.
"""

from __future__ import annotations

import difflib
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from ebrule.errors import AccessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_DEADLINE = 120.0

REGIONS = {
    "us-east-1": "mypurecloud.com",
    "us-east-2": "use2.us-gov-pure.cloud",
    "us-west-2": "usw2.pure.cloud",
    "ca-central-1": "cac1.pure.cloud",
    "mx-central-1": "mxc1.pure.cloud",
    "sa-east-1": "sae1.pure.cloud",
    "eu-west-1": "mypurecloud.ie",
    "eu-west-2": "euw2.pure.cloud",
    "eu-central-1": "mypurecloud.de",
    "eu-central-2": "euc2.pure.cloud",
    "eusc-de-east-1": "edee1.eusc-pure.cloud",
    "me-central-1": "mec1.pure.cloud",
    "ap-southeast-1": "apse1.pure.cloud",
    "ap-southeast-2": "mypurecloud.com.au",
    "ap-northeast-1": "mypurecloud.jp",
    "ap-northeast-2": "apne2.pure.cloud",
    "ap-northeast-3": "apne3.pure.cloud",
    "ap-south-1": "aps1.pure.cloud",
}
"""AWS region → domain (source: the Terraform provider's and the official SDK's tables)."""

SANDBOX = "sandbox"
"""The region of the built-in sandbox; whoever starts it passes its URL as well."""

NO_ORG = "no org to talk to"
NO_ORG_HINT = (
    "Set GENESYSCLOUD_REGION, GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET (the gc CLI's and "
    "Terraform's own variables), or try it on the built-in sandbox: --region sandbox"
)


@dataclass(frozen=True)
class Options:
    """What the command line or a library user sets; None leaves it to the environment."""

    region: str | None = None
    api_url: str | None = None
    login_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    ca_file: str | None = None
    proxy: str | None = None
    transport: Literal["httpx", "sdk"] = "httpx"
    deadline: float = DEFAULT_DEADLINE
    webhook_url: str | None = None
    audit_log: Path | None = None
    state_dir: Path | None = None


@dataclass(frozen=True)
class Network:
    """How to reach hosts: a file of certificates to trust, and a proxy; None means as the environment says.

    ``transport`` is what carries the requests to the org: ``httpx``, or ``sdk``, the official SDK's own client.
    """

    ca_file: str | None = None
    proxy: str | None = None
    transport: Literal["httpx", "sdk"] = "httpx"


@dataclass(frozen=True)
class Org:
    """One org and the credentials for it: either a client's id and secret, or an access token.

    ``name`` is the AWS region where it is known, however it was given, so that records of the same org agree.
    """

    name: str
    api_url: str
    login_url: str
    client_id: str | None = None
    client_secret: SecretStr | None = None
    access_token: SecretStr | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that a run is told from outside.

    ``deadline`` is in seconds, for the whole run. ``missing`` says why there is no ``org``, where there is none.
    """

    org: Org | None
    missing: AccessError | None
    state_dir: Path
    audit_log: Path
    network: Network = field(default_factory=Network)
    deadline: float = DEFAULT_DEADLINE
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None

    def require_org(self) -> Org:
        """Return the org; raises :class:`AccessError`, which names the variables to set, where there is none."""
        if self.org is None:
            raise self.missing or AccessError(NO_ORG, hint=NO_ORG_HINT, code="no-credentials")
        return self.org


def load_settings(options: Options, environ: Mapping[str, str]) -> Settings:
    """Resolve options and environment.

    Raises :class:`UsageError` for a setting that cannot be meant: an unknown region, plain ``http`` to another
    machine, a deadline that is not above zero. Absent credentials raise only when they are asked for.
    """
    if not 0 < options.deadline <= 86_400:  # noqa: PLR2004 - a day
        raise UsageError("the deadline must be above 0 and at most 86400 seconds", code="bad-deadline")
    org, missing = _org(options, environ)
    state_dir = options.state_dir or _state_dir(environ)
    audit_log = options.audit_log or _path(environ, "EBRULE_AUDIT_LOG") or state_dir / "audit.jsonl"
    secret = environ.get("EBRULE_WEBHOOK_SECRET")
    if options.ca_file and not Path(options.ca_file).is_file():
        raise UsageError(f"{options.ca_file} is not a file", hint="--ca-file takes a PEM file.", code="bad-ca-file")
    return Settings(
        org=org,
        missing=missing,
        state_dir=state_dir,
        audit_log=audit_log,
        network=Network(options.ca_file, options.proxy, options.transport),
        deadline=options.deadline,
        webhook_url=options.webhook_url or environ.get("EBRULE_WEBHOOK_URL") or None,
        webhook_secret=SecretStr(secret) if secret else None,
    )


def _org(options: Options, environ: Mapping[str, str]) -> tuple[Org | None, AccessError | None]:
    region = options.region or _first(environ, "GENESYSCLOUD_REGION", "GENESYS_ENVIRONMENT")
    # A region that was asked for by option names both hosts, whatever the environment says of them.
    urls = {} if options.region not in (None, SANDBOX) else environ
    api_url = options.api_url or urls.get("EBRULE_API_URL")
    login_url = options.login_url or urls.get("EBRULE_LOGIN_URL")
    if api_url:
        api_url = checked_url(api_url, "--api-url")
        login_url = checked_url(login_url, "--login-url") if login_url else api_url
    elif region:
        domain = domain_of(region)
        api_url = f"https://api.{domain}"
        login_url = checked_url(login_url, "--login-url") if login_url else f"https://login.{domain}"
    else:
        return None, AccessError(NO_ORG, hint=NO_ORG_HINT, code="no-credentials")

    client_id = options.client_id or _first(environ, "GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLIENT_ID")
    secret = options.client_secret
    if secret is None:
        text = _first(environ, "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLIENT_SECRET")
        secret = SecretStr(text.encode(errors="surrogateescape").decode(errors="replace")) if text else None
    token = environ.get("GENESYSCLOUD_ACCESS_TOKEN")
    name = _name_of(api_url, region)
    if token and not (options.client_id or options.client_secret):
        if not token.isascii() or not token.isprintable() or " " in token:
            return None, AccessError(
                f"no credentials for {name}: GENESYSCLOUD_ACCESS_TOKEN holds a character that no token has",
                hint="Look for a line break at its end.",
                code="no-credentials",
            )
        return Org(name, api_url, login_url, access_token=SecretStr(token)), None
    absent = [
        variable
        for variable, value in (
            ("GENESYSCLOUD_OAUTHCLIENT_ID", client_id),
            ("GENESYSCLOUD_OAUTHCLIENT_SECRET", secret),
        )
        if not value
    ]
    if absent:
        return None, AccessError(
            f"no credentials for {name}: {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set",
            hint=NO_ORG_HINT,
            code="no-credentials",
        )
    return Org(name, api_url, login_url, client_id=client_id, client_secret=secret), None


def domain_of(region: str) -> str:
    """Return the domain of an AWS region, or of a domain as people paste it (``api.mypurecloud.ie``).

    Raises :class:`UsageError`, with the nearest name, for a region that is not known.
    """
    name = region.strip().lower()
    if name in REGIONS:
        return REGIONS[name]
    for prefix in ("", "api.", "login.", "my.", "apps."):
        if name.startswith(prefix) and name[len(prefix) :] in REGIONS.values():
            return name[len(prefix) :]
    if name == SANDBOX:
        hint = "The command line starts it; elsewhere run `ebrule sandbox serve` and give its address as api_url."
        raise UsageError("the sandbox has no address of its own", hint=hint, code="unknown-region")
    near = difflib.get_close_matches(name, [*REGIONS, *REGIONS.values(), SANDBOX], n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"Regions: {', '.join(REGIONS)}; their domains; or sandbox."
    raise UsageError(f"{region!r} is no region", hint=hint, code="unknown-region")


def _name_of(api_url: str, region: str | None) -> str:
    host = urlsplit(api_url).netloc
    by_host = {f"api.{domain}": name for name, domain in REGIONS.items()}
    return by_host.get(host) or (SANDBOX if region == SANDBOX else host)


def checked_url(text: str, what: str) -> str:
    """Return ``text`` if it is an https URL, or an http one to a loopback address.

    Scheme and host come back in lower case, and without a trailing slash.

    Raises :class:`UsageError` otherwise; ``what`` names the setting. Userinfo, query and fragment are refused.
    """
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_right = urlsplit(""), False
    if parts.scheme not in ("https", "http") or not parts.hostname or not port_is_right:
        raise UsageError(f"{what} is no http or https URL", hint=f"{what} https://host", code="bad-url")
    if not text.isprintable() or " " in text:
        raise UsageError(f"{what} must have no space, line break or control character", code="bad-url")
    if parts.username is not None or "?" in text or "#" in text:
        raise UsageError(f"{what} must have no user, query or fragment", code="bad-url")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(
            f"{what}: plain http is for loopback addresses only; {parts.hostname} is another machine",
            hint="Use https.",
            code="plain-http",
        )
    return urlunsplit(parts._replace(netloc=parts.netloc.lower())).rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _state_dir(environ: Mapping[str, str]) -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415 - not needed where the folder is set

    return _path(environ, "EBRULE_STATE_DIR") or user_state_path("ebrule")


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    if not environ.get(name):
        return None
    try:
        return Path(environ[name]).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name} names a user that is not there", code="bad-path") from error


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
