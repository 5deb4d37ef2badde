"""Which proxy a request goes through: that of an option, or the one that the environment names for its URL.

The variables are read as curl and httpx read them (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, in
either case), but here: httpx fails on what it cannot read in ``NO_PROXY``, also for requests that need no proxy.
"""

from __future__ import annotations

import ipaddress
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import getproxies, getproxies_environment, proxy_bypass

import httpx
from pydantic import SecretStr

from ebrule.errors import UsageError
from ebrule.settings.hosts import is_loopback

if TYPE_CHECKING:
    from ebrule.settings import Network

_SEPARATOR = re.compile(r"[\s,]+")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>[0-9]{1,5})", re.ASCII)


class Proxy(NamedTuple):
    """A proxy by its URL, which may hold a password, and what names it: an option or a variable."""

    url: SecretStr
    source: str

    @property
    def parsed(self) -> httpx.Proxy:
        """The proxy as httpx takes it, its user and password apart from its URL."""
        return httpx.Proxy(self.url.get_secret_value())

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS."""
        return self.parsed.url.scheme.startswith("socks")

    def require(self, package: str) -> None:
        """Raise :class:`UsageError` where it speaks SOCKS and ``package``, which does too, is not installed."""
        if self.is_socks and find_spec(package) is None:
            raise UsageError(
                f"{self.source} is a SOCKS proxy, and the package {package} is not installed",
                hint="Install it with: pip install 'ebrule[socks]'",
                code="no-socks",
            )


class Proxies:
    """The proxies of a network as they are set when this is made. Loopback is always reached without one."""

    def __init__(self, network: Network) -> None:
        """Read the environment, unless an option names a proxy for everything."""
        self._given = network.proxy
        self._found = getproxies()
        self._exceptions = [each for each in _SEPARATOR.split(self._found.get("no", "")) if each]
        self._by_system = not getproxies_environment()

    def of(self, url: str) -> Proxy | None:
        """Return the proxy that a request to ``url`` goes through.

        Raises:
            UsageError: there is one, and it cannot be used.
            httpx.InvalidURL: the request's own URL cannot be used.
        """
        target = httpx.URL(url)
        if is_loopback(target.host):
            return None
        if self._given is not None:
            return _proxy(self._given, "--proxy")
        name = next((name for name in (target.scheme, "all") if self._found.get(name)), None)
        if name is None or self._is_excepted(target):
            return None
        found = self._found[name]
        return _proxy(found if "://" in found else f"http://{found}", _variable(name))

    def _is_excepted(self, target: httpx.URL) -> bool:
        if any(_names(each, target) for each in self._exceptions):
            return True
        return self._by_system and bool(proxy_bypass(target.host))  # macOS has settings of its own


def _proxy(text: str, source: str) -> Proxy:
    proxy = Proxy(SecretStr(text), source)
    try:
        is_right = bool(proxy.parsed.url.host)
    except (ValueError, httpx.InvalidURL):
        is_right = False
    if not is_right:  # the URL may hold a password, and httpx's error shows it
        raise UsageError(
            f"invalid proxy URL in {source}",
            hint="Use http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT.",
            code="bad-proxy",
        )
    return proxy


def _variable(name: str) -> str:
    """Return the variable that names the proxy of a scheme; a lower-case one goes before others."""
    spelled = [each for each in os.environ if each.lower() == f"{name}_proxy" and os.environ[each]]
    return min(spelled, key=str.isupper, default="the system's proxy")


def _names(entry: str, target: httpx.URL) -> bool:
    """Return whether an entry of ``NO_PROXY`` names the host of a URL. One that cannot be read names none.

    An entry is ``*``, a host or a domain, an address, or a network such as ``fd00::/8``. An IPv6 address may stand in
    brackets, a port behind each, and a scheme before it. ``example.com`` names its subdomains too; ``.example.com``
    names only these.
    """
    scheme, _, rest = entry.rpartition("://")
    if scheme not in ("", "all", target.scheme):
        return False
    with_port = _WITH_PORT.fullmatch(rest)
    if with_port:
        rest = with_port["host"]
        if int(with_port["port"]) != (target.port or {"https": 443, "http": 80}.get(target.scheme)):
            return False
    if rest == "*":
        return True
    try:
        network = ipaddress.ip_network(rest.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return _is_below(target.host, rest)
    try:
        return ipaddress.ip_address(target.host) in network
    except ValueError:
        return False


def _is_below(host: str, name: str) -> bool:
    """Return whether a host is the one of this name, or one of its subdomains."""
    name = name.removeprefix("*").rstrip(".")
    try:
        domain = httpx.URL(f"//{name.removeprefix('.')}").host  # in the target's spelling, whatever script it is in
    except httpx.InvalidURL:
        return False
    host = host.rstrip(".")
    return bool(domain) and (host.endswith(f".{domain}") or (host == domain and not name.startswith(".")))
