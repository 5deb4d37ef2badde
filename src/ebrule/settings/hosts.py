"""Which hosts an org has: AWS regions and their domains, and the URLs that may be talked to."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from ebrule.errors import UsageError
from ebrule.spelling import nearest

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


def is_sandbox(region: str | None) -> bool:
    """Return whether a region is the built-in sandbox, spelled as loosely as any other may be."""
    return region is not None and region.strip().lower() == SANDBOX


def domain_of(region: str) -> str:
    """Return the domain of an AWS region, or of what people paste: ``api.mypurecloud.ie``, the address of the web app.

    Raises :class:`UsageError`, with the nearest name, for a region that is not known.
    """
    name = _host_in(region.strip().lower())
    if name.replace("_", "-") in REGIONS:  # the gc CLI spells some of them so
        return REGIONS[name.replace("_", "-")]
    for prefix in ("", "api.", "login.", "my.", "apps."):
        if name.startswith(prefix) and name[len(prefix) :] in REGIONS.values():
            return name[len(prefix) :]
    if name == SANDBOX:
        hint = "The command line starts it; elsewhere run `ebrule sandbox serve` and give its address as api_url."
        raise UsageError("the sandbox has no address of its own", hint=hint, code="unknown-region")
    near = nearest(name, [*REGIONS, *REGIONS.values(), SANDBOX])
    hint = f'Did you mean "{near}"?' if near else f"Regions: {', '.join(REGIONS)}; their domains; or sandbox."
    raise UsageError(f"{region!r} is no region", hint=hint, code="unknown-region")


def _host_in(text: str) -> str:
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""


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
