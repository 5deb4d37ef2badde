"""Where the org is, and who asks: each as a whole from the first of option, environment, profile that says any of it.

An id never meets the secret of another client. Only a secret that is given by itself, from a file, goes with the first
id that is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from ebrule.errors import AccessError, UsageError
from ebrule.settings.credentials import check_credential
from ebrule.settings.hosts import REGIONS, SANDBOX, checked_url, domain_of, is_loopback, is_sandbox
from ebrule.settings.options import Options
from ebrule.settings.profiles import Profile, find_profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NO_ORG = "no org to talk to"


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


def wants_sandbox(options: Options, environ: Mapping[str, str]) -> bool:
    """Return whether the built-in sandbox is asked for; raises :class:`UsageError` as :func:`load_settings` does."""
    place = _place(options, _beside(options, environ), chosen_profile(options, environ))
    # Beside a URL only the option says so: a region that a shell still has set does not hide where the URL leads.
    return is_sandbox(options.region) or (is_sandbox(place.region) and not place.api_url)


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


def chosen_profile(options: Options, environ: Mapping[str, str]) -> Profile | None:
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


def find_org(
    options: Options, environ: Mapping[str, str], profile: Profile | None
) -> tuple[Org | None, AccessError | None]:
    """Return the org, or what is to be raised where one is needed.

    Raises :class:`UsageError` for what no org can have: an unknown region, a URL or a credential that cannot be meant.
    """
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


def no_org() -> AccessError:
    """Return the error for an org that nothing names; it names the variables to set."""
    return AccessError(NO_ORG, hint=_what_to_set(_REGION[0], _ID[0], _SECRET[0]), code="no-credentials")


def _what_to_set(*variables: str) -> str:
    *others, last = variables
    listed = f"{', '.join(others)} and {last}" if others else last
    return (
        f"Set {listed}\n(the gc CLI's and Terraform's own variable{'s' if others else ''}), "
        "choose a profile (--profile NAME),\nor try it on the built-in sandbox: --region sandbox"
    )


def org_warnings(
    options: Options, environ: Mapping[str, str], profile: Profile | None, org: Org | None
) -> Iterator[str]:
    """Return what a user should know of where the org comes from: what of environment and profile goes first."""
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
